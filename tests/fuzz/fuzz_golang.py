"""Mutated binaries and function tables for the Python that reads them: only typed errors may come out.

    python tests/fuzz/fuzz_golang.py BINARY [--runs N] [--seed N]

BINARY is any Go program; its headers, notes, build info, tables and inlining trees are what is mutated.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flarego.errors import FlareError
from flarego.golang.buildinfo import read_build_info
from flarego.golang.elf import PF_W, Elf
from flarego.golang.labels import LabelReader
from flarego.golang.modules import ModuleData
from flarego.golang.symbols import Symbols
from flarego.native import Memory, Tables

HEAD = 4096
TABLE, TEXT, SIZE = 0x100000, 0x400000, 1 << 14


def mutate(data: bytes, chance: random.Random) -> bytearray:
    out = bytearray(data)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(out))
        match chance.randrange(4):
            case 0:
                out[at] = chance.randrange(256)
            case 1:
                out[at : at + 8] = chance.choice([b"\xff" * 8, b"\0" * 8, (1 << 62).to_bytes(8, "little")])
            case 2:
                out[at : at + 4] = chance.randrange(1 << 32).to_bytes(4, "little")
            case 3:
                source = chance.randrange(len(out))
                out[at : at + 16] = out[source : source + 16]
    return out[: len(data)] if chance.random() < 0.9 else out[: chance.randrange(1, len(data))]


class Headers:
    """ELF headers, section names, notes and build info: the beginning of the file is mutated, the rest is real."""

    def __init__(self, binary: Path) -> None:
        self._data = binary.read_bytes()[: 1 << 20]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.write(self._data)
        self._file.flush()

    def run(self, chance: random.Random) -> None:
        fd = self._file.fileno()
        os.pwrite(fd, mutate(self._data[:HEAD], chance), 0)
        elf = Elf(fd)
        assert isinstance(elf.sections, dict)
        elf.build_id()
        if chance.random() < 0.05:
            read_build_info(elf)
        for segment in elf.loads:
            elf.address_of(segment.offset)


class Lookups:
    """Function tables, line tables, file names and inlining trees, all from the same mutated bytes."""

    def __init__(self, binary: Path) -> None:
        with binary.open("rb") as file:
            elf = Elf(file.fileno())
            section = elf.sections.get(".gopclntab")
            start = section.offset if section else next(s.offset for s in elf.loads if not s.flags & PF_W)
            self._data = elf.read(start, SIZE)

    def run(self, chance: random.Random) -> None:
        data = bytes(mutate(self._data, chance))
        memory = Memory(0)
        memory.add_bytes(TABLE, data)
        offset = lambda: TABLE + chance.randrange(0, len(data), 4)  # noqa: E731
        end = TABLE + len(data)
        functions = chance.randint(1, 64)
        module = ModuleData(
            address=TABLE, names=(offset(), SIZE), cutab=(offset(), SIZE), files=(offset(), SIZE), pctab=offset(),
            functions=offset(), function_table=(offset(), functions), pcs=(TEXT, TEXT + SIZE),
            text=(TEXT, TEXT + SIZE), data=(0, 0), gofunc=offset(), pclntab=(TABLE, end),
            quantum=chance.choice([1, 4]), next=0,
        )  # fmt: skip
        tables = Tables(memory, [module.native(chance.choice([40, 44]))])
        node_size = chance.choice([16, 20])
        symbols = Symbols(memory, tables, [module], node_size=node_size, wrapper_id=23, minor=27)
        for _ in range(24):
            pc = TEXT + chance.randrange(SIZE)
            frames = symbols.frames(pc, exact=chance.random() < 0.5)
            assert frames and all(isinstance(frame.function, str) for frame in frames)
            symbols.creation(pc)
            symbols.entry(pc)


class LabelSets:
    """pprof label sets in both of their shapes."""

    def __init__(self, binary: Path) -> None:
        self._data = binary.read_bytes()[:SIZE]

    def run(self, chance: random.Random) -> None:
        data = mutate(self._data[: 1 << 11], chance)
        for _ in range(chance.randint(1, 40)):  # plausible pointers and sizes
            at = chance.randrange(0, max(len(data) - 8, 1), 8)
            value = chance.choice([chance.randrange(64), TABLE + chance.randrange(0, len(data) + 1, 8)])
            data[at : at + 8] = value.to_bytes(8, "little")
        memory = Memory(0)
        memory.add_bytes(TABLE, bytes(data) + b"\0")
        reader = LabelReader(memory, chance.choice([19, 27]))
        for _ in range(8):
            labels = reader.read(TABLE + chance.randrange(0, len(data) + 1, 8))
            assert all(isinstance(text, str) for pair in labels.items() for text in pair)


TARGETS: dict[str, Callable[[Path], Headers | Lookups | LabelSets]] = {
    "headers": Headers,
    "lookups": Lookups,
    "labels": LabelSets,
}


def fuzz(name: str, binary: Path, runs: int, seed: int) -> float:
    """Run one target; returns executions per second. Anything but a FlareError comes through, with its seed."""
    target, began = TARGETS[name](binary), time.monotonic()
    for i in range(runs):
        try:
            target.run(random.Random(seed + i))
        except FlareError:
            pass
        except BaseException:
            print(f"{name}: seed {seed + i}", file=sys.stderr)
            raise
    return runs / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in TARGETS:
        rate = fuzz(name, options.binary, options.runs, options.seed)
        print(f"{name}: {options.runs:,} executions, {rate:,.0f} a second, no finding")


if __name__ == "__main__":
    main()
