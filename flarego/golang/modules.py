"""Finding Go's function tables and module data in a process, by their contents alone.

Source: runtime/symtab.go (pcHeader, moduledata) at go1.19 … go1.27; the shared facts, section 2, steps 2 and 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flarego.errors import CorruptBinary, NotAttachable
from flarego.golang.image import Image
from flarego.golang.layout import Release

if TYPE_CHECKING:
    from flarego.native._core import Module

MAGICS = {0xFFFFFFF0: "1.18 and 1.19", 0xFFFFFFF1: "1.20 and later"}
_HEADER = struct.Struct("<IBBBB8Q")
_SECTION_NAMES = (".gopclntab", ".data.rel.ro.gopclntab")
_MAX_FUNCTIONS = 4 << 20
_MAX_MODULES = 64
_N_FIXED_WORDS = 32


@dataclass(frozen=True)
class ModuleData:
    """One module's tables, as addresses in the process; what `runtime.moduledata` holds."""

    address: int
    names: tuple[int, int]
    """funcnametab: start and size; likewise below."""
    cutab: tuple[int, int]
    files: tuple[int, int]
    pctab: int
    functions: int
    function_table: tuple[int, int]
    """ftab: start and number of functions."""
    pcs: tuple[int, int]
    text: tuple[int, int]
    data: tuple[int, int]
    """Lowest and highest address of the module's variables."""
    gofunc: int
    pclntab: tuple[int, int]
    quantum: int
    next: int

    def native(self, func_size: int) -> Module:
        """Return the module as `native.Tables` takes it."""
        return (
            *self.text, *self.pcs, *self.function_table, *self.pclntab, self.functions, self.pctab, func_size,
            self.gofunc, self.quantum,
        )  # fmt: skip


def find_function_table(image: Image) -> int:
    """Return the address of the executable's own pclntab; raises NotAttachable when there is none."""
    for name in _SECTION_NAMES:
        section = image.elf.sections.get(name)
        if section and _is_header(image, section.address + image.bias):
            return section.address + image.bias
    for writable in (False, True):
        for magic in sorted(MAGICS, reverse=True):
            needle = struct.pack("<I", magic) + b"\0\0"
            for address in image.find(needle, writable=writable):
                if address % 8 == 0 and _is_header(image, address):
                    return address
    raise NotAttachable(f"process {image.pid} is not a Go program (it has no Go function table)")


def _is_header(image: Image, address: int) -> bool:
    data = image.memory.read_some(address, _HEADER.size)
    if len(data) < _HEADER.size:
        return False
    magic, pad1, pad2, quantum, pointer_size, n_functions, n_files, _, *offsets = _HEADER.unpack(data)
    return (
        magic in MAGICS and pad1 == pad2 == 0 and quantum in (1, 2, 4) and pointer_size == 8
        and 0 < n_functions <= _MAX_FUNCTIONS and n_files <= _MAX_FUNCTIONS and offsets == sorted(offsets)
        and offsets[0] >= _HEADER.size
    )  # fmt: skip


def find_module_data(image: Image, table: int, release: Release) -> ModuleData:
    """Return the module whose function table is at `table`; raises CorruptBinary."""
    section = image.elf.sections.get(".go.module")
    needle = struct.pack("<Q", table)
    for address in [section.address + image.bias] if section else []:
        module = _read(image, address, release)
        if module and image.memory.read_some(address, 8) == needle:
            return module
    for address in image.find(needle, writable=True):
        module = _read(image, address, release) if address % 8 == 0 else None
        if module:
            return module
    raise CorruptBinary(f"process {image.pid} has a Go function table at {table:#x}, but nothing that describes it")


def all_modules(image: Image, first: ModuleData, release: Release) -> Iterator[ModuleData]:
    """Yield `first` and the modules that were loaded after it (plugins)."""
    seen = set[int]()
    module: ModuleData | None = first
    while module and module.address not in seen and len(seen) < _MAX_MODULES:
        seen.add(module.address)
        yield module
        module = _read(image, module.next, release) if module.next else None


def _read(image: Image, address: int, release: Release) -> ModuleData | None:
    """Return the moduledata at `address`, None when what lies there cannot be one."""
    shape = release.shape("moduledata")
    data = image.memory.read_some(address, shape.size)
    if len(data) < shape.size:
        return None
    words = struct.unpack_from(f"<{_N_FIXED_WORDS}Q", data)
    table = words[0]
    header = image.memory.read_some(table, _HEADER.size)
    if len(header) < _HEADER.size or not _is_header(image, table):
        return None
    _, _, _, quantum, _, n_functions, _, _, names_at, *_ = _HEADER.unpack(header)
    end = max(words[i] + words[i + 1] for i in (1, 4, 7, 10, 13))
    low_pc, high_pc, text, etext = words[20:24]
    n_ftab = words[17]
    if words[1] != table + names_at or not (text <= low_pc < high_pc) or n_functions + 1 != n_ftab or end <= table:
        return None
    return ModuleData(
        address=address,
        names=(words[1], words[2]), cutab=(words[4], words[5] * 4), files=(words[7], words[8]),
        pctab=words[10], functions=words[13], function_table=(words[16], n_functions),
        pcs=(low_pc, high_pc), text=(text, etext),
        data=(min(words[24], words[26]), max(words[29], words[31])),
        gofunc=_word(data, shape.offset("gofunc")), pclntab=(table, end),
        quantum=quantum, next=_word(data, shape.offset("next")),
    )  # fmt: skip


def _word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")
