"""The ring of recent generations of one process: bounded by time and by bytes, trimmed by whole generations."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from flarego.model.chunk import Chunk
from flarego.wire.codec import decode, encode

RETENTION_S = 15 * 60
RETENTION_BYTES = 256 << 20


@dataclass(eq=False)
class Packet:
    """A chunk's bytes, with what the hub needs to know of them."""

    generation: int
    sequence: int
    end: int
    data: bytes

    @classmethod
    def of(cls, chunk: Chunk) -> Packet:
        return cls(chunk.generation, chunk.sequence, chunk.end, encode(chunk))

    @cached_property
    def definitions(self) -> bytes:
        """The chunk without its rows: all that those after it need; b"" when they need nothing. Made when asked."""
        chunk = decode(self.data)
        assert isinstance(chunk, Chunk)
        if not (chunk.strings or chunk.frames or chunk.locations or chunk.nodes or chunk.groups):
            return b""
        return encode(replace(chunk, rows={}, series={}, events=(), waits=(), processors=(), sampler={}))


@dataclass
class Generation:
    number: int
    packets: list[Packet] = field(default_factory=list)
    size: int = 0

    def add(self, packet: Packet) -> None:
        self.packets.append(packet)
        self.size += len(packet.data)


class Retention:
    """Keeps at least the current generation, and as many before it as the bounds allow."""

    def __init__(self, seconds: float = RETENTION_S, size: int = RETENTION_BYTES) -> None:
        self._nanoseconds = int(seconds * 1e9)
        self._limit = size
        self._generations: deque[Generation] = deque()
        self.size = 0

    def add(self, packet: Packet) -> None:
        if not self._generations or self._generations[-1].number != packet.generation:
            self._generations.append(Generation(packet.generation))
        self._generations[-1].add(packet)
        self.size += len(packet.data)
        while len(self._generations) > 1 and self._is_due(self._generations[0], packet.end):
            self.size -= self._generations.popleft().size

    def _is_due(self, oldest: Generation, now: int) -> bool:
        return oldest.packets[-1].end < now - self._nanoseconds or self.size > self._limit

    def since(self, seconds: float) -> Iterator[Packet]:
        """Yield the current generation, and before it those that reach into the last `seconds`."""
        if not self._generations:
            return
        begin = self._generations[-1].packets[-1].end - int(seconds * 1e9)
        for generation in self._generations:
            if generation is self._generations[-1] or generation.packets[-1].end >= begin:
                yield from generation.packets
