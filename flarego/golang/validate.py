"""Checking a layout against the live process before anything is believed.

A wrong offset shows: goroutine ids repeat, stacks are upside down, a parked goroutine's stack pointer lies outside its
stack, statuses and wait reasons are ones that do not exist. The process runs on while we look, so a little disorder is
expected; a wrong layout makes nearly everything wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from flarego.errors import UnsupportedGo
from flarego.native import Memory

_SAMPLE = 512
_ATTEMPTS = 5
_MAX_DISORDER = 0.1
_SCAN = 0x1000
_IDLE, _RUNNABLE, _SYSCALL, _WAITING, _PREEMPTED, _DEAD, _DEAD_EXTRA = 0, 1, 3, 4, 9, 6, 11
_STATUSES = frozenset({0, 1, 2, 3, 4, 6, 8, 9, 10, 11})
_NOT_LIVE = frozenset({_IDLE, _DEAD, _DEAD_EXTRA})
_STANDING = frozenset({_RUNNABLE, _WAITING, _PREEMPTED})


def validate(memory: Memory, layout: Mapping[str, int], n_reasons: int, version: str) -> None:
    """Raise UnsupportedGo unless the goroutines the layout finds are believable; tries a few times."""
    problem = ""
    for _ in range(_ATTEMPTS):
        problem = _problem(memory, layout, n_reasons)
        if not problem:
            return
    raise UnsupportedGo(
        f"the layout known for {version} does not fit the process: {problem}",
        remedy="was it built with a modified toolchain or GOEXPERIMENT? A build with debug information "
        "(without -ldflags=-w) lets FlareGo read the layout from it",
    )


def _problem(memory: Memory, layout: Mapping[str, int], n_reasons: int) -> str:
    try:
        array, length, _ = struct.unpack("<3Q", memory.read(layout["allgs"], 24))
        count = min(length, _SAMPLE)
        addresses = struct.unpack(f"<{count}Q", memory.read(array, 8 * count))
    except OSError:
        return "its list of goroutines cannot be read"
    blocks = [block for block in memory.read_spans([(g, layout["g.size"]) for g in addresses]) if block]
    if len(blocks) < len(addresses) or not blocks:
        return "its goroutines cannot be read"
    views = [_View(block, layout) for block in blocks]
    live = [view for view in views if view.status not in _NOT_LIVE]
    if not live:
        return "it has no goroutine that is alive"
    odd = sum(not view.is_believable(n_reasons) for view in views)
    if odd > _MAX_DISORDER * len(views):
        return f"{odd} of {len(views)} goroutines have impossible states or stacks"
    ids = [view.goid for view in live]
    if len(set(ids)) < (1 - _MAX_DISORDER) * len(ids):
        return "goroutine ids repeat"
    # The main goroutine is the first ever made, and its g is reused only after it called runtime.Goexit.
    if 1 not in ids and views[0].status not in _NOT_LIVE:
        return "there is no goroutine 1"
    return ""


class _View:
    """The fields of one g that are checked."""

    def __init__(self, block: bytes, layout: Mapping[str, int]) -> None:
        def word(name: str, size: int = 8) -> int:
            at = layout[name]
            return int.from_bytes(block[at : at + size], "little")

        self.status = word("g.atomicstatus", 4) & ~_SCAN
        self.reason = word("g.waitreason", 1)
        self.goid = word("g.goid")
        self.low, self.high = word("g.stack.lo"), word("g.stack.hi")
        self.sp = word("g.sched.sp")

    def is_believable(self, n_reasons: int) -> bool:
        if self.status not in _STATUSES:
            return False
        if self.status in _NOT_LIVE:
            return True
        if not 0 < self.goid < 1 << 47 or not self.low < self.high or self.high - self.low > 1 << 32:
            return False
        if self.status == _WAITING and not 0 < self.reason < n_reasons:
            return False
        return self.status not in _STANDING or self.low < self.sp <= self.high
