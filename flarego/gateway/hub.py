"""Fan-out: every subscriber gets the same bytes, and a slow one slows nobody and costs nothing.

There is one log a process (retention.py), and a subscriber is a cursor into it: its queue is what lies between the
cursor and the end. When that is more than the limits allow, the cursor moves on: a Gap tells which chunks were left
out, and the chunk after them carries the definitions they had, so that everything that follows can be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flarego.gateway.retention import RETENTION_BYTES, RETENTION_S, Retention
from flarego.model.chunk import Chunk, Gap, Gone, Message, ProcessInfo
from flarego.wire.codec import encode


@dataclass(frozen=True)
class Lag:
    """How far a subscriber may fall behind, not counting what it asked for when it joined."""

    size: int = 16 << 20
    """Bytes."""
    chunks: int = 100


@dataclass(eq=False)
class Channel:
    """What the hub knows of one process."""

    process: str
    log: Retention
    info: bytes = b""
    gone: bytes = b""


@dataclass(frozen=True)
class History:
    """What is kept of one process: messages as they were sent."""

    info: bytes
    chunks: Sequence[bytes]
    gone: bytes


class Cursor:
    """Where one subscriber is in one channel."""

    def __init__(self, channel: Channel, since_s: float, lag: Lag) -> None:
        self._channel = channel
        self._lag = lag
        self._joined = channel.log.end
        self._next = channel.log.since(since_s)
        self._expected = -1
        """Sequence of the chunk after the last one sent; -1 before the first."""
        self._resumed = b""
        self._info = b""
        self._gone = b""
        self.dropped = 0

    def take(self) -> bytes | None:
        """Return the next message of the channel, None when there is none now."""
        channel = self._channel
        if self._info != channel.info:
            self._info = channel.info
            return channel.info
        if self._resumed:
            data, self._resumed = self._resumed, b""
            return data
        if self._next < channel.log.end:
            return self._chunk(channel.log)
        if self._gone != channel.gone:
            self._gone = channel.gone
            return channel.gone
        return None

    def _chunk(self, log: Retention) -> bytes:
        index = self._resume_at(log)
        packet = log[index]
        data = log.resume(index, self._next)
        first = self._expected if self._expected >= 0 else log[max(self._next, log.begin)].sequence
        if first < packet.sequence:
            self._resumed = data
            self.dropped += packet.sequence - first
            data = encode(Gap(self._channel.process, first, packet.sequence - 1))
        self._next = index + 1
        self._expected = packet.sequence + 1
        return data

    def _resume_at(self, log: Retention) -> int:
        """Return the index of the next packet to send: the next one, unless it is gone or we are too far behind."""
        due = max(self._next, log.whole)
        counted = max(due, self._joined)
        if log.end - counted <= self._lag.chunks and log.behind(counted) <= self._lag.size:
            return due
        while counted < log.end - 1 and (
            log.end - counted > self._lag.chunks // 2 or log.behind(counted) > self._lag.size // 2
        ):
            counted += 1
        return counted


class Subscriber:
    """One reader of everything the hub has."""

    def __init__(self, channels: dict[str, Channel], since_s: float, lag: Lag) -> None:
        self._channels = channels
        self._lag = lag
        self._cursors = {channel.process: Cursor(channel, since_s, lag) for channel in channels.values()}
        self._ready = asyncio.Event()

    @property
    def dropped(self) -> int:
        """Chunks that it was not sent."""
        return sum(cursor.dropped for cursor in self._cursors.values())

    def wake(self) -> None:
        """Tell that there may be something to take."""
        self._ready.set()

    def take(self) -> bytes | None:
        """Return the next message, None when there is none now."""
        for process, channel in self._channels.items():
            cursor = self._cursors.get(process)
            if cursor is None:
                cursor = self._cursors[process] = Cursor(channel, 0, self._lag)
            if (data := cursor.take()) is not None:
                return data
        return None

    async def next(self) -> bytes:
        """Wait for the next message."""
        while (data := self.take()) is None:
            self._ready.clear()
            await self._ready.wait()
        return data


class Hub:
    """Keeps what was published, for so many seconds and bytes a process, and passes it on."""

    def __init__(self, retention_s: float = RETENTION_S, retention_bytes: int = RETENTION_BYTES) -> None:
        self._retention = retention_s, retention_bytes
        self._channels: dict[str, Channel] = {}
        self._subscribers: set[Subscriber] = set()

    def publish(self, message: Message) -> None:
        """Encode a message, once, and keep it for everybody. Never blocks."""
        channel = self._channels.get(message.process)
        if channel is None:
            channel = self._channels[message.process] = Channel(message.process, Retention(*self._retention))
        match message:
            case Chunk():
                channel.log.add(message)
            case ProcessInfo():
                channel.info = encode(message)
            case Gone():
                channel.gone = encode(message)
            case Gap():
                return  # what a subscriber was not sent is between it and us
        for subscriber in self._subscribers:
            subscriber.wake()

    def history(self, process: str = "") -> History | None:
        """Return what is kept of a process, of the only one when none is named; None when there is no such."""
        if not process and len(self._channels) == 1:
            process = next(iter(self._channels))
        channel = self._channels.get(process)
        if channel is None or not channel.info:
            return None
        return History(channel.info, channel.log.packets(), channel.gone)

    @contextmanager
    def subscribe(self, since_s: float = 0, lag: Lag | None = None) -> Iterator[Subscriber]:
        """A subscriber that begins with the current generation of every process, or with since_s seconds if more."""
        subscriber = Subscriber(self._channels, since_s, lag or Lag())
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
