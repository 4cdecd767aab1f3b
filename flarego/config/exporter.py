"""Exporters in the settings: `--exporters KIND:TARGET`, or tables `[[gateway.exporters]]` that say more."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from flarego.config.kind import BYTES, FILE, SECONDS, TEXT, URL, Kind

KINDS = ("file", "otlp", "pyroscope")
FORMATS = ("pprof", "collapsed", "speedscope", "perfetto", "gecko", "svg", "html", "json", "fgo")
_EVERY = {"file": 60.0, "otlp": 15.0, "pyroscope": 15.0}
_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]-]{1,128}")


@dataclass(frozen=True)
class ExporterSettings:
    """What is exported, how often, and where to."""

    kind: str
    target: str
    """A directory, or a URL."""
    name: str = ""
    """In metrics and log; the kind unless it is given."""
    every: float = 0.0
    """Seconds: how long a window is; 0: a minute for files, else 15 s."""
    namespace: str = "*"
    """Pattern of the namespaces it gets."""
    process: str = "*"
    """Pattern of names or ids of processes."""
    format: str = "pprof"
    """Of files."""
    keep_bytes: int = 1 << 30
    """Of files: the oldest go when there are more of them; 0: never."""
    keep_age: float = 7 * 86400.0
    """Seconds that files are kept; 0: for ever."""
    headers_file: Path | None = None
    """Of pushes: lines `Name: value`, such as an Authorization; read each time."""
    ca: Path | None = None
    """Of pushes: certificates to trust instead of the system's."""

    @property
    def called(self) -> str:
        return self.name or self.kind

    @property
    def interval(self) -> float:
        return self.every or _EVERY[self.kind]

    def wants(self, namespace: str, process: str, name: str) -> bool:
        """Tell whether it gets a process."""
        match = fnmatch.fnmatchcase
        return match(namespace, self.namespace) and (match(process, self.process) or match(name, self.process))


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("write a name, or a pattern with * and ?")
    return text


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ValueError(f"choose one of {', '.join(FORMATS)}")
    return text


_OF: Mapping[str, Kind] = {
    "kind": TEXT, "target": TEXT, "name": Kind("NAME", _pattern), "every": SECONDS,
    "namespace": Kind("PATTERN", _pattern), "process": Kind("PATTERN", _pattern), "format": Kind("FORMAT", _format),
    "keep_bytes": BYTES, "keep_age": SECONDS, "headers_file": FILE, "ca": FILE,
}  # fmt: skip
_NEEDED = [field.name for field in fields(ExporterSettings) if field.default is MISSING]


def read(values: Mapping[str, object]) -> ExporterSettings:
    """Return one exporter. Raises ValueError."""
    given: dict[str, object] = {}
    for key, value in values.items():
        if key not in _OF:
            near = difflib.get_close_matches(key, _OF, n=1, cutoff=0.5)
            raise ValueError(f"an exporter has no {key}{f'; did you mean {near[0]}?' if near else ''}")
        try:
            given[key] = _OF[key].read(value)
        except ValueError as e:
            raise ValueError(f"{key}: {e}") from None
    if missing := [key for key in _NEEDED if not given.get(key)]:
        raise ValueError(f"an exporter needs {' and '.join(missing)}")
    exporter = ExporterSettings(**given)  # type: ignore[arg-type]
    if exporter.kind not in KINDS:
        raise ValueError(f"an exporter's kind is one of {', '.join(KINDS)}")
    if exporter.kind != "file":
        URL.parse(exporter.target)
    if exporter.every and exporter.every < 1:
        raise ValueError("every: a second or more")
    return exporter


def parse(text: str) -> ExporterSettings:
    """Return the exporter that KIND:TARGET stands for. Raises ValueError."""
    kind, _, target = text.partition(":")
    return read({"kind": kind, "target": target})


def _write(value: object) -> str:
    exporters: tuple[ExporterSettings, ...] = value if isinstance(value, tuple) else ()
    return ", ".join(f"{one.kind}:{one.target}" for one in exporters)


class _Several(Kind):
    """Any number of exporters: texts, or tables."""

    def _each(self, value: object) -> list[object]:
        if isinstance(value, dict):
            return [read(value)]
        return super()._each(value)


_parse: Callable[[str], object] = parse
EXPORTERS = _Several("KIND:TARGET", _parse, write=_write, many=True)
