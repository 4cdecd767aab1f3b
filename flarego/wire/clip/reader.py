"""Reads clips: opening costs the index, a span costs its generations, and a file that was cut gives what it has."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from flarego.model.chunk import Chunk, Gap, Gone, Message, Notice, ProcessInfo
from flarego.model.merge import MAX_EVENTS, Merger, within
from flarego.wire.clip.index import Generation, Index, Timeline, TimelineBuilder
from flarego.wire.clip.records import (
    MAGIC,
    MAX_GENERATIONS,
    MAX_RECORDS,
    START,
    TRAILER,
    TRAILER_MAGIC,
    VERSION,
    ClipError,
    ClipTooNew,
    Record,
    StreamDecoder,
    decompress,
    messages,
    read_header,
    read_payload,
    unpack,
)  # fmt: skip
from flarego.wire.clip.writer import LEAST


class Clip:
    """A clip opened for reading; a context manager."""

    def __init__(self, file: BinaryIO) -> None:
        """Read head and index. Raises ClipError when it is no clip, ClipTooNew when it is a later version's."""
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self.problem = ""
        """What was lost, in one sentence; "" when nothing was."""
        first = self._read_start()
        self.head = self._read_head(first)
        index = self._read_index()
        self._index = index if index is not None else self._scan(first)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | BinaryIO) -> Self:
        """Open a clip. Raises what the constructor raises, and OSError."""
        if not isinstance(path, str | os.PathLike):
            return cls(path)
        file = Path(path).open("rb")  # noqa: SIM115
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what is in it ---------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    @property
    def processes(self) -> Sequence[ProcessInfo]:
        return list(self._index.processes.values())

    @property
    def generations(self) -> Sequence[Generation]:
        return self._index.generations

    def generations_of(self, process: str) -> Sequence[Generation]:
        return [generation for generation in self._index.generations if generation.process == process]

    def span(self, process: str) -> tuple[int, int]:
        """Return the time the clip tells of, ns since the process's epoch."""
        own = self.generations_of(process)
        return (min(g.start for g in own), max(g.end for g in own)) if own else (0, 0)

    def shown(self, process: str) -> tuple[int, int] | None:
        """Return the span that was in view when the clip was saved, if that was noted."""
        return self._index.span.get(process)

    def gone(self, process: str) -> Gone | None:
        """Return how the process ended, if it did while it was recorded."""
        return self._index.gone.get(process)

    def events(self, process: str) -> Sequence[Mapping[str, Any]]:
        return self._index.events.get(process, ())

    def timeline(self, process: str) -> Timeline:
        return self._index.timeline.get(process) or Timeline((), (), {})

    def overview(self, process: str) -> Chunk:
        """Return everything of a process, merged into one chunk. Raises ClipError when there is nothing of it."""
        known = self._index.overview.get(process)
        if known is None:
            merger = Merger()
            for chunk in self.summaries(process):
                self._merge(merger, chunk)
            if not merger.chunks:
                raise ClipError(f"there is nothing of process {process} in the clip")
            known = self._index.overview[process] = merger.chunk(LEAST)
        return known

    def summaries(self, process: str, start: int | None = None, end: int | None = None) -> Iterator[Chunk]:
        """Yield one merged chunk for each generation that touches the span. Raises ClipError."""
        for generation in self._touched(process, start, end):
            if generation.summary:
                yield self._summary(generation)
                continue
            merger = Merger()
            for message in self._decode(generation):
                if isinstance(message, Chunk):
                    self._merge(merger, message)
            if merger.chunks:
                yield merger.chunk(LEAST)

    def messages(self, process: str, start: int | None = None, end: int | None = None) -> Iterator[Message]:
        """Yield what was recorded of a process in [start, end), ns since its epoch; None is the clip's own end.

        Chunks that lie partly in the span are whole. Definitions of chunks before it come with the first one in it.
        Raises ClipError where the file is damaged.
        """
        told: ProcessInfo | None = None
        for generation in self._touched(process, start, end):
            others: list[Message] = []
            chunks = within(_set_aside(self._decode(generation), others), start, end)
            for chunk in chunks:
                for other in others:
                    if other != told:
                        yield other
                    told = other if isinstance(other, ProcessInfo) else told
                others.clear()
                yield chunk
            yield from (other for other in others if isinstance(other, Gone))

    def _touched(self, process: str, start: int | None, end: int | None) -> Sequence[Generation]:
        return [
            generation
            for generation in self.generations_of(process)
            if (end is None or generation.start < end) and (start is None or generation.end > start)
        ]

    @staticmethod
    def _merge(merger: Merger, chunk: Chunk) -> None:
        try:
            merger.add(chunk)
        except ValueError as e:
            raise ClipError(f"the clip is damaged: {e}") from None

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _read_start(self) -> int:
        self._file.seek(0)
        data = self._file.read(START.size)
        if len(data) < START.size or data[:8] != MAGIC:
            raise ClipError("not a clip of flarego's", remedy="`flarego import` reads other formats")
        version = START.unpack(data)[1]
        if version > VERSION:
            raise ClipTooNew(f"a clip of version {version}; this flarego knows versions up to {VERSION}")
        return START.size

    def _read_head(self, offset: int) -> dict[str, Any]:
        record = read_header(self._file, offset, self._size)
        if record is None or record.kind != b"HEAD":
            raise ClipError("the clip is cut before anything was recorded")
        return unpack(read_payload(self._file, record))

    def _read_index(self) -> Index | None:
        """Return the index at the end of the file; None when there is none that can be used."""
        if self._size < START.size + TRAILER.size:
            return None
        self._file.seek(-TRAILER.size, io.SEEK_END)
        offset, magic = TRAILER.unpack(self._file.read(TRAILER.size))
        record = read_header(self._file, offset, self._size) if magic == TRAILER_MAGIC and offset < self._size else None
        if record is None or record.kind != b"INDX":
            return None
        try:
            return Index.read(decompress(read_payload(self._file, record), record.raw), self._size)
        except ClipTooNew:
            raise
        except ClipError:
            self.problem = "the clip's index is damaged; it was made again from what is there"
            return None

    def _records(self, offset: int, end: int) -> Iterator[Record]:
        """Yield the headers of whole records from an offset on."""
        for _ in range(MAX_RECORDS):
            record = read_header(self._file, offset, end)
            if record is None:
                return
            yield record
            offset = record.end
        raise ClipError(f"a clip of more than {MAX_RECORDS:,} records")

    def _decode(self, generation: Generation) -> Iterator[Message]:
        """Yield a generation's messages. Raises ClipError."""
        decoder = StreamDecoder()
        for record in self._records(generation.offset, generation.offset + generation.size):
            if record.stream == generation.stream and record.kind in (b"CHNK", b"DONE"):
                data = decoder.decode(read_payload(self._file, record), record.raw)
                for message in messages(data):
                    if message.process == generation.process and not isinstance(message, Gap | Notice):
                        yield message

    def _summary(self, generation: Generation) -> Chunk:
        record = read_header(self._file, generation.summary, self._size)
        if record is None or record.kind != b"SUMM":
            raise ClipError(f"the clip is damaged at byte {generation.summary:,}")
        for message in messages(decompress(read_payload(self._file, record), record.raw)):
            if isinstance(message, Chunk):
                return message
        raise ClipError(f"the clip is damaged at byte {generation.summary:,}")

    # ---- a file that was cut ---------------------------------------------------------------------------------------

    def _scan(self, offset: int) -> Index:
        """Return the index of what is there, made again from the records."""
        streams: dict[int, Generation] = {}
        end = offset
        for record in self._records(offset, self._size):
            end = record.end
            if record.kind in (b"CHNK", b"DONE"):
                known = streams.get(record.stream)
                if known is None:
                    known = streams[record.stream] = Generation(
                        record.stream, "", 0, 0, 0, 0, 0, record.offset, 0, 0, 0
                    )
                known.size = end - known.offset
                known.raw += record.raw
            elif record.kind == b"SUMM" and record.stream in streams:
                streams[record.stream].summary = record.offset
            if len(streams) > MAX_GENERATIONS:
                raise ClipError(f"a clip of more than {MAX_GENERATIONS:,} generations")
        return self._index_of(streams.values(), end)

    def _index_of(self, streams: Iterable[Generation], end: int) -> Index:
        index = Index()
        timelines: dict[str, TimelineBuilder] = {}
        self.problem = self.problem or "the clip has no index: recording it was cut short"
        if end < self._size:
            self.problem += f"; its last {self._size - end:,} bytes hold no whole record"
        for generation in streams:
            chunks = self._survey(index, generation)
            if not chunks:
                continue
            generation.start, generation.end = chunks[0].start, chunks[-1].end
            generation.first, generation.last = chunks[0].sequence, chunks[-1].sequence
            index.generations.append(generation)
            for chunk in chunks:
                timelines.setdefault(generation.process, TimelineBuilder()).add(chunk)
                if chunk.events:
                    events = [*index.events.get(generation.process, ()), *chunk.events]
                    index.events[generation.process] = events[-MAX_EVENTS:]
        index.timeline = {process: builder.timeline() for process, builder in timelines.items()}
        return index

    def _survey(self, index: Index, generation: Generation) -> Sequence[Chunk]:
        """Return what stands for a generation in the index: its summary, or its chunks without one."""
        decoder, chunks = StreamDecoder(), list[Chunk]()
        try:
            if generation.summary:
                chunks = [self._summary(generation)]
            for record in self._records(generation.offset, generation.offset + generation.size):
                if record.stream != generation.stream or record.kind not in (b"CHNK", b"DONE"):
                    continue
                for message in messages(decoder.decode(read_payload(self._file, record), record.raw)):
                    if isinstance(message, ProcessInfo):
                        generation.process = generation.process or message.process
                        index.processes[message.process] = message
                    elif isinstance(message, Chunk) and message.process == generation.process:
                        generation.chunks += 1
                        if not generation.summary:
                            chunks.append(message)
                    elif isinstance(message, Gone):
                        index.gone[message.process] = message
                if generation.summary and generation.process:
                    break
        except ClipTooNew:
            raise
        except ClipError as e:
            self.problem += f"; {e.message}"
            generation.size = record.offset - generation.offset if chunks else 0
        return chunks if generation.process else ()


def _set_aside(messages: Iterable[Message], others: list[Message]) -> Iterator[Chunk]:
    """Yield the chunks; what comes between them is left in `others`."""
    for message in messages:
        if isinstance(message, Chunk):
            yield message
        else:
            others.append(message)
