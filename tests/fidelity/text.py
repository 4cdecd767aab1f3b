"""Read the text of /debug/pprof/goroutine?debug=2, whoever printed it."""

from __future__ import annotations

import re
from dataclasses import dataclass

Frame = tuple[str, str, int]
"""(function, file, line)"""

# goroutine 7 gp=0xc0001 m=nil [chan receive (nil chan), 2 minutes, locked to thread] {labels}:
_HEADER = re.compile(r"goroutine (?P<goid>\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[(?P<status>[^]]*)](?: \{.*})?:$")
_MINUTES = re.compile(r"\d+ minutes$")
_PLACE = re.compile(r"\t(?P<file>.+):(?P<line>\d+)(?: \+0x[0-9a-f]+)?(?: fp=.*)?$")
_ELIDED = re.compile(r"\.\.\.(?P<what>.+) frames elided\.\.\.$")
_RUNNING = "\tgoroutine running on other thread; stack unavailable"
_CREATED = re.compile(r"created by (?P<function>.+?)(?: in goroutine (?P<parent>\d+))?$")


@dataclass(frozen=True)
class Goroutine:
    goid: int
    state: str
    """The bracket without the minutes: "select", "sleep", "syscall, locked to thread"."""
    frames: tuple[Frame, ...]
    """Innermost first. Frames left out are one entry ("...", how many, 0)."""
    created_by: Frame | None
    parent: int | None


def parse(text: str) -> dict[int, Goroutine]:
    """Return the goroutines of a debug=2 text by goid. Raises ValueError where it is not one."""
    goroutines = (_goroutine(block) for block in text.split("\n\n") if block.strip())
    return {goroutine.goid: goroutine for goroutine in goroutines}


def _goroutine(block: str) -> Goroutine:
    header, *lines = block.strip("\n").split("\n")
    match = _HEADER.match(header)
    if not match:
        raise ValueError(f"not a goroutine: {header!r}")
    frames: list[Frame] = []
    created_by: Frame | None = None
    parent: int | None = None
    rest = iter(lines)
    for line in rest:
        if line == _RUNNING:
            continue
        if elided := _ELIDED.match(line):
            frames.append(("...", elided["what"], 0))
        elif created := _CREATED.match(line):
            created_by = (created["function"], *_place(next(rest)))
            parent = int(created["parent"]) if created["parent"] else None
        else:
            function, bracket, _ = line.rpartition("(")
            if not bracket:
                raise ValueError(f"not a function: {line!r}")
            frames.append((function, *_place(next(rest))))
    status = [part for part in match["status"].split(", ") if not _MINUTES.match(part)]
    return Goroutine(int(match["goid"]), ", ".join(status), tuple(frames), created_by, parent)


def _place(line: str) -> tuple[str, int]:
    match = _PLACE.match(line)
    if not match:
        raise ValueError(f"not a place in a file: {line!r}")
    return match["file"], int(match["line"])
