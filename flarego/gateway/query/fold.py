"""A span of one process, taken as it is now and folded wherever there is time for it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flarego.gateway.channel import Channel
from flarego.gateway.query.dictionary import Dictionary, Reading
from flarego.gateway.query.track import Block, Edge, Track
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.merge import within
from flarego.model.profile import Profile, RowReader
from flarego.native import Numbers, RowTable
from flarego.wire.codec import decode

Check = Callable[[], None]
"""Called again and again by whatever takes long; raises when it is to stop."""


@dataclass(frozen=True, slots=True)
class _Read:
    """Chunks of one run that are added one by one."""

    chunks: Sequence[bytes]
    numbers: Numbers
    dictionary: Dictionary


@dataclass(frozen=True)
class Slice:
    """What is kept of a process and touches a span, at the moment it was taken. Nothing of it changes any more."""

    info: ProcessInfo
    start: int
    """Where its first chunk begins, ns since the process's epoch; what was asked for when there is none."""
    end: int
    n_chunks: int
    damaged: int
    """Of these, chunks that are left out because they contradict themselves."""
    _pieces: Sequence[Block | _Read] = ()
    _readings: Mapping[Dictionary, Reading] = field(default_factory=dict)
    """What was defined by then."""
    _chunks: Sequence[bytes] = ()
    """When nothing was added up: the chunks, from the beginning of a generation."""

    def fold(self, check: Check) -> Profile:
        """Return the sum: what Profile.fold gives over the chunks. Raises whatever check raises."""
        pieces = self._read(check) if self._chunks else self._pieces
        readings = _readings(pieces) if self._chunks else self._readings
        into, translations = Dictionary(), dict[Dictionary, Numbers]()
        if len(readings) > 1:
            translations = {known: into.translate(reading) for known, reading in readings.items()}
        table = RowTable()
        for piece in pieces:
            check()
            table.merge(_table(piece, check), translations.get(piece.dictionary))
        reading = next(iter(readings.values())) if len(readings) == 1 else into.read()
        rows = RowReader(self.info).read(table.columns())
        check()
        return Profile(self.info, self.start, self.end, rows, reading.groups, reading.stacks)

    def _read(self, check: Check) -> Sequence[Block]:
        """Add up what was not."""
        track, last = Track(), 0
        for chunk in self.chunks(check):
            track.add(chunk, last)
            last += 1
        return [piece for piece in track.cover(0, last) if isinstance(piece, Block)]

    def chunks(self, check: Check) -> Iterator[Chunk]:
        """Yield the chunks themselves, where nothing was added up."""
        for chunk in within(map(_decoded, self._chunks), self.start, self.end):
            check()
            yield chunk


def _table(piece: Block | _Read, check: Check) -> RowTable:
    if isinstance(piece, Block):
        return piece.table
    table = RowTable()
    for data in piece.chunks:
        check()
        try:
            table.add(piece.numbers, _decoded(data).rows)
        except (ValueError, OverflowError):
            continue
    return table


def _decoded(data: bytes) -> Chunk:
    chunk = decode(data)
    assert isinstance(chunk, Chunk)
    return chunk


def take(channel: Channel, info: ProcessInfo, track: Track | None, start: int, end: int) -> Slice:
    """Return what is kept and touches [start, end), ns since the process's epoch."""
    if track is None:
        return _take_chunks(channel, info, start, end)
    first, last = track.find(start, end)
    first = max(first, channel.log.begin)
    if first >= last:
        return Slice(info, start, end, 0, 0)
    bounds = track.span(first, last)
    pieces = [_held(channel, piece) for piece in track.cover(first, last)]
    return Slice(info, *bounds, last - first, track.damaged(first, last), pieces, _readings(pieces))


def _readings(pieces: Sequence[Block | _Read]) -> Mapping[Dictionary, Reading]:
    return {dictionary: dictionary.read() for dictionary in dict.fromkeys(piece.dictionary for piece in pieces)}


def _held(channel: Channel, piece: Block | Edge) -> Block | _Read:
    if isinstance(piece, Block):
        return piece
    indices = (index for index in range(piece.first, piece.last) if index not in piece.damaged)
    chunks = [channel.log[index].data for index in indices]
    return _Read(chunks, piece.numbers, piece.dictionary)


def _take_chunks(channel: Channel, info: ProcessInfo, start: int, end: int) -> Slice:
    """Take the chunks themselves, and all before that their definitions may be in."""
    log = channel.log
    packets = [log[index] for index in range(log.begin, log.end)]
    ends = [packet.end for packet in packets]
    first, last = bisect_right(ends, start), min(bisect_left(ends, end) + 1, len(packets))
    if first >= last:
        return Slice(info, start, end, 0, 0)
    start, end = max(start, ends[first - 1] if first else 0), min(end, ends[last - 1])
    begin = first
    while begin and packets[begin - 1].generation == packets[first].generation:
        begin -= 1
    chunks = [packet.data for packet in packets[begin:last]]
    return Slice(info, start, end, last - first, 0, _chunks=chunks)
