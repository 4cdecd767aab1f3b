"""Reading flame-graph chunks in JSON: what an agent in any language sends. JSON.md says what every key means.

A body is lines of JSON (NDJSON), one object, or a list of them. What is wrong is said with its line and its place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flarego.formats.assembly import Assembly, Budget, Labels, Origin
from flarego.formats.flame_import import add_tree
from flarego.formats.pushed import MAX_ENTRIES, new_assembly, new_budget
from flarego.formats.source import BadFile, clean
from flarego.formats.states import is_internal
from flarego.model.chunk import STATES
from flarego.model.frame import Frame

PROCESS = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
MAX_MESSAGES = 1_000
MAX_STACKS = 16_000
MAX_LABELS = 32
MAX_SERIES = 256
MAX_SPAN_MS = 3_600_000
_MAX_KEY, _MAX_VALUE = 128, 512
_MAX_PLACE = 80


class BadChunk(BadFile):
    """A line that is no message, or one that contradicts itself."""

    usual_remedy = "JSON.md of flarego's documentation has the format and an example; GET api/v1/ingest its JSON Schema"


@dataclass(frozen=True, slots=True)
class Described:
    """A process, as its agent describes it."""

    process: str
    name: str
    pid: int = 0
    host: str = ""
    command: str = ""
    runtime: str = ""
    runtime_version: str = ""
    task: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A chunk."""

    process: str
    line: int
    start: int
    """Unix ns."""
    end: int
    assembly: Assembly
    series: Mapping[str, float]
    id: str
    """Its number, if it has one: what was taken before is not taken again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that sends nothing more."""

    process: str
    why: str


Message = Described | Sent | Ended


def read(data: bytes, *, lines: bool) -> list[Message]:
    """Return the messages of a body: lines of JSON, or one JSON text. Raises BadChunk."""
    if data.count(b"{") + data.count(b"[") > MAX_ENTRIES or data.count(b",") > 8 * MAX_ENTRIES:
        raise BadChunk("a body of more objects and lists than flarego takes at once", remedy="send it in parts")
    values = list(_lines(data) if lines else _text(data))
    if len(values) > MAX_MESSAGES:
        raise BadChunk(f"more than {MAX_MESSAGES:,} messages at once", remedy="send them in parts")
    if not values:
        raise BadChunk("nothing was sent")
    budget = new_budget()
    return [_message(_Place(line), value, budget) for line, value in values]


def _lines(data: bytes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, _loads(line, number)


def _text(data: bytes) -> Iterator[tuple[int, Any]]:
    value = _loads(data, 0)
    yield from enumerate(value if isinstance(value, list) else [value], 1)


def _loads(text: bytes, line: int) -> Any:
    try:
        return json.loads(text.decode(), parse_int=_integer)
    except json.JSONDecodeError as e:
        raise BadChunk(f"line {line or e.lineno}, column {e.colno}: no JSON: {e.msg}") from None
    except UnicodeDecodeError:
        raise BadChunk(f"line {line or 1}: no UTF-8") from None
    except RecursionError:
        raise BadChunk(f"line {line or 1}: nested too deeply") from None


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 20 else float(text)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a body something is, to say it."""

    line: int
    path: str = ""

    def at(self, key: object) -> _Place:
        path = f"{self.path}[{key}]" if isinstance(key, int) else f"{self.path}.{key}"
        return _Place(self.line, path.lstrip("."))

    def bad(self, what: str) -> BadChunk:
        return BadChunk(f"line {self.line}: {self.path[:_MAX_PLACE]} {what}".replace(":  ", ": "))

    def text(self, value: Mapping[str, Any], key: str, most: int, default: str | None = "") -> str:
        found = value.get(key, default)
        if not isinstance(found, str) or len(found) > most or (default is None and not found):
            raise self.at(key).bad(f"should be a text of at most {most:,} characters")
        return clean(found)

    def number(self, value: Mapping[str, Any], key: str, default: float | None = 0.0) -> float:
        found = value.get(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float(1 << 63):
            raise self.at(key).bad("should be a number from 0 on")
        return found

    def object(self, value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = value.get(key, {})
        if not isinstance(found, dict):
            raise self.at(key).bad("should be an object")
        return found

    def list(self, value: Mapping[str, Any], key: str, most: int) -> Sequence[Any]:
        found = value.get(key, [])
        if not isinstance(found, list) or len(found) > most:
            raise self.at(key).bad(f"should be a list of at most {most:,}")
        return found

    def labels(self, value: Mapping[str, Any]) -> Labels:
        found, place = self.object(value, "labels"), self.at("labels")
        if len(found) > MAX_LABELS or any(len(key) > _MAX_KEY for key in found):
            raise place.bad(f"should be at most {MAX_LABELS}, of names of at most {_MAX_KEY} characters")
        return tuple(sorted((clean(key), place.text(found, key, _MAX_VALUE)) for key in found))


def _message(place: _Place, value: Any, budget: Budget) -> Message:
    if not isinstance(value, dict):
        raise place.bad("should be an object")
    process = place.text(value, "process", 128, None)
    if not PROCESS.fullmatch(process):
        raise place.at("process").bad("should be 1 to 128 of A-Z a-z 0-9 . _ -")
    match value.get("type"):
        case "process":
            return _described(place, value, process)
        case "chunk":
            return _sent(place, value, process, budget)
        case "gone":
            return Ended(process, place.text(value, "why", _MAX_VALUE) or "said that it ends")
        case _:
            raise place.at("type").bad('should be "process", "chunk" or "gone"')


def _described(place: _Place, value: Mapping[str, Any], process: str) -> Described:
    texts = ("host", "command", "runtime", "runtime_version", "task")
    pid = place.number(value, "pid")
    return Described(
        process,
        place.text(value, "name", _MAX_VALUE, process),
        int(min(pid, (1 << 31) - 1)),
        **{key: place.text(value, key, _MAX_VALUE) for key in texts},
        labels=dict(place.labels(value)),
    )


def _sent(place: _Place, value: Mapping[str, Any], process: str, budget: Budget) -> Sent:
    start_ms, end_ms = (place.number(value, key, None) for key in ("start_ms", "end_ms"))
    if not 0 < end_ms - start_ms <= MAX_SPAN_MS:
        raise place.at("end_ms").bad("should be later than start_ms, by an hour at most")
    start, end = _ns(start_ms), _ns(end_ms)
    assembly = new_assembly(budget)
    stacks, span = place.list(value, "stacks", MAX_STACKS), float(end - start)
    adder = _Adder(assembly, span)
    for i, stack in enumerate(stacks):
        adder.add(place.at("stacks").at(i), stack)
    if "flame" in value:
        try:
            add_tree(value["flame"], assembly, place.number(value, "unit_ns", 1.0))
        except BadFile as e:
            raise place.at("flame").bad(f"is none: {e.message}") from None
    sequence = place.number(value, "sequence")
    return Sent(process, place.line, start, end, assembly, _series(place, value), f"{sequence:.0f}" if sequence else "")


def _ns(ms: float) -> int:
    """Return ns of ms: as a float, a time of today would lose 256 of them."""
    whole = int(ms)
    return whole * 1_000_000 + round((ms - whole) * 1e6)


def _series(place: _Place, value: Mapping[str, Any]) -> Mapping[str, float]:
    found, inside = place.object(value, "series"), place.at("series")
    if len(found) > MAX_SERIES or any(not key or len(key) > _MAX_KEY for key in found):
        raise inside.bad(f"should be at most {MAX_SERIES}, of names of at most {_MAX_KEY} characters")
    for key, number in found.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise inside.at(clean(key)).bad("should be a number")
    return {clean(key): float(number) for key, number in found.items()}


class _Adder:
    """Adds the stacks of one chunk."""

    def __init__(self, assembly: Assembly, span: float) -> None:
        self._assembly, self._span = assembly, span
        self._locations: dict[Any, int] = {}

    def add(self, place: _Place, value: Any) -> None:
        if not isinstance(value, dict):
            raise place.bad("should be an object")
        count, cpu = place.number(value, "count"), place.number(value, "cpu_ns")
        wall = place.number(value, "wall_ns", cpu or count * self._span)
        state = value.get("state", "running" if cpu else "other")
        if state not in STATES:
            raise place.at("state").bad(f"should be one of {', '.join(STATES)}")
        created_by = place.text(value, "created_by", _MAX_VALUE)
        origin = Origin(Frame(created_by, "", 0) if created_by else None, labels=place.labels(value))
        frames = place.list(value, "stack", 1 << 16)
        try:
            stack = [self._frame(place.at("stack").at(i), frame) for i, frame in enumerate(frames)]
            self._assembly.add(
                stack, state=state, reason=place.text(value, "reason", _MAX_VALUE), origin=origin, wall=wall, cpu=cpu,
                count=int(min(count, (1 << 32) - 1)), wait=place.number(value, "longest_wait_ns"),
            )  # fmt: skip
        except BadChunk:
            raise
        except BadFile as e:
            raise place.bad(f"is too much: {e.message}") from None

    def _frame(self, place: _Place, value: Any) -> int:
        """Return the location of a frame: a function's name, or an object with more."""
        if isinstance(value, str):
            found = self._locations.get(value)
            if found is None:
                frame = Frame(value or "?", "", 0, internal=is_internal(value))
                found = self._locations[value] = self._assembly.location(frame)
            return found
        if not isinstance(value, dict):
            raise place.bad("should be a function's name, or an object with it")
        function = place.text(value, "function", 1 << 16, None)
        line = int(min(place.number(value, "line"), (1 << 32) - 1))
        return self._assembly.location(
            Frame(function, place.text(value, "file", 1 << 16), line, internal=is_internal(function))
        )
