"""Which formats there are, and how a file is known to be one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Protocol, cast

from flarego.formats.assembly import About, Assembly
from flarego.formats.recording import Recording
from flarego.formats.source import BadFile, Source
from flarego.model.chunk import Message


class Writer(Protocol):
    """A module that writes a format."""

    @staticmethod
    def export(recording: Recording, out: BinaryIO) -> None: ...


class Importer(Protocol):
    """A module that reads a format."""

    @staticmethod
    def looks_like(head: bytes) -> bool: ...

    @staticmethod
    def read(source: Source, assembly: Assembly) -> About: ...


@dataclass(frozen=True)
class Export:
    module: str
    suffixes: tuple[str, ...]
    """What the names of such files end with."""


EXPORTS: Mapping[str, Export] = {
    "pprof": Export("pprof", (".pb.gz", ".pprof", ".prof", ".pb")),
    "collapsed": Export("collapsed", (".collapsed", ".folded", ".txt")),
    "speedscope": Export("speedscope", (".speedscope.json", ".speedscope")),
    "perfetto": Export("perfetto", (".perfetto-trace", ".pftrace", ".perfetto")),
    "gecko": Export("gecko", (".gecko.json", ".gecko.json.gz", ".gecko", ".firefox.json", ".firefox.json.gz")),
    "svg": Export("svg", (".svg",)),
    "html": Export("html", (".html", ".htm")),
    "json": Export("plain", (".json",)),
}
IMPORTS: Mapping[str, str] = {
    "pprof": "pprof_import",
    "goroutines": "goroutines_import",
    "speedscope": "speedscope_import",
    "fgo-json": "flame_import",
    "collapsed": "collapsed",
}
"""In the order in which they are tried: the surest first."""


def exporter(name: str) -> Writer:
    """Return what writes a format."""
    return cast(Writer, importlib.import_module(f"flarego.formats.{EXPORTS[name].module}"))


def guess_export(path: str) -> str | None:
    """Return the format that a file's name stands for; the longest ending decides."""
    name = PurePath(path).name.lower()
    endings = [(len(suffix), format) for format, export in EXPORTS.items() for suffix in export.suffixes
               if name.endswith(suffix)]  # fmt: skip
    return max(endings)[1] if endings else None


def load(source: Source, format: str | None = None) -> list[Message]:
    """Return what a file holds, as messages for a clip. Raises BadFile when it is none of the formats, or damaged."""
    head = source.head()
    if head.startswith(b"\x89FGO"):
        raise BadFile(f"{source.name} is a clip already", remedy=f"`flarego replay {source.name}` shows it")
    if format is None:
        format = next((name for name in IMPORTS if importer(name).looks_like(head)), None)
    if format is None:
        raise BadFile(f"{source.name} is none of the formats flarego imports ({', '.join(IMPORTS)})")
    assembly = Assembly()
    return assembly.messages(importer(format).read(source, assembly))


def importer(name: str) -> Importer:
    """Return what reads a format."""
    return cast(Importer, importlib.import_module(f"flarego.formats.{IMPORTS[name]}"))
