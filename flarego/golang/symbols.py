"""Program counters to frames: function, file and line, with inlined calls expanded.

Source: runtime/symtab.go, runtime/symtabinl.go (the inlining tree: 20-byte nodes up to Go 1.19, 16 bytes since) and
cmd/internal/objabi/funcid.go at go1.19 … go1.27; confirmed frame for frame in the shared facts, section 3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from flarego.golang.modules import ModuleData
from flarego.model.frame import UNKNOWN, Frame
from flarego.native import Function, Memory, Tables

_PCDATA_INLINE_INDEX = 2
_FUNCDATA_INLINE_TREE = 3
_MAX_INLINE_DEPTH = 128
_MAX_STRING = 4096
_MAX_CACHED = 1 << 18
_NO_FILE = 0xFFFFFFFF
_NODE_119 = struct.Struct("<hBxiiii")
_NODE = struct.Struct("<BxxxIii")
_NODE_SIZE_119 = 20


class Symbols:
    """Symbols of a binary, read through Memory and cached. A malformed table costs the frame, not an exception."""

    def __init__(
        self,
        memory: Memory,
        tables: Tables,
        modules: Sequence[ModuleData],
        *,
        node_size: int,
        wrapper_id: int,
        minor: int,
    ) -> None:
        self._memory = memory
        self._tables = tables
        self._modules = modules
        self._node = _NODE_119 if node_size == _NODE_SIZE_119 else _NODE
        self._wrapper_id = wrapper_id
        self._minor = minor
        self._strings: dict[int, str] = {}
        self._files: dict[tuple[int, int], str] = {}
        self._frames: dict[tuple[int, bool], tuple[Frame, ...]] = {}

    def frames(self, pc: int, exact: bool = False) -> tuple[Frame, ...]:
        """Return the calls that `pc` stands for, outermost first; never empty.

        Unless `exact`, pc is a return address, and the call it returns from lies before it.
        """
        key = (pc, exact)
        found = self._frames.get(key)
        if found is None:
            if len(self._frames) >= _MAX_CACHED:
                self._frames.clear()
            found = self._frames[key] = self._expand(pc, exact)
        return found

    def creation(self, gopc: int) -> Frame:
        """Return the `go` statement that gopc is the return address of, under the name of the function around it.

        The line is the statement's own, even when it was inlined (runtime.printcreatedby1).
        """
        frames = self.frames(gopc)
        return replace(frames[0], file=frames[-1].file, line=frames[-1].line)

    def entry(self, pc: int) -> Frame:
        """Return the function that a goroutine starts in."""
        return self.frames(pc, exact=True)[0]

    def function_at(self, pc: int) -> Function | None:
        """Return the function table's entry for pc, None when there is none (or the table is malformed there)."""
        try:
            return self._tables.find(pc)
        except (ValueError, OverflowError):
            return None

    def name(self, function: Function) -> str:
        """Return the function's raw name."""
        return self._name(function.module, function.name_offset)

    def _expand(self, pc: int, exact: bool) -> tuple[Frame, ...]:
        function = self.function_at(pc)
        if function is None:
            return (UNKNOWN,)
        # runtime.tracebackPCs: a pc at the very entry is not a return address whatever the caller believes.
        at = pc if exact or pc == function.entry else pc - 1
        try:
            return tuple(reversed(self._unroll(function, at, pc - function.entry)))
        except (ValueError, OSError, struct.error):
            return (self._frame(function, self.name(function), at, pc - function.entry, function.func_id),)

    def _unroll(self, function: Function, at: int, offset: int) -> list[Frame]:
        """Return frames innermost first. Each level's position is that of the pc it was inlined at."""
        frames: list[Frame] = []
        tree = self._tables.funcdata(function, _FUNCDATA_INLINE_TREE) if function.n_funcdata > 3 else 0
        for _ in range(_MAX_INLINE_DEPTH):
            index = self._tables.pcdata(function, _PCDATA_INLINE_INDEX, at) if tree else -1
            if index < 0:
                break
            node = self._memory.read(tree + index * self._node.size, self._node.size)
            func_id, name_offset, parent_pc = self._decode(node)
            name = self._name(function.module, name_offset)
            frames.append(self._frame(function, name, at, offset, func_id, inlined=True))
            at = function.entry + parent_pc
        frames.append(self._frame(function, self.name(function), at, offset, function.func_id))
        return frames

    def _decode(self, node: bytes) -> tuple[int, int, int]:
        if self._node is _NODE_119:
            _, func_id, _, _, name_offset, parent_pc = _NODE_119.unpack(node)
        else:
            func_id, name_offset, parent_pc, _ = _NODE.unpack(node)
        return func_id, name_offset, parent_pc

    def _frame(
        self, function: Function, name: str, at: int, offset: int, func_id: int, *, inlined: bool = False
    ) -> Frame:
        file, line = self._position(function, at)
        return Frame(
            name, file, line, inlined=inlined, internal=is_internal(name, self._minor),
            wrapper=func_id == self._wrapper_id, entry=function.entry, offset=offset,
        )  # fmt: skip

    def _position(self, function: Function, at: int) -> tuple[str, int]:
        try:
            index = self._tables.value(function, function.pcfile, at)
            line = self._tables.value(function, function.pcln, at)
        except ValueError:
            index = line = None
        if index is None or line is None or index < 0 or line < 0:
            return "?", 0
        return self._file(function.module, function.cu_offset + index), line

    def _file(self, module: int, index: int) -> str:
        key = (module, index)
        found = self._files.get(key)
        if found is None:
            found = self._files[key] = self._read_file(self._modules[module], index)
        return found

    def _read_file(self, module: ModuleData, index: int) -> str:
        start, size = module.cutab
        if index * 4 + 4 > size:
            return "?"
        offset = int.from_bytes(self._memory.read_some(start + index * 4, 4), "little")
        start, size = module.files
        return "?" if offset == _NO_FILE or offset >= size else self._string(start + offset, start + size)

    def _name(self, module: int, offset: int) -> str:
        start, size = self._modules[module].names
        return self._string(start + offset, start + size) if 0 <= offset < size else "?"

    def _string(self, address: int, end: int) -> str:
        found = self._strings.get(address)
        if found is None:
            found = self._strings[address] = self._read_string(address, min(end - address, _MAX_STRING))
        return found

    def _read_string(self, address: int, limit: int) -> str:
        for size in (min(128, limit), limit):
            data = self._memory.read_some(address, size)
            stop = data.find(b"\0")
            if stop >= 0:
                return data[:stop].decode("utf-8", "replace")
        return data.decode("utf-8", "replace")


def is_internal(function: str, minor: int) -> bool:
    """Tell whether Go 1.`minor`'s tracebacks hide the function as the runtime's own machinery.

    Source: runtime/traceback.go, showfuncinfo and isExportedRuntime (methods are told apart since 1.23).
    """
    if not function.startswith("runtime."):
        return "." not in function
    name = function.removeprefix("runtime.")
    receiver, _, method = name.rpartition(".")
    if minor < 23 or not receiver:
        return not "A" <= name[:1] <= "Z"
    receiver = receiver.removeprefix("(*").removesuffix(")") if receiver.endswith(")") else receiver
    return not ("A" <= method[:1] <= "Z" and "A" <= receiver[:1] <= "Z")
