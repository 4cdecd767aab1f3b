"""What an executable's own DWARF says about the Go runtime inside it: structure layouts, constants, tables.

Used by `extract` to make `layouts.json` and at attach for a version that is not in that table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile

from flarego.errors import CorruptBinary
from flarego.golang.layout import STRUCTS, Field, Shape

_MAX_DEPTH = 12
_MAX_REASONS = 256
_OPTIONAL = frozenset({"pollDesc"})
_WRAPPERS = ("value", "u")
"""The one member that carries the value in internal/runtime/atomic's types."""

Die = Any


class RuntimeDwarf:
    """The compile units of package runtime in a Go executable.

    Raises LookupError when there is none (stripped), CorruptBinary when the file contradicts itself.
    """

    def __init__(self, stream: BinaryIO) -> None:
        try:
            self._elf = ELFFile(stream)
            self._top = {
                _name(die): die
                for unit in self._runtime_units()
                for die in unit.iter_DIE_children(unit.get_top_DIE())
                if "DW_AT_name" in die.attributes and die.tag != "DW_TAG_subprogram"
            }
        except (ELFError, DWARFError, ValueError, KeyError, struct.error) as error:
            raise CorruptBinary(f"the executable's debug information is malformed: {error}") from error

    def _runtime_units(self) -> list[Any]:
        if not self._elf.has_dwarf_info():
            raise LookupError("the executable has no debug information")
        units = []
        for unit in self._elf.get_dwarf_info().iter_CUs():
            top = unit.get_top_DIE()
            if "DW_AT_name" in top.attributes and _name(top) == "runtime":
                units.append(unit)
        if not units:
            raise LookupError("the executable has no debug information about package runtime")
        return units

    def shapes(self) -> dict[str, Shape]:
        """Return the layout of every structure in `layout.STRUCTS` that the program has."""
        shapes = {}
        for name in STRUCTS:
            die = self._top.get(f"runtime.{name}")
            if die is None:
                if name not in _OPTIONAL:
                    raise LookupError(f"the executable's debug information has no runtime.{name}")
                continue
            fields = dict(_flatten(_strip(die), "", 0, 0))
            shapes[name] = Shape(size=_size(die), fields=fields)
        return shapes

    def reasons(self) -> list[str]:
        """Return the runtime's own wait reasons, in the order of their numbers."""
        die = self._top.get("runtime.waitReasonStrings")
        if die is None:
            raise LookupError("the executable's debug information has no runtime.waitReasonStrings")
        location = die.attributes["DW_AT_location"].value
        address = int.from_bytes(bytes(location[1:9]), "little")
        size = _size(_strip(die.get_DIE_from_attribute("DW_AT_type")))
        if size % 16 or size // 16 > _MAX_REASONS:
            raise CorruptBinary("runtime.waitReasonStrings has an impossible size")
        words = struct.unpack(f"<{size // 8}Q", self._bytes(address, size))
        pairs = zip(words[::2], words[1::2], strict=True)
        return [self._bytes(at, min(n, 64)).decode("utf-8", "replace") if n else "" for at, n in pairs]

    def statuses(self) -> dict[str, int]:
        """Return goroutine status constants by name without `_G`, e.g. `waiting`."""
        prefix = "runtime._G"
        return {
            name.removeprefix(prefix): die.attributes["DW_AT_const_value"].value
            for name, die in self._top.items()
            if die.tag == "DW_TAG_constant" and name.startswith(prefix) and name[len(prefix)].islower()
        }

    def _bytes(self, address: int, size: int) -> bytes:
        for segment in self._elf.iter_segments("PT_LOAD"):
            start = segment["p_vaddr"]
            if start <= address and address + size <= start + segment["p_filesz"]:
                self._elf.stream.seek(segment["p_offset"] + address - start)
                return bytes(self._elf.stream.read(size))
        raise CorruptBinary(f"the executable has no bytes at {address:#x}")


def _name(die: Die) -> str:
    return str(die.attributes["DW_AT_name"].value.decode("utf-8", "replace"))


def _strip(die: Die) -> Die:
    """Return the type behind typedefs."""
    for _ in range(_MAX_DEPTH):
        if die.tag != "DW_TAG_typedef":
            return die
        die = die.get_DIE_from_attribute("DW_AT_type")
    raise CorruptBinary("the executable's debug information has a circular typedef")


def _size(die: Die) -> int:
    die = _strip(die)
    if "DW_AT_byte_size" in die.attributes:
        return int(die.attributes["DW_AT_byte_size"].value)
    if die.tag == "DW_TAG_array_type":
        return _size(die.get_DIE_from_attribute("DW_AT_type")) * _count(die)
    return 8


def _count(die: Die) -> int:
    for child in die.iter_children():
        if "DW_AT_count" in child.attributes:
            return int(child.attributes["DW_AT_count"].value)
    return 0


def _flatten(die: Die, prefix: str, base: int, depth: int) -> Iterator[tuple[str, Field]]:
    if depth > _MAX_DEPTH:
        raise CorruptBinary("the executable's debug information nests structures endlessly")
    if die.tag == "DW_TAG_array_type":
        stride = _size(die.get_DIE_from_attribute("DW_AT_type"))
        yield prefix, Field(base, _size(die), stride)
        return
    if die.tag != "DW_TAG_structure_type":
        yield prefix, Field(base, _size(die), 0)
        return
    members = [child for child in die.iter_children() if child.tag == "DW_TAG_member"]
    solid = [m for m in members if _size(m.get_DIE_from_attribute("DW_AT_type"))]
    wrapper = prefix and len(solid) == 1 and _name(solid[0]) in _WRAPPERS
    for member in solid:
        offset = base + int(member.attributes["DW_AT_data_member_location"].value)
        path = prefix if wrapper else f"{prefix}.{_name(member)}".lstrip(".")
        yield from _flatten(_strip(member.get_DIE_from_attribute("DW_AT_type")), path, offset, depth + 1)
