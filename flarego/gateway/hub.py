"""Fan-out: every subscriber gets the same bytes, and a slow one slows nobody and costs nothing.

There is one log a process (retention.py), and a subscriber is a cursor into it: its queue is what lies between the
cursor and the end. When that is more than the limits allow, the cursor moves on: a Gap tells which chunks were left
out, and the chunk after them carries the definitions they had, so that everything that follows can be read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from flarego.gateway.channel import Channel, Listed, Tap
from flarego.gateway.retention import Bounds, Retention
from flarego.model.chunk import Chunk, Gap, Gone, Message, Notice, ProcessInfo
from flarego.wire.codec import encode

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Lag:
    """How far a subscriber may fall behind, not counting what it asked for when it joined."""

    size: int = 16 << 20
    """Bytes."""
    chunks: int = 100


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
        if self._info != channel.info_data:
            self._info = channel.info_data
            return channel.info_data
        if self._resumed:
            data, self._resumed = self._resumed, b""
            return data
        if self._next < channel.log.end:
            return self._chunk(channel.log)
        if self._gone != channel.gone_data:
            self._gone = channel.gone_data
            return channel.gone_data or None  # it is back: the chunks have said so
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
    """One reader of the processes it chose, of one namespace."""

    def __init__(self, hub: Hub, namespace: str, processes: Collection[str], since_s: float, lag: Lag) -> None:
        self.namespace = namespace
        self._hub = hub
        self.processes = frozenset(processes)
        self._lag = lag
        self._cursors: dict[Channel, Cursor] = {}
        self._due: dict[Channel, None] = {}
        """Channels that may have something to take."""
        self._left = 0
        self._warned: tuple[str, ...] = ()
        self._ready = asyncio.Event()
        self.notify: Callable[[], None] | None = None
        """Called each time there may be something to take. Must be quick, and raise nothing."""
        for channel in hub.channels(namespace):
            self.join(channel, since_s)

    @property
    def dropped(self) -> int:
        """Chunks that it was not sent."""
        return self._left + sum(cursor.dropped for cursor in self._cursors.values())

    def wants(self, channel: Channel) -> bool:
        return channel.namespace == self.namespace and (not self.processes or channel.process in self.processes)

    def join(self, channel: Channel, since_s: float = 0) -> None:
        """Read a channel as well, if it is one that was chosen."""
        if self.wants(channel):
            self._cursors[channel] = Cursor(channel, since_s, self._lag)
            channel.readers.add(self)
            self.wake(channel)

    def part(self, channel: Channel) -> None:
        """Read a channel no more."""
        channel.readers.discard(self)
        self._due.pop(channel, None)
        if (cursor := self._cursors.pop(channel, None)) is not None:
            self._left += cursor.dropped

    def wake(self, channel: Channel | None = None) -> None:
        """Tell that there may be something to take."""
        if channel is not None:
            self._due[channel] = None
        self._ready.set()
        if self.notify is not None:
            self.notify()

    def take(self) -> bytes | None:
        """Return the next message, None when there is none now."""
        if self._warned != self._hub.warnings:
            self._warned = self._hub.warnings
            return encode(Notice(self._warned))
        while self._due:
            channel = next(iter(self._due))
            if (data := self._cursors[channel].take()) is not None:
                return data
            del self._due[channel]
        return None

    async def next(self) -> bytes:
        """Wait for the next message."""
        while (data := self.take()) is None:
            self._ready.clear()
            await self._ready.wait()
        return data

    def leave(self) -> None:
        """Read nothing more."""
        for channel in list(self._cursors):
            self.part(channel)


class Hub:
    """Keeps what was published, within bounds, and passes it on."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.taps: list[Tap] = []
        self.gates: list[Callable[[Channel, Message], None]] = []
        """Asked before anything is taken that is published here; they raise LimitReached."""
        self.store: Store | None = None
        self.warnings: tuple[str, ...] = ()
        """What viewers must know, e.g. that something is not kept as it should be. Set it with `warn`."""
        self.size = 0
        """Bytes kept."""
        self._sizes: dict[str, int] = {}
        self._channels: dict[tuple[str, str], Channel] = {}
        self._subscribers: set[Subscriber] = set()

    def channels(self, namespace: str | None = None) -> Sequence[Channel]:
        """Return the processes that are kept here, of one namespace or of all."""
        return [channel for channel in self._channels.values() if namespace in (None, channel.namespace)]

    def watched(self) -> Mapping[str, Collection[str]]:
        """Return the processes that somebody reads, by namespace; none named: all of the namespace."""
        watched: dict[str, set[str] | None] = {}
        for subscriber in self._subscribers:
            named = watched.setdefault(subscriber.namespace, set())
            if not subscriber.processes:
                watched[subscriber.namespace] = None
            elif named is not None:
                named |= subscriber.processes
        return {namespace: named or () for namespace, named in watched.items()}

    def channel(self, namespace: str, process: str) -> Channel | None:
        return self._channels.get((namespace, process))

    def sizes(self) -> Mapping[str, int]:
        """Return the bytes that are kept, by namespace."""
        return self._sizes

    async def admit(self, info: ProcessInfo, *, namespace: str = DEFAULT_NAMESPACE) -> Channel:
        """Return the channel of a process that begins, or goes on, to be told of; `last` says what there is of it."""
        channel = self.meet(info, namespace)
        if self.store is not None:
            await self.store.admit(channel)
        return channel

    def meet(self, info: ProcessInfo, namespace: str) -> Channel:
        """Return the channel of a process as it is here, made if need be."""
        return self._channel_of(namespace, info.process, info)

    async def follow(self, namespace: str, process: str) -> Channel | None:
        """Return the channel of a process, also of one that comes through another replica; None: there is no such."""
        found = self.channel(namespace, process)
        if self.store is not None:
            found = await self.store.follow(namespace, process) or found
        return found

    async def processes(self, namespace: str) -> Sequence[Listed]:
        """Return every process of a namespace that is known, those that come through other replicas too."""
        listed = {c.process: one for c in self.channels(namespace) if (one := c.listed()) is not None}
        if self.store is not None:
            listed = {one.info.process: one for one in await self.store.processes(namespace)} | listed
        return list(listed.values())

    def publish(
        self,
        message: Message,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        data: bytes | None = None,
        sequence: int | None = None,
    ) -> bool:
        """Keep a message for everybody, encoded once (or as `data`, its encoding). Never blocks.

        `sequence` is the number its sender gave it. Return False for one that was taken before. Raises LimitReached.
        """
        if isinstance(message, Gap | Notice):
            return True  # what a subscriber was not sent is between it and us
        channel = self._channel_of(namespace, message.process, message if isinstance(message, ProcessInfo) else None)
        if sequence is not None and sequence <= channel.last:
            return False
        for gate in self.gates:
            gate(channel, message)
        channel.last_seen = time.time()
        self._take(channel, message, data, sequence)
        if self.store is not None:
            self.store.touched(channel)
        elif sequence is not None:
            channel.settle(sequence)
        return True

    def learn(self, channel: Channel, message: Message, data: bytes, sequence: int) -> bool:
        """Take a message that is kept together already, from another gateway. Return False for one that is here."""
        if isinstance(message, Chunk) and message.sequence <= channel.log.last_sequence:
            return False
        self._take(channel, message, data, max(sequence, channel.last))
        return True

    def _take(self, channel: Channel, message: Message, data: bytes | None, sequence: int | None) -> None:
        match message:
            case Chunk():
                self._keep(channel, message, data, sequence or 0)
            case ProcessInfo():
                self._introduce(channel, message)
            case Gone():
                channel.gone, channel.gone_data = message, encode(message)
        if sequence is not None:
            channel.last = sequence
        for subscriber in tuple(channel.readers):
            subscriber.wake(channel)

    def _keep(self, channel: Channel, chunk: Chunk, data: bytes | None, number: int) -> None:
        before = channel.log.size
        data = encode(chunk) if data is None else data
        channel.gone, channel.gone_data = None, b""
        channel.goroutines = int(
            sum(
                n
                for name, n in chunk.series.items()
                if name.startswith("goroutines.") and name not in ("goroutines.created", "goroutines.system")
            )
        )
        channel.log.add(chunk, data, number)
        self._count(channel.namespace, channel.log.size - before)
        for tap in self.taps:
            tap.took(channel, chunk, data)
        self._trim(channel.namespace)

    def _introduce(self, channel: Channel, info: ProcessInfo) -> None:
        channel.info = replace(info, namespace=channel.namespace)
        channel.info_data = encode(channel.info)
        for tap in self.taps:
            tap.met(channel)

    def _channel_of(self, namespace: str, process: str, info: ProcessInfo | None) -> Channel:
        """Return the channel, made if need be; a process that is watched anew has a new one."""
        channel = self._channels.get((namespace, process))
        if channel is not None and info is not None and channel.info is not None and channel.epoch != info.epoch:
            self.drop(channel)
            channel = None
        if channel is None:
            channel = Channel(namespace, process, Retention(self.bounds.seconds, self.bounds.process))
            channel.log.on_forgotten(partial(self._tell_trimmed, channel))
            self._channels[namespace, process] = channel
            for subscriber in self._subscribers:
                subscriber.join(channel)
        if info is not None and channel.info is None:
            self._introduce(channel, info)
        return channel

    def _tell_trimmed(self, channel: Channel, generation: int) -> None:
        for tap in self.taps:
            tap.trimmed(channel, generation)

    def _count(self, namespace: str, change: int) -> None:
        self.size += change
        self._sizes[namespace] = self._sizes.get(namespace, 0) + change

    def _trim(self, namespace: str) -> None:
        while self._sizes.get(namespace, 0) > self.bounds.namespace and self._give_up(self.channels(namespace)):
            pass
        while self.size > self.bounds.total and self._give_up(self.channels()):
            pass

    def _give_up(self, channels: Sequence[Channel]) -> bool:
        """Let go of the oldest generation there is; when all are current ones, of rows of the largest."""
        old = [channel for channel in channels if channel.log.oldest >= 0]
        if old:
            channel = min(old, key=_oldest_taken)
        elif channels:
            channel = max(channels, key=lambda c: c.log.spare)
        else:
            return False
        before = channel.log.size
        gave = channel.log.give_up()
        self._count(channel.namespace, channel.log.size - before)
        return gave

    def sweep(self, now: float | None = None) -> None:
        """Forget what is too old of processes of which nothing comes; called every few seconds where many come and go.

        now: Unix seconds. The agents' clocks do not matter, which may be wrong.
        """
        now = time.time() if now is None else now
        for channel in self.channels():
            before = channel.log.size
            idle = now - channel.last_seen
            channel.log.expire(channel.log.last_end - int((self.bounds.seconds - idle) * 1e9))
            self._count(channel.namespace, channel.log.size - before)
            if channel.log.end == channel.log.begin and idle > self.bounds.seconds:
                self.drop(channel)

    def drop(self, channel: Channel) -> None:
        """Forget a process."""
        self._count(channel.namespace, -channel.log.size)
        if not self._sizes.get(channel.namespace):
            self._sizes.pop(channel.namespace, None)
        del self._channels[channel.namespace, channel.process]
        for subscriber in tuple(channel.readers):
            subscriber.part(channel)
        for tap in self.taps:
            tap.dropped(channel)
        if self.store is not None:
            self.store.dropped(channel)

    def warn(self, warnings: Iterable[str]) -> None:
        """Say what viewers must know now; nothing takes everything back."""
        self.warnings = tuple(warnings)
        for subscriber in tuple(self._subscribers):
            subscriber.wake()

    def history(self, process: str = "", namespace: str = DEFAULT_NAMESPACE) -> History | None:
        """Return what is kept of a process, of the only one when none is named; None when there is no such."""
        channels = [c for c in self.channels(namespace) if process in ("", c.process)]
        if len(channels) != 1 or not channels[0].info_data:
            return None
        channel = channels[0]
        return History(channel.info_data, channel.log.packets(), channel.gone_data)

    @contextmanager
    def subscribe(
        self,
        since_s: float = 0,
        lag: Lag | None = None,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        processes: Collection[str] = (),
    ) -> Iterator[Subscriber]:
        """A subscriber to processes of a namespace (none named: to all of them, those to come too).

        It begins with the current generation of every process, or with since_s seconds if more.
        """
        subscriber = Subscriber(self, namespace, processes, since_s, lag or Lag())
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
            subscriber.leave()


def _oldest_taken(channel: Channel) -> float:
    """Return about when the oldest generation was taken: by our clock, whatever that of its agent says."""
    return channel.last_seen * 1e9 - (channel.log.last_end - channel.log.oldest)


class Store(Protocol):
    """Where several gateways keep together what each of them takes. It settles channels."""

    def touched(self, channel: Channel) -> None:
        """Something was taken here, and is to be written there. Must be quick, and raise nothing."""
        ...

    def dropped(self, channel: Channel) -> None:
        """Nothing is kept here of the process any more."""
        ...

    async def admit(self, channel: Channel) -> None:
        """Tell a channel what is there of it already: `last`."""
        ...

    async def follow(self, namespace: str, process: str) -> Channel | None:
        """See to it that what others take of a process is published here too."""
        ...

    async def processes(self, namespace: str) -> Sequence[Listed]: ...
