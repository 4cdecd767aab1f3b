"""Who has each processor (P) at this moment: the thread, and the goroutine on it."""

from __future__ import annotations

from collections.abc import Sequence

from flarego.golang.layout import Release
from flarego.native import Memory


def occupants_of(memory: Memory, release: Release, processors: Sequence[int]) -> list[dict[str, int]]:
    """Return each processor's `timers`, and where there is one, the OS `thread` that has it and the `goroutine` (id)
    on that. Three batched reads beside a running program: each of them is true, together they may be of two moments.
    """
    p, m = release.shape("p"), release.shape("m")
    fields = (p.offset("m"), 8), (p.offset("timers.len", "numTimers"), 4)
    blocks = memory.read_spans([(at + offset, size) for at in processors for offset, size in fields])
    found = [{} if block is None else {"timers": _number(block)} for block in blocks[1::2]]
    holders = [(place, _number(block)) for place, block in enumerate(blocks[::2]) if block and _number(block)]
    offsets = m.offset("procid"), m.offset("curg")
    blocks = memory.read_spans([(holder + offset, 8) for _, holder in holders for offset in offsets])
    running = []
    for (place, _), thread, current in zip(holders, blocks[::2], blocks[1::2], strict=True):
        found[place] |= {"thread": _number(thread)} if thread else {}
        running += [(place, _number(current))] if current and _number(current) else []
    goid = release.shape("g").offset("goid")
    goids = memory.read_spans([(g + goid, 8) for _, g in running])
    for (place, _), block in zip(running, goids, strict=True):
        found[place] |= {"goroutine": _number(block)} if block and _number(block) else {}
    return found


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
