"""The executable as it lies in the process: its file, its mappings and the process's memory as one address space."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flarego.errors import NotAttachable
from flarego.golang.elf import ET_EXEC, PF_W, Elf, Segment
from flarego.golang.host import Mapping, executable_mappings, open_executable, read_mappings, refusal
from flarego.native import Memory

_PAGE = os.sysconf("SC_PAGESIZE")
_CHUNK = 1 << 20


class Image:
    """A process's executable. `bias` is what the loader added to link-time addresses.

    Raises NoSuchProcess, NotAttachable, PermissionRefused, ProcessGone, CorruptBinary.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.fd = open_executable(pid)
        try:
            self.elf = Elf(self.fd)
            self.mappings = executable_mappings(pid, self.fd, read_mappings(pid))
            self.bias = self._bias()
            self.memory = Memory(pid)
            self._serve_read_only_parts()
            self._probe()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _bias(self) -> int:
        if self.elf.kind == ET_EXEC:
            return 0
        for mapping in self.mappings:
            for segment in self.elf.loads:
                if segment.offset & -_PAGE == mapping.offset:
                    return mapping.start - (segment.address & -_PAGE)
        raise NotAttachable(f"the executable of process {self.pid} is not mapped into it")

    def _serve_read_only_parts(self) -> None:
        """Let Memory read what the process cannot have changed from the file instead.

        Reading it through the process would fault the pages into the *process's* resident set. Mappings of a
        writable segment are left alone even when read-only: relocation has written to them (RELRO).
        """
        for mapping in self.mappings:
            if not mapping.writable and self._is_pristine(mapping):
                size = min(mapping.end - mapping.start, os.fstat(self.fd).st_size - mapping.offset)
                if size > 0:
                    self.memory.add_file(mapping.start, mapping.start + size, self.fd, mapping.offset)

    def _is_pristine(self, mapping: Mapping) -> bool:
        start = mapping.start - self.bias
        end = mapping.end - self.bias
        touching = [s for s in self.elf.loads if s.address < end and s.address + s.memory_size > start]
        return bool(touching) and not any(s.flags & PF_W for s in touching)

    def serve_from_file(self, start: int, end: int) -> None:
        """Let Memory read the pages within [start, end) from the file, where the process cannot write to them.

        For what lies in a relocated segment and has no relocations itself: a PIE's function table. Left to the process
        where the file says something else.
        """
        low, high = start + _PAGE - 1 & -_PAGE, end & -_PAGE
        for mapping in self.mappings:
            first, last = max(low, mapping.start), min(high, mapping.end)
            if first >= last or mapping.writable or self._is_pristine(mapping):
                continue
            offset = mapping.offset + first - mapping.start
            if self.memory.read_some(first, _PAGE) == self.elf.read(offset, _PAGE):
                self.memory.add_file(first, last, self.fd, offset)

    def _probe(self) -> None:
        """Read one word of writable memory, so that a missing permission is told at once."""
        for mapping in self.mappings:
            if mapping.writable:
                try:
                    self.memory.read(mapping.start, 8)
                except OSError as error:
                    raise refusal(error, self.pid) from None
                return

    def segments(self, *, writable: bool) -> Iterator[Segment]:
        """Yield loaded segments; those whose mapping the process may have changed, or the others."""
        return (s for s in self.elf.loads if bool(s.flags & PF_W) == writable)

    def find(self, needle: bytes, *, writable: bool) -> Iterator[int]:
        """Yield the process's addresses of `needle` among the executable's loaded bytes."""
        for segment in self.segments(writable=writable):
            # What no relocation has changed is looked for in the file.
            if not writable or self.elf.kind == ET_EXEC:
                for offset in self.elf.find(needle, segment.offset, segment.file_size):
                    yield segment.address + offset - segment.offset + self.bias
            else:
                yield from self.find_in_memory(needle, segment.address + self.bias, segment.file_size)

    def find_in_memory(self, needle: bytes, start: int, size: int) -> Iterator[int]:
        """Yield addresses of `needle` in [start, start + size), as far as that is readable."""
        overlap = len(needle) - 1
        end = start + size
        while start < end:
            data = self.memory.read_some(start, min(_CHUNK + overlap, end - start))
            at = data.find(needle)
            while at >= 0:
                yield start + at
                at = data.find(needle, at + 1)
            if len(data) <= overlap:
                return
            start += len(data) - overlap

    def is_current(self) -> bool:
        """Tell whether the process still runs this executable (it has not called exec)."""
        try:
            now = Path(f"/proc/{self.pid}/exe").stat()
        except OSError:
            return False
        then = os.fstat(self.fd)
        return (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
