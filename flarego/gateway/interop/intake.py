"""What others send, on its way into the hub: read in a thread of its own, kept by process, published as chunks.

Profiles are parsed in Python, some of them for a second: one thread does it, one body after the other, so that the
event loop and whoever watches never wait for it, and a crowd of senders is told to come later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from flarego.formats.pushed import Pushed
from flarego.formats.source import BadFile
from flarego.gateway.hub import Hub
from flarego.gateway.interop.identity import Identity, identify
from flarego.gateway.interop.stream import LINGER_S, Stream
from flarego.gateway.limits import LimitReached, Meter
from flarego.model.chunk import Chunk, Message
from flarego.wire.codec import encode
from flarego.wire.prometheus import Registry

MAX_WAITING = 16
"""Bodies of one namespace that are being read, or wait for it."""
MAX_WAITING_IN_ALL = 64
MAX_STREAMS = 10_000
PROTOCOLS = ("otlp", "pyroscope", "json")
_TICK_S = 0.2
_SWEEP_S = 5.0
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def _encoded(messages: Sequence[Message]) -> Sequence[tuple[Message, bytes | None]]:
    """Return messages with the encoding of those that are large."""
    return [(message, encode(message) if isinstance(message, Chunk) else None) for message in messages]


class Intake:
    """Takes profiles, and publishes chunks while `running`."""

    def __init__(
        self,
        hub: Hub,
        meter: Meter | None = None,
        registry: Registry | None = None,
        clock: Callable[[], float] = time.time,
        linger_s: float = LINGER_S,
    ) -> None:
        registry = registry or Registry()
        self._hub, self._meter, self._clock, self._linger_s = hub, meter, clock, linger_s
        self._reader = ThreadPoolExecutor(1, "interop")
        self._waiting: Counter[str] = Counter()
        """Bodies, by namespace."""
        self._streams: dict[tuple[str, str], Stream] = {}
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._pending: dict[tuple[str, str], None] = {}
        self._profiles = registry.counter(
            "flarego_interop_profiles_total", "Profiles and chunks that others sent.", ["protocol", "outcome"]
        )
        self._bytes = registry.counter(
            "flarego_interop_bytes_total", "Bytes of them, decompressed.", ["protocol", "namespace"]
        )

    def count(self, protocol: str, outcome: str, n: int = 1) -> None:
        """Count profiles: taken, ignored (neither time nor goroutines), refused, repeated, lost."""
        if n:
            self._profiles.inc(protocol, outcome, by=n)

    async def read(self, protocol: str, namespace: str, reader: Callable[[bytes], _T], data: bytes) -> _T:
        """Return what the reader makes of a body. Raises BadFile, LimitReached."""
        if self._meter is not None:
            self._meter.take(namespace, len(data))
        self._bytes.inc(protocol, namespace, by=len(data))
        if self._waiting[namespace] >= MAX_WAITING or self._waiting.total() >= MAX_WAITING_IN_ALL:
            raise LimitReached("more profiles come in than can be read", 5.0, limit="interop")
        self._waiting[namespace] += 1
        try:
            return await self._in_thread(lambda: reader(data))
        except BadFile:
            self.count(protocol, "refused")
            raise
        finally:
            self._waiting[namespace] -= 1
            if not self._waiting[namespace]:
                del self._waiting[namespace]

    async def take(self, protocol: str, namespace: str, profiles: Iterable[Pushed], peer: str) -> None:
        """Take profiles of any processes. Raises LimitReached."""
        for pushed in profiles:
            stream = await self.stream(protocol, namespace, identify(pushed.attributes, peer), pushed.start)
            self.pend(protocol, namespace, stream, pushed)

    def pend(self, protocol: str, namespace: str, stream: Stream, pushed: Pushed) -> None:
        """Take a profile of a process that is known."""
        taken = stream.pend(pushed, self._clock())
        self.count(protocol, "taken" if taken else "repeated")
        if taken:
            self._pending[namespace, stream.who.process] = None

    def known(self, namespace: str, process: str) -> Stream | None:
        """Return the stream of a process that somebody described here."""
        return self._streams.get((namespace, process))

    async def stream(
        self, protocol: str, namespace: str, who: Identity, start: int = 0, linger_s: float | None = None
    ) -> Stream:
        """Return the stream of a process, made if need be; it goes on where another gateway has left it.

        start: of the first profile, Unix ns. Raises LimitReached, BadFile.
        """
        key = namespace, who.process
        async with self._locks.setdefault(key, asyncio.Lock()):
            stream = self._streams.get(key)
            if stream is None:
                linger_s = self._linger_s if linger_s is None else linger_s
                stream = self._streams[key] = await self._begin(protocol, namespace, who, start, linger_s)
        return stream

    async def describe(self, protocol: str, namespace: str, who: Identity, start: int) -> None:
        """Take what a process says of itself, now or once more. Raises LimitReached, BadFile."""
        stream = await self.stream(protocol, namespace, who, start, linger_s=0.0)
        if stream.who != who:
            stream.who = who
            self._hub.publish(stream.info(), namespace=namespace)

    async def _begin(self, protocol: str, namespace: str, who: Identity, start: int, linger_s: float) -> Stream:
        if len(self._streams) >= MAX_STREAMS:
            raise LimitReached(f"profiles of more than {MAX_STREAMS:,} processes", 60.0, limit="processes")
        now = self._clock()
        there = await self._hub.follow(namespace, who.process)
        if there is None and self._meter is not None:
            self._meter.allow("processes", namespace, len(self._hub.channels(namespace)) + 1)
        if there is not None and there.info is not None and there.info.engine not in PROTOCOLS:
            raise BadFile(f"{who.process} is a process that an agent watches", remedy="choose another id")
        if there is not None and there.info is not None:
            last = there.log[there.log.end - 1] if there.log.end > there.log.begin else None
            stream = Stream(who, protocol, there.epoch, end=last.end if last else 0, linger_s=linger_s, heard=now)
        else:
            within = 0 < start <= now * 1e9 and now * 1e9 - start < 3600e9
            epoch = start if within else int((now - 1) * 1e9)
            stream = Stream(who, protocol, epoch, linger_s=linger_s, heard=now)
        channel = await self._hub.admit(stream.info(), namespace=namespace)
        stream.sequence = channel.last
        return stream

    async def flush(self, namespace: str, process: str) -> None:
        """Publish what pends of a process. Raises LimitReached."""
        key = namespace, process
        async with self._locks.setdefault(key, asyncio.Lock()):
            self._pending.pop(key, None)
            stream = self._streams.get(key)
            if stream is None or not (pushes := stream.claim()):
                return
            channel = self._hub.channel(namespace, process) or await self._hub.admit(stream.info(), namespace=namespace)
            if channel.last != stream.sequence:
                stream.resume(channel.last)
            try:
                messages = await self._in_thread(lambda: _encoded(stream.fold(pushes, self._clock())))
            except BadFile as e:
                self.count(stream.engine, "lost", len(pushes))
                _log.warning("profiles of %s in %s are lost: %s", process, namespace, e.message)
                return
            stream.gone = False
            for message, data in messages:
                sequence = message.sequence if isinstance(message, Chunk) else None
                self._hub.publish(message, namespace=namespace, data=data, sequence=sequence)

    async def end(self, namespace: str, process: str, why: str) -> None:
        """Publish what pends of a process, and that it is gone."""
        await self.flush(namespace, process)
        stream = self._streams.get((namespace, process))
        if stream is not None and not stream.gone:
            self._hub.publish(stream.depart(why), namespace=namespace)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish what is due, and tell which processes are gone, as long as the context lasts."""
        publishing = asyncio.ensure_future(self._run())
        try:
            yield
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            for key in list(self._pending):
                await self._flush_quietly(*key)
            self._reader.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        swept = self._clock()
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._clock()
            for key in [key for key in self._pending if self._streams[key].due <= now]:
                await self._flush_quietly(*key)
            if now - swept >= _SWEEP_S:
                swept = now
                await self._sweep(now)

    async def _flush_quietly(self, namespace: str, process: str) -> None:
        """Publish; nobody waits to be told what went wrong."""
        try:
            await self.flush(namespace, process)
        except LimitReached as e:
            self.count(self._streams[namespace, process].engine, "lost")
            _log.warning("profiles of %s in %s are lost: %s", process, namespace, e.message)
        except Exception:
            _log.exception("publishing profiles of %s in %s", process, namespace)

    async def _sweep(self, now: float) -> None:
        """Tell of processes that are silent, and forget those that the hub has forgotten."""
        for (namespace, process), stream in list(self._streams.items()):
            if stream.is_silent(now):
                await self.end(namespace, process, f"has sent no profile for {now - stream.heard:.0f} s")
            if stream.gone and self._hub.channel(namespace, process) is None:
                del self._streams[namespace, process]

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)
