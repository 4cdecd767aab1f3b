"""Code that is not Go: named after the file it is mapped from, until someone reads its symbols."""

from __future__ import annotations

import time
from bisect import bisect_right
from pathlib import PurePosixPath

from flarego.errors import FlareError
from flarego.golang.host import Mapping, read_mappings
from flarego.model.frame import UNKNOWN, Frame

_REFRESH_S = 10.0


class ForeignCode:
    """Executable mappings of a process that hold no Go code: C libraries, the vDSO."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._mappings: list[Mapping] = []
        self._starts: list[int] = []
        self._read_at = 0.0

    def frame(self, pc: int) -> Frame:
        """Return a frame that names the file mapped at pc, e.g. [libc.so.6]; UNKNOWN when nothing is."""
        found = self._find(pc)
        if found is None and time.monotonic() - self._read_at > _REFRESH_S:
            self._refresh()
            found = self._find(pc)
        if found is None or not found.name:
            return UNKNOWN
        name = found.name.removesuffix(" (deleted)")
        return Frame(f"[{PurePosixPath(name.strip('[]')).name}]", name, 0)

    def _find(self, pc: int) -> Mapping | None:
        i = bisect_right(self._starts, pc) - 1
        return self._mappings[i] if i >= 0 and pc < self._mappings[i].end else None

    def _refresh(self) -> None:
        self._read_at = time.monotonic()
        try:
            self._mappings = read_mappings(self._pid)
        except FlareError:
            return
        self._starts = [mapping.start for mapping in self._mappings]
