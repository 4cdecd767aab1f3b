"""The log of one process's recent chunks: whole generations, bounded by time and by bytes.

A packet has an index that never changes, so that a reader needs to keep no more than a number (see hub.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flarego.model.chunk import Chunk
from flarego.model.merge import join_definitions
from flarego.wire.codec import decode, encode

RETENTION_S = 15 * 60
RETENTION_BYTES = 256 << 20
PACKET = 256
"""Bytes that a packet takes besides its data."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; what is over a bound goes by whole generations, the oldest first."""

    seconds: float = RETENTION_S
    process: int = RETENTION_BYTES
    """Bytes of one process."""
    namespace: int = 1 << 30
    """Bytes of all processes of a namespace."""
    total: int = 2 << 30
    """Bytes of everything."""


@dataclass(eq=False, slots=True)
class Packet:
    """A chunk's bytes, with what the hub needs to know of them."""

    generation: int
    sequence: int
    end: int
    """Nanoseconds since the process's epoch."""
    position: int
    """Bytes that were logged before it."""
    data: bytes
    number: int = 0
    """The Data.sequence it came with; 0: nobody numbered it."""

    def chunk(self) -> Chunk:
        chunk = decode(self.data)
        assert isinstance(chunk, Chunk)
        return chunk


class Retention:
    """Holds packets [begin, end); those before `whole` have lost all but their definitions and members."""

    def __init__(
        self,
        seconds: float = RETENTION_S,
        size: int = RETENTION_BYTES,
    ) -> None:
        self._nanoseconds = int(seconds * 1e9)
        self._forgot: Callable[[int], None] = lambda generation: None
        self._limit = size
        self._packets: list[Packet] = []
        self._starts: deque[int] = deque()
        """Where each generation begins."""
        self._written = 0
        self.begin = 0
        self.whole = 0
        self.size = 0
        """Bytes of memory, about."""

    @property
    def end(self) -> int:
        return self.begin + len(self._packets)

    def packets(self) -> Sequence[bytes]:
        """Return the bytes of every packet there is now."""
        return [packet.data for packet in self._packets]

    def __getitem__(self, index: int) -> Packet:
        return self._packets[index - self.begin]

    def on_forgotten(self, callback: Callable[[int], None]) -> None:
        """Call back each time generations go, with the number of the oldest that is left."""
        self._forgot = callback

    @property
    def last_sequence(self) -> int:
        """The sequence of the last chunk; -1 when there is none."""
        return self._packets[-1].sequence if self._packets else -1

    @property
    def last_end(self) -> int:
        """When the last chunk ended, in ns since the epoch; 0 when there is none."""
        return self._packets[-1].end if self._packets else 0

    @property
    def spare(self) -> int:
        """How many chunks could still lose their rows."""
        return max(0, self.end - 1 - self.whole)

    @property
    def oldest(self) -> int:
        """The end of the oldest generation but the current one, in ns since the epoch; -1 when there is none."""
        return self[self._starts[1] - 1].end if len(self._starts) > 1 else -1

    def add(self, chunk: Chunk, data: bytes | None = None, number: int = 0) -> None:
        """Append a chunk (with its encoding, if there is one already), and forget what is too old or too much."""
        data = encode(chunk) if data is None else data
        if not self._packets or self._packets[-1].generation != chunk.generation:
            self._starts.append(self.end)
        self._packets.append(Packet(chunk.generation, chunk.sequence, chunk.end, self._written, data, number))
        self._written += len(data)
        self.size += len(data) + PACKET
        self._trim()

    def _trim(self) -> None:
        oldest_kept = self[self.end - 1].end - self._nanoseconds
        while len(self._starts) > 1:
            if self.size <= self._limit and self[self._starts[1] - 1].end >= oldest_kept:
                return
            self._forget_generation()
        while self.size > self._limit and self.whole < self.end - 1:
            self._thin()

    def give_up(self) -> bool:
        """Forget the oldest generation; of the current one, when no other is left, its oldest rows.

        Return False when nothing can be given up.
        """
        if len(self._starts) > 1:
            self._forget_generation()
        elif self.whole < self.end - 1:
            self._thin()
        else:
            return False
        return True

    def expire(self, before: int) -> None:
        """Forget generations that ended before a moment (ns since the epoch), the last one too."""
        while len(self._starts) > 1 and self.oldest < before:
            self._forget_generation()
        if self._packets and len(self._starts) == 1 and self._packets[-1].end < before:
            self.begin = self.whole = self.end
            self._packets.clear()
            self._starts.clear()
            self.size = 0

    def _forget_generation(self) -> None:
        self._starts.popleft()
        count = self._starts[0] - self.begin
        self.size -= sum(len(packet.data) + PACKET for packet in self._packets[:count])
        del self._packets[:count]
        self.begin += count
        self.whole = max(self.whole, self.begin)
        self._forgot(self._packets[0].generation)

    def _thin(self) -> None:
        """Only the current generation is left, and too large: its oldest rows go, its definitions and members stay."""
        packet = self[self.whole]
        data = encode(replace(packet.chunk(), rows={}, series={}, events=(), waits=(), processors=(), sampler={}))
        self.size -= len(packet.data) - len(data)
        packet.data = data
        self.whole += 1

    def since(self, seconds: float) -> int:
        """Return where one should begin to read who wants the last `seconds`: always where a generation begins."""
        if not self._packets:
            return self.begin
        wanted = self._packets[-1].end - int(seconds * 1e9)
        ends = [*list(self._starts)[1:], self.end]
        for start, end in zip(self._starts, ends, strict=True):
            if self[end - 1].end > wanted:
                return start
        return self._starts[-1]

    def begins(self, index: int) -> bool:
        """Return whether a generation begins at index."""
        return index in self._starts

    def within(self, size: int) -> int:
        """Return where the oldest generation begins of those that are no more bytes than that; at least the current."""
        for start in self._starts:
            if self.behind(start) <= size:
                return start
        return self._starts[-1] if self._starts else self.end

    def behind(self, index: int) -> int:
        """Return how many bytes were written from the packet at index on."""
        return self._written - self[index].position if index < self.end else 0

    def resume(self, index: int, known: int) -> bytes:
        """Return the packet at index for one who has read all before `known` only: with the definitions in between."""
        if known == index or index in self._starts:
            return self[index].data
        start = max(known, *(start for start in self._starts if start < index))
        return encode(join_definitions([self[i].chunk() for i in range(start, index + 1)]))
