"""Builders and strategies of messages: any that FORMAT.md allows."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import strategies as st

from flarego.model.chunk import WIDTHS, Chunk, Gap, Gone, ProcessInfo

NUMBERS = st.integers(0, 2**63 - 1)
TEXTS = st.text(max_size=12)
VALUES = st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS
MAPS = st.dictionaries(TEXTS, VALUES, max_size=4)


def info(**changes: Any) -> ProcessInfo:
    """A process message."""
    values: dict[str, Any] = {
        "process": "7-1", "pid": 7, "name": "api", "command": "api -v", "host": "here", "runtime": "go",
        "runtime_version": "go1.27.3", "module": "example.com/api", "build_id": "ab", "task": "goroutine",
        "reasons": ("", "chan receive"), "engine": "perf", "engine_why": "", "epoch": 10**18, "budget": 0.01,
    }  # fmt: skip
    return ProcessInfo(**(values | changes))


def chunk(sequence: int = 1, generation: int = 1, *, rows: int = 1, names: tuple[str, ...] = ("",)) -> Chunk:
    """A chunk of 200 ms with that many rows and definitions of strings."""
    columns = {name: bytes(width * rows) for name, width in WIDTHS["rows"].items()}
    return Chunk(
        process="7-1",
        generation=generation,
        sequence=sequence,
        start=sequence * 200_000_000,
        end=(sequence + 1) * 200_000_000,
        strings=names,
        rows=columns if rows else {},
        series={"threads": 3.0},
    )


@st.composite
def _columns(draw: st.DrawFn, table: str) -> dict[str, bytes]:
    entries = draw(st.integers(0, 6))
    return {
        name: draw(st.binary(min_size=width * entries, max_size=width * entries))
        for name, width in WIDTHS[table].items()
    }


@st.composite
def _locations(draw: st.DrawFn) -> dict[str, bytes]:
    counts = draw(st.lists(st.integers(1, 5), max_size=5))
    frames = draw(st.lists(st.integers(0, 2**32 - 1), min_size=sum(counts), max_size=sum(counts)))
    return {"count": bytes(counts), "frame": array("I", frames).tobytes()}


_LISTS = st.lists(TEXTS, max_size=4)
_SPANS = st.tuples(NUMBERS, NUMBERS).map(sorted)


@st.composite
def _members(draw: st.DrawFn) -> dict[str, bytes]:
    left = draw(st.lists(NUMBERS, max_size=4))
    return draw(_columns("members")) | {"left": array("Q", left).tobytes()}


CHUNKS = st.builds(
    lambda span, **rest: Chunk(start=span[0], end=span[1], **rest), span=_SPANS,
    process=TEXTS, generation=NUMBERS, sequence=NUMBERS, strings=_LISTS,
    frames=st.just({}) | _columns("frames"), locations=st.just({}) | _locations(),
    nodes=st.just({}) | _columns("nodes"), groups=st.lists(MAPS, max_size=3), rows=st.just({}) | _columns("rows"),
    members=st.just({}) | _members(),
    series=st.dictionaries(TEXTS, NUMBERS | st.floats(allow_nan=False), max_size=4),
    events=st.lists(MAPS, max_size=3), waits=st.lists(MAPS, max_size=3), processors=st.lists(MAPS, max_size=3),
    sampler=MAPS,
)  # fmt: skip
INFOS = st.builds(
    ProcessInfo, process=TEXTS, pid=NUMBERS, name=TEXTS, command=TEXTS, host=TEXTS, runtime=TEXTS,
    runtime_version=TEXTS, module=TEXTS, build_id=TEXTS, task=TEXTS, reasons=_LISTS.map(tuple), engine=TEXTS,
    engine_why=TEXTS, epoch=NUMBERS, budget=st.floats(0, 100), states=_LISTS.map(tuple),
)  # fmt: skip
MESSAGES = CHUNKS | INFOS | st.builds(Gone, TEXTS, NUMBERS, TEXTS) | st.builds(Gap, TEXTS, NUMBERS, NUMBERS)
