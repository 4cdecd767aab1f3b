"""The parts of an ELF file that discovery needs: segments, sections by name, notes. x86-64 only.

Everything is read with pread, never mapped: a file that shrinks under us costs an exception, not a SIGBUS.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from flarego.errors import CorruptBinary, NotAttachable

PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W = 1, 2
ET_EXEC = 2
_EM_X86_64, _EM_AARCH64 = 62, 183
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_MAX_SEGMENTS = 4096
_MAX_SECTIONS = 65536
_MAX_NAMES = 1 << 20
_MAX_NOTES = 1 << 16
_CHUNK = 1 << 20
_SHT_NOBITS = 8
_NOTE_GNU_BUILD_ID, _NOTE_GO_BUILD_ID = 3, 4


class Segment(NamedTuple):
    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class Section(NamedTuple):
    address: int
    offset: int
    size: int


class Elf:
    """An open ELF64 x86-64 executable. The descriptor stays the caller's.

    Raises NotAttachable for a file that is not one, CorruptBinary for one that contradicts itself.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        header = self._read(0, _HEADER.size)
        if header[:4] != b"\x7fELF":
            raise NotAttachable("the executable is not an ELF file")
        if len(header) < 20:
            raise CorruptBinary("the executable's ELF header is cut off")
        machine = int.from_bytes(header[18:20], "little")
        if header[4] == 1:
            raise NotAttachable(
                "the process is a 32-bit program; FlareGo reads 64-bit x86-64 ones",
                remedy="build it with GOARCH=amd64",
            )
        if machine != _EM_X86_64 or header[5] != 1:
            name = "arm64" if machine == _EM_AARCH64 else f"machine type {machine}"
            raise NotAttachable(f"the process is an ELF program for {name}; FlareGo reads x86-64 ones so far")
        if len(header) < _HEADER.size:
            raise CorruptBinary("the executable's ELF header is cut off")
        fields = _HEADER.unpack(header)
        self.kind: int = fields[1]
        self._section_table = fields[6], fields[11], fields[12], fields[13]
        self.segments = self._read_segments(fields[5], fields[9], fields[10])
        self._sections: dict[str, Section] | None = None

    def _read(self, offset: int, size: int) -> bytes:
        try:
            return os.pread(self.fd, size, offset)
        except (OSError, OverflowError, ValueError) as error:
            raise CorruptBinary(f"the executable cannot be read at {offset:#x}: {error}") from error

    def _read_segments(self, offset: int, size: int, count: int) -> tuple[Segment, ...]:
        if size != _SEGMENT.size or not 0 < count <= _MAX_SEGMENTS:
            raise CorruptBinary("the executable's program headers are malformed")
        data = self._read(offset, size * count)
        if len(data) < size * count:
            raise CorruptBinary("the executable's program headers are cut off")
        rows = _SEGMENT.iter_unpack(data)
        segments = tuple(Segment(kind, flags, at, address, filesz, memsz)
                         for kind, flags, at, address, _, filesz, memsz, _ in rows)  # fmt: skip
        if not any(s.kind == PT_LOAD and s.flags & PF_X for s in segments):
            raise CorruptBinary("the executable has no code to load")
        return segments

    @property
    def loads(self) -> list[Segment]:
        return [s for s in self.segments if s.kind == PT_LOAD]

    @property
    def sections(self) -> dict[str, Section]:
        """Sections that have bytes in the file, by name. Only hints: {} when absent or malformed."""
        if self._sections is None:
            try:
                self._sections = self._read_sections()
            except (struct.error, ValueError, LookupError, CorruptBinary):
                self._sections = {}
        return self._sections

    def _read_sections(self) -> dict[str, Section]:
        offset, size, count, names_index = self._section_table
        if not offset or size != _SECTION.size or not names_index < count <= _MAX_SECTIONS:
            return {}
        rows = list(_SECTION.iter_unpack(self._read(offset, size * count)))
        names = self._read(rows[names_index][4], min(rows[names_index][5], _MAX_NAMES))
        found = {}
        for name, kind, _, address, at, length, *_ in rows:
            if kind != _SHT_NOBITS and name < len(names):
                text = names[name : names.find(b"\0", name)].decode("utf-8", "replace")
                found[text] = Section(address, at, length)
        return found

    def notes(self) -> Iterator[tuple[bytes, int, bytes]]:
        """Yield (owner, type, content) of every note."""
        for segment in self.segments:
            if segment.kind != PT_NOTE:
                continue
            data = self._read(segment.offset, min(segment.file_size, _MAX_NOTES))
            at = 0
            while at + 12 <= len(data):
                owner_size, size, kind = struct.unpack_from("<III", data, at)
                start = at + 12 + (owner_size + 3 & ~3)
                yield data[at + 12 : at + 12 + owner_size].rstrip(b"\0"), kind, data[start : start + size]
                at = start + (size + 3 & ~3)

    def build_id(self) -> str:
        """Return the GNU build id in hexadecimal, else Go's own, else ""."""
        go = ""
        for owner, kind, content in self.notes():
            if owner == b"GNU" and kind == _NOTE_GNU_BUILD_ID:
                return content.hex()
            if owner == b"Go" and kind == _NOTE_GO_BUILD_ID:
                go = content.decode("ascii", "replace")
        return go

    def find(self, needle: bytes, offset: int, size: int) -> Iterator[int]:
        """Yield the file offsets of `needle` in [offset, offset + size)."""
        overlap = len(needle) - 1
        end = offset + size
        while offset < end:
            data = self._read(offset, min(_CHUNK + overlap, end - offset))
            at = data.find(needle)
            while at >= 0:
                yield offset + at
                at = data.find(needle, at + 1)
            if len(data) <= overlap:
                return
            offset += len(data) - overlap if len(data) > overlap else len(data)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of the file."""
        return self._read(offset, size)

    def address_of(self, offset: int) -> int | None:
        """Return the link-time address that the file offset is loaded at."""
        for s in self.loads:
            if s.offset <= offset < s.offset + s.file_size:
                return s.address + offset - s.offset
        return None
