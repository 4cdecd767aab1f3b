"""Fan-out: every subscriber gets the same bytes, and a slow one slows nobody.

Sans I/O but for one asyncio.Event a subscriber. A subscriber's queue is bounded in bytes. When it is full its oldest
chunks lose their rows and keep their definitions, so that all that follow can still be read, and a Gap tells which.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flarego.gateway.retention import Packet, Retention
from flarego.model.chunk import Chunk, Gap, Gone, Message, ProcessInfo
from flarego.wire.codec import encode

QUEUE_BYTES = 16 << 20


@dataclass
class Channel:
    """What the hub knows of one process."""

    retention: Retention
    info: bytes = b""
    gone: bytes = b""


@dataclass(eq=False)
class Entry:
    data: bytes
    process: str = ""
    packet: Packet | None = None
    """Set while the entry still has its rows."""


class Subscriber:
    """One bounded queue."""

    def __init__(self, limit: int = QUEUE_BYTES) -> None:
        self._limit = limit
        self._queue: deque[Entry] = deque()
        self._size = 0
        self._gaps: dict[str, tuple[int, int]] = {}
        self._ready = asyncio.Event()
        self.dropped = 0

    def offer(self, data: bytes, process: str = "", packet: Packet | None = None) -> None:
        """Queue bytes; never blocks. A packet is a chunk, whose rows may be dropped."""
        self._queue.append(Entry(data, process, packet))
        self._size += len(data)
        if self._size > self._limit:
            self._thin()
        self._ready.set()

    def _thin(self) -> None:
        """Take the rows from the oldest chunks until half of the queue is free again."""
        for entry in self._queue:
            if self._size <= self._limit // 2:
                break
            if entry.packet is None:
                continue
            first, _ = self._gaps.get(entry.process, (entry.packet.sequence, 0))
            self._gaps[entry.process] = (first, entry.packet.sequence)
            self._size -= len(entry.data)
            entry.data, entry.packet = entry.packet.definitions, None
            self._size += len(entry.data)
            self.dropped += 1

    def take(self) -> bytes | None:
        """Return the next message, None when there is none now."""
        while self._gaps:
            process, (first, last) = self._gaps.popitem()
            return encode(Gap(process, first, last))
        while self._queue:
            entry = self._queue.popleft()
            self._size -= len(entry.data)
            if entry.data:
                return entry.data
        self._ready.clear()
        return None

    async def next(self) -> bytes:
        """Wait for the next message."""
        while (data := self.take()) is None:
            await self._ready.wait()
        return data


@dataclass
class Hub:
    """Keeps what was published, and passes it on."""

    channels: dict[str, Channel] = field(default_factory=dict)
    subscribers: set[Subscriber] = field(default_factory=set)

    def publish(self, message: Message) -> None:
        channel = self.channels.setdefault(message.process, Channel(Retention()))
        packet = None
        if isinstance(message, Chunk):
            packet = Packet.of(message)
            channel.retention.add(packet)
            data = packet.data
        else:
            data = encode(message)
            if isinstance(message, ProcessInfo):
                channel.info = data
            elif isinstance(message, Gone):
                channel.gone = data
        for subscriber in self.subscribers:
            subscriber.offer(data, message.process, packet)

    @contextmanager
    def subscribe(self, since_s: float = 0, limit: int = QUEUE_BYTES) -> Iterator[Subscriber]:
        """A subscriber that begins with the current generation of every process, and all of the last since_s."""
        subscriber = Subscriber(limit)
        for process, channel in self.channels.items():
            for data in filter(None, [channel.info]):
                subscriber.offer(data, process)
            for packet in channel.retention.since(since_s):
                subscriber.offer(packet.data, process, packet)
            if channel.gone:
                subscriber.offer(channel.gone, process)
        self.subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self.subscribers.discard(subscriber)
