"""Chunks of one process on disk: files of consecutive ones, each of one generation, written once and then only read.

A file is written under another name and renamed, and every record has a checksum, so that what an agent or a machine
that died has left is whole or not there. Nothing is synced: what is lost with the machine's power is a gap like any
other.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flarego.agent.entry import Entry, Kind

MAGIC = b"FGSPOOL1"
MAX_PAYLOAD = 64 << 20
_RECORD = struct.Struct("<IIQQIBBd")
"""Size of the payload, CRC-32 of all that follows, sequence, generation, raw size, kind, encoding, time."""
_CHECKED = struct.Struct("<QQIBBd")
_NAME = re.compile(r"(\d{20})-(\d{20})-(\d{10})\.spool", re.ASCII)


@dataclass
class Segment:
    """One file."""

    path: Path
    first: int
    last: int
    generation: int
    size: int


class Shelf:
    """One process's files, oldest first. Not safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Take up what is in the folder, which is made when something is put into it. Raises OSError."""
        self._folder = folder
        self._segments = sorted(_found(folder), key=lambda segment: segment.first)
        self._reading: tuple[Segment, int, Iterator[Entry], Entry | None] | None = None
        """The file being read, the number last asked for, what comes after it, and the answer."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(segment.size for segment in self._segments)

    @property
    def last(self) -> int:
        """The greatest number there is; 0 when there is none."""
        return self._segments[-1].last if self._segments else 0

    def __len__(self) -> int:
        """Return how many messages there may be."""
        return sum(segment.last - segment.first + 1 for segment in self._segments)

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep chunks of one generation, which come after all that is kept. Raises OSError."""
        first, last, generation = entries[0].sequence, entries[-1].sequence, entries[0].generation
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{first:020}-{last:020}-{generation:010}.spool"
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                file.write(MAGIC)
                file.writelines(map(_record, entries))
                size = file.tell()
            partial.rename(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._segments.append(Segment(path, first, last, generation, size))

    def after(self, sequence: int) -> Entry | None:
        """Return the first chunk after that number."""
        while (segment := next((s for s in self._segments if s.last > sequence), None)) is not None:
            entry = self._read(segment, sequence)
            if entry is not None and entry.sequence <= segment.last:
                return entry
            segment.last = min(segment.last, sequence)  # the rest of it cannot be read, or is not wanted
            if segment.last < segment.first:
                self._remove(segment)
        return None

    def _read(self, segment: Segment, sequence: int) -> Entry | None:
        """Return the first chunk of a file after that number; going on from the one before costs one read."""
        known, asked, entries, entry = self._reading or (None, 0, iter(()), None)
        if known is not segment or sequence < asked:
            entries, entry = _records(segment.path), None
        if entry is None or entry.sequence <= sequence:
            entry = next((e for e in entries if e.sequence > sequence), None)
        self._reading = segment, sequence, entries, entry
        return entry

    def let_go(self, sequence: int) -> None:
        """Remove the files that have nothing after that number."""
        for segment in [segment for segment in self._segments if segment.last <= sequence]:
            self._remove(segment)

    def cut(self, generation: int, sequence: int) -> int:
        """Forget the chunks of a generation from that number on. Return how many they may have been."""
        lost = 0
        for segment in [s for s in self._segments if s.generation == generation and s.last >= sequence]:
            lost += segment.last - max(segment.first, sequence) + 1
            segment.last = sequence - 1
            if segment.last < segment.first:
                self._remove(segment)
        return lost

    def remove(self) -> None:
        """Remove everything, the folder too."""
        self.let_go(self.last)
        with suppress(OSError):
            for left in self._folder.iterdir():
                left.unlink()
            self._folder.rmdir()

    def _remove(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if self._reading and self._reading[0] is segment:
            self._reading = None
        with suppress(OSError):
            segment.path.unlink()


def _found(folder: Path) -> Iterator[Segment]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if match := _NAME.fullmatch(path.name):
            first, last, generation = map(int, match.groups())
            if first <= last:
                yield Segment(path, first, last, generation, path.stat().st_size)
        elif path.suffix == ".partial":
            path.unlink(missing_ok=True)


def _record(entry: Entry) -> bytes:
    checked = _CHECKED.pack(
        entry.sequence, entry.generation, entry.raw_size, entry.kind, entry.encoding, entry.at
    )  # fmt: skip
    crc = zlib.crc32(entry.payload, zlib.crc32(checked))
    return struct.pack("<II", len(entry.payload), crc) + checked + entry.payload


def _records(path: Path) -> Iterator[Entry]:
    """Yield the chunks of a file, as far as they are whole."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        end = os.fstat(file.fileno()).st_size
        while len(head := file.read(_RECORD.size)) == _RECORD.size:
            size, crc, sequence, generation, raw_size, kind, encoding, at = _RECORD.unpack(head)
            if size > min(MAX_PAYLOAD, end):
                return
            payload = file.read(size)
            if len(payload) < size or zlib.crc32(payload, zlib.crc32(head[8:])) != crc or kind > Kind.HEAD:
                return
            yield Entry(sequence, Kind(kind), generation, payload, encoding, raw_size, at)
