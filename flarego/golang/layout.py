"""Where the Go runtime keeps its fields: shapes of its structures by version, from `layouts.json`.

A shape is stored once and shared by every version that has it. `m` and `workType` are known to move within a minor
version, so a patch release that is not in the table gets the shapes of all its minor's releases as candidates, and
discovery chooses by what the live process says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from flarego.errors import UnsupportedGo

STRUCTS = (
    "g", "m", "p", "schedt", "gcControllerState", "mstats", "workType", "heapStatsDelta", "timeHistogram",
    "sudog", "hchan", "timer", "pollDesc", "moduledata", "pcHeader", "_func", "inlinedCall", "gobuf",
)  # fmt: skip

_T = TypeVar("_T")
_VERSION = re.compile(r"(?:devel )?go(1)\.(\d+)(?:\.(\d+))?(?:\S*)(?: .*)?$")
SUPPORTED = "1.19 to 1.27"


class Field(NamedTuple):
    """Offset and size in bytes; stride is the size of an element when the field is an array, else 0."""

    offset: int
    size: int
    stride: int = 0


@dataclass(frozen=True)
class Shape:
    """One structure's layout: fields by dotted path, e.g. `sched.sp`."""

    size: int
    fields: Mapping[str, Field]

    def offset(self, *names: str) -> int:
        """Return the offset of the first of `names` that exists; raises KeyError when none does."""
        for name in names:
            if name in self.fields:
                return self.fields[name].offset
        raise KeyError(names[0])

    def offset_or_zero(self, *names: str) -> int:
        """Return the offset, or 0 when this version has no such field (no such field lies at 0)."""
        return next((self.fields[n].offset for n in names if n in self.fields), 0)


class Version(NamedTuple):
    """A Go release as (1, minor, patch); patch -1 when the string names none."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"go{self.major}.{self.minor}" + (f".{self.patch}" if self.patch >= 0 else "")


def parse_version(text: str) -> Version | None:
    """Return the release that `text` (as runtime.Version() gives it) names, None when it names none."""
    match = _VERSION.match(text)
    if match is None:
        return None
    major, minor, patch = match.groups()
    # Up to 1.20 the first release of a minor is "go1.20", later "go1.21.0".
    return Version(int(major), int(minor), int(patch) if patch else (0 if "devel" not in text else -1))


@dataclass(frozen=True)
class Release:
    """What is known of one version: candidates for each structure (best first), wait reasons, where from."""

    version: str
    shapes: Mapping[str, Sequence[Shape]]
    reason_tables: Sequence[Sequence[str]]
    source: str

    @property
    def minor(self) -> int:
        version = parse_version(self.version)
        return version.minor if version else 0

    @property
    def reasons(self) -> Sequence[str]:
        """Wait reasons in the order of their numbers."""
        return self.reason_tables[0]

    def shape(self, name: str) -> Shape:
        return self.shapes[name][0]

    def chosen(self, **choices: Shape) -> Release:
        """Return this release with the named structures' candidates reduced to the chosen one."""
        shapes = {**self.shapes, **{name: (shape,) for name, shape in choices.items()}}
        return replace(self, shapes=shapes)

    def with_reasons(self, reasons: Sequence[str]) -> Release:
        return replace(self, reason_tables=[reasons])


def _table() -> dict[str, Any]:
    """Read the table. It is not kept: an agent has better uses for its megabyte."""
    table: dict[str, Any] = json.loads(Path(__file__).with_name("layouts.json").read_bytes())
    return table


def shape_from_json(data: Mapping[str, Any]) -> Shape:
    return Shape(data["size"], {name: Field(*field) for name, field in data["fields"].items()})


def known_versions() -> list[str]:
    """Return the versions in the table, oldest first, e.g. `go1.24.3`; experiments follow as `go1.26.0+name`."""
    return list(_table()["versions"])


@lru_cache(maxsize=32)
def release_for(text: str) -> Release:
    """Return what the table knows of the version that `text` names; raises UnsupportedGo.

    A version in the table has one candidate a structure, and after it those of the same minor (a toolchain built
    with other experiments has the same version). An unseen patch release has its minor's, the nearest first.
    """
    version = parse_version(text)
    if version is None:
        raise UnsupportedGo(
            f"the process was built by {text!r}, which is not a Go release",
            remedy=f"FlareGo reads programs built by Go {SUPPORTED}",
        )
    table = _table()
    siblings = [name for name in table["versions"] if _minor(name) == version[:2]]
    if not siblings or version.patch < 0:
        raise UnsupportedGo(
            f"the process was built by {text}; layouts are known for Go {SUPPORTED}",
            remedy="build the program without -ldflags=-w so that FlareGo can read the layout from its debug "
            "information, or upgrade flarego",
        )
    experiments = set(re.findall(r"X:(\S+)", text)[-1].split(",")) if "X:" in text else set()
    siblings.sort(key=lambda name: _distance(name, version, experiments))
    entries = [table["versions"][name] for name in siblings]
    shapes = {
        name: [
            shape_from_json(table["shapes"][name][n])
            for n in _unique(e["shapes"][name] for e in entries if name in e["shapes"])
        ]
        for name in STRUCTS
    }
    reasons = _unique(table["reasons"][entry["reasons"]] for entry in entries)
    return Release(text, shapes, reasons, entries[0]["source"])


def _minor(name: str) -> tuple[int, int] | None:
    version = parse_version(name.partition("+")[0])
    return version[:2] if version else None


def _distance(name: str, wanted: Version, experiments: set[str]) -> tuple[int, int]:
    base, _, suffix = name.partition("+")
    version = parse_version(base)
    assert version is not None
    differs = len(experiments ^ set(filter(None, suffix.split(","))))
    return (differs, abs(version.patch - wanted.patch))


def _unique(items: Iterable[_T]) -> list[_T]:
    found: list[_T] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
