"""Finding the runtime's variables in a live process, without symbols: m0, allgs, allm, allp, sched and the rest.

Every candidate is an address that the runtime's own code refers to; what lies there decides. Source: the shared facts,
section 2, steps 5 to 8.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flarego.errors import UnsupportedGo
from flarego.golang.layout import Release, Shape
from flarego.golang.vote import elect
from flarego.native import Memory, rip_targets

_MAX_GOROUTINES = 4 << 20
_MAX_THREADS = 10_000
_MAX_PROCESSORS = 1 << 16
_MAX_P_STATUS = 4
_MAX_QUEUE = 256
_MAX_SIZE = 1 << 47
_GO_PAGE = 8192
_DEFAULT_HEAP_MINIMUM = 4 << 20
_PEEK = 24
_MAX_REASON = 64
_G_M = 48
"""Offset of g.m and (0) of m.g0 in every Go from 1.19 to 1.27."""


@dataclass(frozen=True)
class Addresses:
    """Where the runtime's variables lie. `allgs` and `allp` are slice headers, the rest the variables themselves."""

    m0: int
    g0: int
    allgs: int
    allm: int
    allp: int
    sched: int
    gc_controller: int
    memstats: int
    work: int


class Finder:
    """One search. `targets` are the sorted data addresses that runtime code refers to."""

    def __init__(self, memory: Memory, release: Release, targets: Sequence[int], tids: set[int]) -> None:
        self.memory = memory
        self.release = release
        self.targets = targets
        self.tids = tids
        self._numgc = 0
        peeks = self.memory.read_spans([(target, _PEEK) for target in targets])
        self.peeks: Mapping[int, tuple[int, int, int]] = {
            target: struct.unpack("<3Q", data) for target, data in zip(targets, peeks, strict=True) if data
        }

    def find(self) -> tuple[Addresses, Release]:
        """Return all addresses, and the release with its candidates reduced to the layouts that fit.

        Raises UnsupportedGo, naming what was not found.
        """
        m0, g0, m_shape = self._find_m0()
        sched, schedt = self._elect("sched", "schedt", self._is_sched)
        gc_controller, controller = self._elect("gcController", "gcControllerState", self._is_gc_controller)
        memstats, mstats = self._elect("memstats", "mstats", self._is_memstats)
        self._numgc = memstats + mstats.offset("numgc")
        work, work_type = self._elect("work", "workType", self._is_work)
        allm, m_shape = self._find_allm(m0, m_shape, range(sched, sched + schedt.size))
        allp, p_shape = self._find_allp(range(m0, m0 + m_shape[0].size))
        release = self.release.chosen(
            m=m_shape[0], p=p_shape, schedt=schedt, gcControllerState=controller, mstats=mstats, workType=work_type,
        )  # fmt: skip
        allgs, g = self._find_allgs()
        release = release.chosen(g=g)
        return Addresses(m0, g0, allgs, allm, allp, sched, gc_controller, memstats, work), release

    def find_reasons(self) -> Sequence[str]:
        """Return the wait reasons that the program itself has (runtime.waitReasonStrings, an array of strings).

        Raises UnsupportedGo when it has others than any release of its minor version. A program without the array
        (it is linked only where something prints goroutines) has the release's.
        """
        for address, (_, length, _) in self.peeks.items():
            if length == 0 and (own := self._strings(address)):
                for known in sorted(self.release.reason_tables, key=len, reverse=True):
                    if list(known) == own[: len(known)]:
                        return known
                raise self._missing("the table of wait reasons it should have")
        return self.release.reasons

    def _strings(self, address: int) -> list[str]:
        count = max(len(table) for table in self.release.reason_tables)
        data = self.memory.read_some(address, 16 * count)
        pairs = list(struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]))
        head = [len(text) for text in self.release.reasons[:3]]
        if [length for _, length in pairs[:3]] != head:
            return []
        spans = [(at, min(length, _MAX_REASON)) for at, length in pairs if length]
        texts = iter(self.memory.read_spans(spans))
        return [(next(texts) or b"").decode("utf-8", "replace") if length else "" for _, length in pairs]

    def _missing(self, what: str) -> UnsupportedGo:
        return UnsupportedGo(
            f"the process ({self.release.version}) does not look as that version of Go does: {what} was not found",
            remedy="was it built with a modified toolchain or GOEXPERIMENT? A build with debug information "
            "(without -ldflags=-w) lets FlareGo read the layout from it",
        )

    def _elect(self, name: str, struct_name: str, accept: Callable[[int, Shape], bool]) -> tuple[int, Shape]:
        def trusted(address: int, shape: Shape) -> bool:
            try:
                return accept(address, shape)
            except OSError:
                return False

        vote = elect(self.targets, self.release.shapes[struct_name], trusted)
        if vote is None:
            raise self._missing(f"runtime.{name}")
        return vote.address, vote.shape

    def word(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 8), "little")

    def half(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 4), "little")

    def _find_m0(self) -> tuple[int, int, list[Shape]]:
        """m0.g0 points to g0, whose m points back to m0; m0 runs on one of the process's threads."""
        for m0, (g0, _, _) in self.peeks.items():
            if g0 not in self.peeks or g0 == m0:
                continue
            try:
                if self.word(g0 + _G_M) != m0:
                    continue
                fitting = [s for s in self.release.shapes["m"] if self.word(m0 + s.offset("procid")) in self.tids]
            except OSError:
                continue
            if fitting:
                return m0, g0, fitting
        raise self._missing("runtime.m0")

    def _find_allgs(self) -> tuple[int, Shape]:
        for address, (array, length, capacity) in self.peeks.items():
            if array and 0 < length <= capacity <= _MAX_GOROUTINES:
                for shape in self.release.shapes["g"]:
                    if self._is_first_goroutine(array, shape):
                        return address, shape
        raise self._missing("runtime.allgs")

    def _is_first_goroutine(self, array: int, shape: Shape) -> bool:
        try:
            g = self.word(array)
            low, high = self.word(g), self.word(g + 8)
            return self.word(g + shape.offset("goid")) == 1 and low < self.word(g + shape.offset("sched.sp")) < high
        except OSError:
            return False

    def _find_allm(self, m0: int, shapes: Sequence[Shape], exclude: range) -> tuple[int, list[Shape]]:
        """allm heads a list of every m, linked by alllink, that ends with m0; its offset has moved in patches."""
        best: tuple[int, int, Shape] | None = None
        for shape in shapes:
            for address, (first, _, _) in self.peeks.items():
                if address in exclude or not first:
                    continue
                length = self._chain_length(first, m0, shape)
                if length and (best is None or length > best[0]):
                    best = (length, address, shape)
        if best is None:
            raise self._missing("runtime.allm")
        return best[1], [best[2]]

    def _chain_length(self, first: int, m0: int, shape: Shape) -> int:
        """Return how many m lie between `first` and m0 at the end, all on living threads; 0 when it is no such list."""
        link, procid = shape.offset("alllink"), shape.offset("procid")
        at, length = first, 0
        try:
            while at and length < _MAX_THREADS:
                # An extra m (for C threads that call Go) has no thread of its own.
                if self.word(at + procid) not in self.tids | {0} or self.word(at) == 0:
                    return 0
                length += 1
                if at == m0:
                    return length if self.word(at + link) == 0 else 0
                at = self.word(at + link)
        except OSError:
            pass
        return 0

    def _find_allp(self, exclude: range) -> tuple[int, Shape]:
        for shape in self.release.shapes["p"]:
            for address, (array, length, capacity) in self.peeks.items():
                if address in exclude or not array or not 0 < length <= capacity <= _MAX_PROCESSORS:
                    continue
                if self._are_processors(array, min(length, 64), shape):
                    return address, shape
        raise self._missing("runtime.allp")

    def _are_processors(self, array: int, count: int, shape: Shape) -> bool:
        try:
            pointers = struct.unpack(f"<{count}Q", self.memory.read(array, 8 * count))
            for index, p in enumerate(pointers):
                number, status = struct.unpack("<iI", self.memory.read(p, 8))
                head, tail = struct.unpack("<II", self.memory.read(p + shape.offset("runqhead"), 8))
                if number != index or status > _MAX_P_STATUS or (tail - head) % (1 << 32) > _MAX_QUEUE:
                    return False
                if not self.word(p + shape.offset("mcache")):
                    return False
        except OSError:
            return False
        return True

    def _is_sched(self, address: int, shape: Shape) -> bool:
        most = self.half(address + shape.offset("maxmcount"))
        made = self.word(address + shape.offset("mnext"))
        return most > 0 and 1 <= made < 1 << 32 and self.half(address + shape.offset("nmidle")) <= made

    def _is_gc_controller(self, address: int, shape: Shape) -> bool:
        """gcPercent and heapMinimum are bound to each other (setGCPercent), with GOGC=0 the goal and what is marked."""
        data = self.memory.read(address, shape.size)
        percent, limit, minimum = struct.unpack_from("<i4xqQ", data)
        names = ("gcPercentHeapGoal", "heapMarked", "heapInUse", "mappedReady")
        goal, marked, used, ready = (_word_at(data, shape.offset(name)) for name in names)
        return (
            percent >= -1 and limit > 0 and minimum == _DEFAULT_HEAP_MINIMUM * percent % (1 << 64) // 100
            and used % _GO_PAGE == 0 and 0 < used < _MAX_SIZE and 0 < ready < _MAX_SIZE
            and (percent != 0 or goal == marked)
        )  # fmt: skip

    def _is_memstats(self, address: int, shape: Shape) -> bool:
        """The newest cycle's end is in the ring, under the number of cycles or, while it is being ended, one more."""
        data = self.memory.read(address, shape.size)
        ring, cycles = shape.fields["pause_end"].offset, _word_at(data, shape.offset("numgc")) & 0xFFFFFFFF
        ends = {_word_at(data, ring + (cycles + at) % 256 * 8) for at in (255, 0)}
        return data[shape.offset("enablegc")] == 1 and _word_at(data, shape.offset("last_gc_unix")) in ends

    def _is_work(self, address: int, shape: Shape) -> bool:
        """At most one cycle has begun and not ended."""
        ended = self.half(self._numgc)
        begun = self.half(address + shape.offset("cycles"))
        return ended <= begun and begun - self.half(self._numgc) <= 1


def _word_at(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def code_targets(text: bytes, base: int, data_range: tuple[int, int]) -> list[int]:
    """Return the sorted addresses within `data_range` that the machine code at `base` refers to."""
    data = rip_targets(text, base, *data_range)
    return list(struct.unpack(f"<{len(data) // 8}Q", data))
