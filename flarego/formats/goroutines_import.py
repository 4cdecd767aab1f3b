"""Goroutine dumps: what `/debug/pprof/goroutine?debug=2`, a panic, SIGQUIT and `flarego dump` print.

A dump is an instant: each goroutine counts for one second, so that wall time reads as goroutine-seconds, and its
minutes of waiting are its longest wait. Source: runtime/traceback.go, goroutineheader and traceback2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flarego.formats.assembly import INSTANT_NS, About, Assembly, Origin
from flarego.formats.source import BadFile, Source
from flarego.formats.states import is_internal
from flarego.model.frame import Frame

_HEADER = re.compile(r"goroutine \d+(?: gp=\w+ m=\w+(?: mp=\w+)?)? \[(?P<notes>[^\]]*)\]", re.ASCII)
_BEGINS = re.compile(rb"^goroutine \d+ (gp=\w+ m=\w+ (mp=\w+ )?)?\[", re.MULTILINE)
_PLACE = re.compile(r"\t(?P<file>.*):(?P<line>\d{1,9})(?: .*)?", re.ASCII)
_MINUTES = re.compile(r"(\d{1,12}) minutes?", re.ASCII)
_CREATED = re.compile(r"created by (?P<function>.*?)(?: in goroutine \d+)?")
_ELIDED = re.compile(r"\.\.\.\s?(additional|\d+) frames elided\.\.\.")
_TEXT = r'(?:"((?:[^"\\]|\\.)*)"|([\w./]*))'
_LABEL = re.compile(rf"[ ,{{]*{_TEXT}: ?{_TEXT}", re.ASCII)
_MINUTE_NS = 60_000_000_000
_MAX_STACK = 100_000
_RUNTIME_ENTRIES = ("runtime.main", "runtime.corostart", "runtime.handleAsyncEvent")
_STATES = {
    "running": "running", "runnable": "runnable", "syscall": "syscall", "preempted": "preempted", "waiting": "waiting",
    "idle": "other", "dead": "other", "copystack": "other", "moribund": "other", "enqueue": "other",
}  # fmt: skip


@dataclass
class _Goroutine:
    """One goroutine's lines, understood."""

    state: str
    reason: str
    wait: int
    """ns"""
    labels: tuple[tuple[str, str], ...]
    stack: list[Frame] = field(default_factory=list)
    """Innermost first."""
    created_by: Frame | None = None

    def origin(self) -> Origin:
        entry = self.stack[-1] if self.stack else None
        name = entry.function if entry else ""
        return Origin(
            created_by=self.created_by,
            entry=Frame(name, entry.file, 0, internal=entry.internal) if entry else None,
            labels=self.labels,
            system=name.startswith("runtime.") and name not in _RUNTIME_ENTRIES,
        )


def looks_like(head: bytes) -> bool:
    return _BEGINS.search(head) is not None


def read(source: Source, assembly: Assembly) -> About:
    """Add all goroutines of the dump. Raises BadFile."""
    found = 0
    locations: dict[Frame, int] = {}
    for goroutine in _goroutines(source.lines()):
        found += 1
        for frame in goroutine.stack:
            if frame not in locations:
                locations[frame] = assembly.location(frame)
        assembly.add(
            [locations[frame] for frame in reversed(goroutine.stack)],
            state=goroutine.state,
            reason=goroutine.reason,
            origin=goroutine.origin(),
            wall=INSTANT_NS,
            count=1,
            wait=goroutine.wait,
        )
    if not found:
        raise BadFile(f"{source.name} holds no goroutines")
    return About("a goroutine dump", source.stem, INSTANT_NS, command=source.name, kind="tasks")


def _goroutines(lines: Iterator[str]) -> Iterator[_Goroutine]:
    """Yield the goroutines of a dump; lines between them, such as a panic's own, are stepped over."""
    now: _Goroutine | None = None
    function = ""
    for line in lines:
        header = _HEADER.match(line)
        if header:
            if now:
                yield now
            now, function = _begin(header["notes"], line[header.end() :]), ""
        elif now and not line.strip():
            yield now
            now = None
        elif now and function and (place := _PLACE.fullmatch(line)):
            _add(now, function, place["file"], int(place["line"]))
            function = ""
        elif now and _ELIDED.match(line):
            now.stack.append(Frame("… frames left out …", "", 0))
        else:
            function = line if line[:1] not in ("\t", " ", "") else ""
    if now:
        yield now


def _begin(notes: str, rest: str) -> _Goroutine:
    what, *more = notes.split(", ")
    what = what.removesuffix(" (scan)").removesuffix(" (leaked)").removesuffix(" (durable)")
    waits = (int(match[1]) * _MINUTE_NS for note in more if (match := _MINUTES.fullmatch(note)))
    reason = "" if what in _STATES else what
    return _Goroutine(_STATES.get(what, "waiting"), reason, next(waits, 0), tuple(_labels(rest)))


def _add(goroutine: _Goroutine, function: str, file: str, line: int) -> None:
    """Add the frame, or creation site, that two lines tell of."""
    created = _CREATED.fullmatch(function)
    name = created["function"] if created else _name(function)
    frame = Frame(name, file, line, internal=is_internal(name))
    if created:
        goroutine.created_by = frame
    elif len(goroutine.stack) < _MAX_STACK:
        goroutine.stack.append(frame)


def _name(line: str) -> str:
    """Return the function of `main.(*T).run(0x1, {0x2, 0x3})`: arguments have no parentheses of their own."""
    return line[: line.rindex("(")] if line.endswith(")") and line.count("(") else line


def _labels(text: str) -> Iterator[tuple[str, str]]:
    """Yield the labels of a header, ` {key: "value", …}:`, as Go 1.27 prints them."""
    at = 0
    while text.startswith(" {") and (match := _LABEL.match(text, at)):
        yield _unquote(match[1], match[2]), _unquote(match[3], match[4])
        at = match.end()


def _unquote(quoted: str | None, plain: str | None) -> str:
    if quoted is None:
        return plain or ""
    try:
        return str(json.loads(f'"{quoted}"'))
    except ValueError:  # \\x and \\a are Go's, not JSON's
        return quoted
