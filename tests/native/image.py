"""A Go process made of bytes: function tables, goroutines and stacks laid out as the runtime would, for the C core."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from flarego.native import LAYOUT_FIELDS, SPECIAL_FUNCTIONS, Memory, Sampler, Tables

TEXT, TABLE, DATA, HEAP, STACKS = 0x400000, 0x500000, 0x600000, 0x700000, 0x800000
PAGE = 4096
G_SIZE, STACK_SIZE = 448, 256 << 10
TOP_FRAME, SP_WRITE = 1, 2
RUNNABLE, RUNNING, SYSCALL, WAITING, DEAD = 1, 2, 3, 4, 6
EXACT = 1 << 63

OFFSETS = {
    "g.stack.lo": 0, "g.stack.hi": 8, "g.m": 48, "g.sched.sp": 56, "g.sched.pc": 64, "g.syscallsp": 104,
    "g.syscallpc": 112, "g.atomicstatus": 144, "g.goid": 152, "g.waitsince": 168, "g.waitreason": 176,
    "g.trackingSeq": 189, "g.lockedm": 208, "g.parentGoid": 272, "g.gopc": 288, "g.startpc": 304, "g.waiting": 320,
    "g.labels": 352, "g.timer": 360, "g.sleepWhen": 368, "sudog.c": 88,
}  # fmt: skip


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def pc_values(runs: list[tuple[int, int]]) -> bytes:
    """The pc-value stream of [(value, bytes of code it holds for)]."""
    merged: list[tuple[int, int]] = []
    for value, size in runs:  # a step of 0 ends a stream, so equal neighbours are one run
        if merged and merged[-1][0] == value:
            size += merged.pop()[1]
        merged.append((value, size))
    out, before = bytearray(), -1
    for value, size in merged:
        delta = value - before
        out += varint((delta << 1) ^ (delta >> 63) & 0xFFFFFFFF) + varint(size)
        before = value
    return bytes(out) + b"\0"


@dataclass
class Function:
    """size bytes of code whose frame is sp_delta bytes deep, of which the first `prologue` bytes run without it."""

    name: str
    size: int = 64
    sp_delta: int = 16
    prologue: int = 8
    flag: int = 0
    entry: int = 0


@dataclass
class Goroutine:
    goid: int
    calls: list[tuple[Function, int]]  # innermost first: function and offset of its pc
    status: int = WAITING
    reason: int = 14
    gopc: int = 0
    waiting: int = 0
    seq: int = 0


@dataclass
class Image:
    functions: list[Function]
    goroutines: list[Goroutine] = field(default_factory=list)
    quantum: int = 1
    func_size: int = 44

    def __post_init__(self) -> None:
        at = TEXT
        for function in self.functions:
            function.entry = at
            at += function.size
        self.etext = at

    def table(self) -> bytes:
        """The pclntab: ftab, then pc-value streams, then _func records; all offsets from its beginning."""
        ftab_size = len(self.functions) * 8 + 4
        body = bytearray(b"\0" * (ftab_size + 4))
        ftab = bytearray()
        for i, f in enumerate(self.functions):
            pcsp = len(body)
            runs = [(0, f.prologue // self.quantum), (f.sp_delta, (f.size - f.prologue) // self.quantum)]
            body += pc_values([run for run in runs if run[1]])
            pcln = len(body)
            body += pc_values([(10 * i + 1, f.size // self.quantum)])
            body += b"\0" * (-len(body) % 4)
            record = len(body)
            fixed = struct.pack("<IiIIIIIII", f.entry - TEXT, i, 0, 0, pcsp, 0, pcln, 0, 0)
            body += fixed + (struct.pack("<i", i + 1) if self.func_size == 44 else b"")
            body += bytes([i % 256, f.flag, 0, 0])
            ftab += struct.pack("<II", f.entry - TEXT, record)
        ftab += struct.pack("<I", self.etext - TEXT)
        body[: len(ftab)] = ftab
        return bytes(body)

    def stack(self, g: Goroutine, top: int) -> tuple[int, int, bytes]:
        """(sp, pc, the bytes from sp to top): return addresses where each frame ends."""
        words = bytearray()
        for (function, offset), (caller, back) in zip(g.calls, [*g.calls[1:], (None, 0)], strict=True):
            words += b"\xaa" * (function.sp_delta if offset >= function.prologue else 0)
            words += struct.pack("<Q", caller.entry + back if caller else 0)
        function, offset = g.calls[0]
        return top - len(words), function.entry + offset, bytes(words)

    def memory(self) -> Memory:
        memory = Memory(0)
        table = self.table()
        memory.add_bytes(TABLE, table + b"\0" * (-len(table) % PAGE))
        addresses = [HEAP + i * G_SIZE for i in range(len(self.goroutines))]
        array = struct.pack(f"<{len(addresses)}Q", *addresses)
        memory.add_bytes(DATA, struct.pack("<QQQ", DATA + 32, len(addresses), len(addresses)).ljust(32, b"\0") + array)
        heap = bytearray(G_SIZE * len(self.goroutines) + PAGE)
        for i, g in enumerate(self.goroutines):
            hi = STACKS + (i + 1) * STACK_SIZE
            sp, pc, words = self.stack(g, hi)
            values = {
                "g.stack.lo": hi - STACK_SIZE, "g.stack.hi": hi, "g.sched.sp": sp, "g.sched.pc": pc, "g.goid": g.goid,
                "g.gopc": g.gopc, "g.startpc": g.calls[-1][0].entry, "g.waiting": g.waiting,
            }  # fmt: skip
            for name, value in values.items():
                struct.pack_into("<Q", heap, i * G_SIZE + OFFSETS[name], value)
            struct.pack_into("<I", heap, i * G_SIZE + OFFSETS["g.atomicstatus"], g.status)
            heap[i * G_SIZE + OFFSETS["g.waitreason"]] = g.reason
            heap[i * G_SIZE + OFFSETS["g.trackingSeq"]] = g.seq
            if words:
                memory.add_bytes(hi - len(words), words)
        memory.add_bytes(HEAP, bytes(heap))
        return memory

    def tables(self, memory: Memory) -> Tables:
        size = len(self.table())
        module = (TEXT, self.etext, TEXT, self.etext, TABLE, len(self.functions), TABLE, TABLE + size, TABLE, TABLE,
                  self.func_size, 0, self.quantum)  # fmt: skip
        tables = Tables(memory, [module])
        for function in self.functions:
            if function.name in SPECIAL_FUNCTIONS:
                tables.set_special(function.name, function.entry)
        return tables

    def sampler(self) -> Sampler:
        memory = self.memory()
        layout = dict.fromkeys(LAYOUT_FIELDS, 0) | OFFSETS | {"allgs": DATA, "reason.sleep": 200}
        return Sampler(memory, self.tables(memory), layout, engine="memory")
