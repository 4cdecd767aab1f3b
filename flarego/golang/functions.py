"""The functions of package runtime by name, found without reading the names of all the others."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from flarego.errors import CorruptBinary
from flarego.golang.image import Image
from flarego.golang.modules import ModuleData
from flarego.native import Tables

_ANCHOR = b"\0runtime.main\0"
_PATIENCE = 256
"""Foreign names in a row after which package runtime is over (a few sync.* and os.* ones lie within)."""
_MAX_NAME = 512
_MAX_TEXT = 32 << 20


class RuntimeFunctions:
    """Package runtime of the main module: `entries` by name, and its machine code.

    The linker lays out a package's functions in one piece; the piece is found around runtime.main.
    """

    def __init__(self, image: Image, tables: Tables, module: ModuleData) -> None:
        entries, offsets = tables.functions(0)
        self._entries = array("Q", entries)
        self._offsets = array("i", offsets)
        start, size = module.names
        self._names = image.memory.read_some(start, size)
        self.entries: dict[str, int] = {}
        middle = self._index_of(_ANCHOR)
        first = self._reach(range(middle, -1, -1))
        last = self._reach(range(middle, len(self._entries)))
        end = self._entries[last + 1] if last + 1 < len(self._entries) else module.pcs[1]
        self.span = (self._entries[first], min(end, self._entries[first] + _MAX_TEXT))

    def _index_of(self, anchor: bytes) -> int:
        at = self._names.find(anchor)
        while at >= 0:
            try:
                return self._offsets.index(at + 1)
            except ValueError:  # the name of an inlined function, or the tail of another name
                at = self._names.find(anchor, at + 1)
        raise CorruptBinary("the executable's function table has no runtime.main")

    def _reach(self, indices: range) -> int:
        """Collect names along `indices` until the package is left; return the last index within it."""
        strangers, last = 0, indices[0]
        for index in indices:
            name = self._name(index)
            self.entries.setdefault(name, self._entries[index])
            if name.startswith("runtime."):
                strangers, last = 0, index
            else:
                strangers += 1
                if strangers > _PATIENCE:
                    break
        return last

    def _name(self, index: int) -> str:
        offset = self._offsets[index]
        if not 0 <= offset < len(self._names):
            raise CorruptBinary("the executable's function table names nothing")
        end = self._names.find(b"\0", offset, offset + _MAX_NAME)
        return self._names[offset : end if end >= 0 else offset + _MAX_NAME].decode("utf-8", "replace")

    def matching(self, prefix: str) -> Iterator[tuple[str, int]]:
        return ((name, entry) for name, entry in self.entries.items() if name.startswith(prefix))
