"""Writes clips: only ever appends, so that whatever ends the writing, what was written can be read."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgpack
import zstandard

from flarego import __version__
from flarego.errors import FlareError
from flarego.model.chunk import Chunk, Gap, Gone, Message, Notice, ProcessInfo
from flarego.model.merge import MAX_EVENTS, Merger
from flarego.wire.clip.index import Generation, Index, TimelineBuilder
from flarego.wire.clip.records import MAGIC, START, TRAILER, TRAILER_MAGIC, VERSION, ClipError, write_record
from flarego.wire.codec import encode

LEVEL = 7
"""Of zstd: a fifth smaller than 3 for hundredths of a percent of a core more; beyond it little is gained."""
WINDOW_LOG = 18
"""256 KiB to look back: 6 % larger than 2 MiB would be, but the page's decoder moves it for every record."""
LEAST = 1e-5
"""Share of all time below which a row of a summary joins its caller's."""


class ClipWriteFailed(FlareError):
    """The clip could not be written on."""

    usual_remedy = "what was written until then can be opened; make room, or record to another place"


class _Stream:
    """A generation being written."""

    def __init__(self, entry: Generation, level: int) -> None:
        self.entry = entry
        parameters = zstandard.ZstdCompressionParameters.from_level(level, window_log=WINDOW_LOG)
        self.zstd = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        self.merger = Merger()


class ClipWriter:
    """Writes a clip into a file opened for binary writing, which it neither seeks in nor closes."""

    def __init__(self, file: BinaryIO, note: str = "", *, level: int = LEVEL) -> None:
        """Write the head. Raises ClipWriteFailed."""
        self._file, self._level = file, level
        self._index = Index()
        self._streams: dict[str, _Stream] = {}
        self._overviews: dict[str, Merger] = {}
        self._timelines: dict[str, TimelineBuilder] = {}
        self._events: dict[str, deque[Mapping[str, Any]]] = {}
        self._count = 0
        self._closed = False
        self.size = 0
        """Bytes written."""
        self._put(START.pack(MAGIC, VERSION))
        self._record(b"HEAD", 0, msgpack.packb(_head(note), unicode_errors="replace"))

    def write(self, message: Message) -> None:
        """Append a message. A process's chunks come after its ProcessInfo. Raises ClipWriteFailed."""
        match message:
            case ProcessInfo():
                self._index.processes[message.process] = message
                self._append(message)
            case Chunk():
                self._chunk(message)
            case Gone():
                self._index.gone[message.process] = message
                self._append(message)
            case Gap() | Notice():
                pass  # between two who talk; the sequences tell a reader of the clip

    def show(self, process: str, start: int, end: int) -> None:
        """Note what span (ns since epoch) the one who saves the clip has in view."""
        self._index.span[process] = (start, end)

    def close(self) -> None:
        """Finish: summaries, index. Without it the clip can still be read. Raises ClipWriteFailed."""
        if self._closed:
            return
        self._closed = True
        for process in list(self._streams):
            self._finish(process)
        for process, merger in self._overviews.items():
            self._index.overview[process] = merger.chunk(LEAST)
            self._index.timeline[process] = self._timelines[process].timeline()
        self._index.events.update((process, list(events)) for process, events in self._events.items())
        offset = self.size
        self._compressed(b"INDX", 0, self._index.pack())
        self._put(TRAILER.pack(offset, TRAILER_MAGIC))

    def _chunk(self, chunk: Chunk) -> None:
        stream = self._streams.get(chunk.process)
        if stream is None or chunk.strings[:1] == [""]:
            self._finish(chunk.process)
            stream = self._begin(chunk)
        entry = stream.entry
        entry.end, entry.last = chunk.end, chunk.sequence
        entry.chunks += 1
        self._append(chunk)
        stream.merger.add(chunk)
        self._timelines.setdefault(chunk.process, TimelineBuilder()).add(chunk)
        if chunk.events:
            self._events.setdefault(chunk.process, deque(maxlen=MAX_EVENTS)).extend(chunk.events)

    def _begin(self, chunk: Chunk) -> _Stream:
        info = self._index.processes.get(chunk.process)
        if info is None:
            raise ValueError(f"a chunk of process {chunk.process}, which nobody has introduced")
        entry = Generation(
            stream=self._count, process=chunk.process, start=chunk.start, end=chunk.end, first=chunk.sequence,
            last=chunk.sequence, chunks=0, offset=self.size, size=0, summary=0, raw=0,
        )  # fmt: skip
        self._count += 1
        self._index.generations.append(entry)
        stream = self._streams[chunk.process] = _Stream(entry, self._level)
        self._append(info)
        return stream

    def _append(self, message: Message) -> None:
        """Add a message to its process's open stream; outside of one there is nothing to add it to."""
        stream = self._streams.get(message.process)
        if stream is None:
            return
        data = encode(message)
        payload = stream.zstd.compress(data) + stream.zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        self._record(b"CHNK", stream.entry.stream, payload, len(data))
        stream.entry.raw += len(data)
        stream.entry.size = self.size - stream.entry.offset

    def _finish(self, process: str) -> None:
        stream = self._streams.pop(process, None)
        if stream is None:
            return
        entry = stream.entry
        self._record(b"DONE", entry.stream, stream.zstd.flush(), 0)
        entry.size = self.size - entry.offset
        summary = stream.merger.chunk(LEAST)
        entry.summary = self.size
        self._compressed(b"SUMM", entry.stream, encode(self._index.processes[process]) + encode(summary))
        self._overviews.setdefault(process, Merger()).add(summary)

    def _compressed(self, kind: bytes, stream: int, data: bytes) -> None:
        self._record(kind, stream, zstandard.ZstdCompressor(level=self._level).compress(data), len(data))

    def _record(self, kind: bytes, stream: int, payload: bytes, raw: int | None = None) -> None:
        try:
            self.size += write_record(self._file, kind, stream, payload, len(payload) if raw is None else raw)
            self._file.flush()
        except OSError as e:
            self._failed(e.strerror or str(e))
        except ClipError as e:
            self._failed(e.message)

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as e:
            self._failed(e.strerror or str(e))
        self.size += len(data)

    def _failed(self, why: str) -> None:
        self._closed = True  # an index after a gap would only mislead
        raise ClipWriteFailed(f"the clip could not be written: {why}") from None


def _head(note: str) -> dict[str, object]:
    system = platform.uname()
    host = {
        "name": socket.gethostname(),
        "kernel": f"{system.system} {system.release}",
        "machine": system.machine,
        "cpus": os.cpu_count() or 0,
    }
    created = time.time_ns()
    return {"created": created, "by": f"flarego {__version__}", "host": host, "clock": "monotonic", "note": note}
