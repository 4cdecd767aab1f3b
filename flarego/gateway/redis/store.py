"""Redis as the common memory of several gateways: what one takes, each can show.

Nothing here stands in the way of what comes in: a channel's log is the queue of what is to be written. While Redis
cannot be written to, all is kept in memory as without it, agents are told that it is safe, and viewers that it is not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from flarego.errors import FlareError
from flarego.gateway.channel import Channel, Listed
from flarego.gateway.hub import Hub
from flarego.gateway.redis.connect import Address, Client, connect
from flarego.gateway.redis.health import FAILURES, Health
from flarego.gateway.redis.keys import process_key
from flarego.gateway.redis.link import Link
from flarego.gateway.redis.reader import READING, Reader
from flarego.gateway.redis.registry import Registry
from flarego.gateway.redis.writer import WRITING, Writer
from flarego.model.chunk import ProcessInfo
from flarego.wire.codec import decode

CONNECTING = "connecting"
ASKING = "asking"
LATE_S = 5.0
"""When what is taken has waited this long to be written, viewers are told, and agents no longer wait for it."""
ANSWER_S = 4.0
"""The longest that somebody waits for Redis before we do without."""
_LOAD = 512 << 10
"""Compressed bytes of the past that are read when a process moves here, besides its current generation."""
_KEEPER_S = 1.0
_LISTED_S = 1.0
_ADMITTED_AT_ONCE = 8
_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class RedisStore:
    """Keeps a hub's channels in Redis, and brings it those of other gateways. Runs between start() and close()."""

    def __init__(self, hub: Hub, address: Address) -> None:
        self._hub = hub
        self._address = address
        self._redis: Client | None = None
        self._health = Health(self._tell)
        self._links: dict[Channel, Link] = {}
        self._listed: dict[str, tuple[float, Sequence[Listed]]] = {}
        self._admitting = asyncio.Semaphore(_ADMITTED_AT_ONCE)
        self._catching_up: dict[Link, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tails: dict[str, asyncio.Task[None]] = {}
        self._late = False
        self._registry = Registry(hub.bounds)
        self.writer = Writer(lambda: self._redis, self._health, self._registry.keep)
        self.reader = Reader(hub, lambda: self._redis, self._health)

    @property
    def troubles(self) -> Sequence[str]:
        """What is wrong now, in words."""
        late = ("Redis is slower than what comes in",) if self._late else ()
        return self._health.troubles or late

    @property
    def failures(self) -> int:
        """Commands that failed so far."""
        return self._health.failures

    @property
    def skipped(self) -> int:
        """Chunks that were too old to be written when Redis was back."""
        return sum(link.skipped for link in self._links.values())

    @property
    def degraded(self) -> bool:
        """Whether what is taken now may be in memory only."""
        return self._redis is None or self._health.ill(WRITING) or self._late

    async def start(self) -> None:
        """Connect; if that is not possible now, go on trying."""
        self._hub.store = self
        await self._connect()
        for run in (self.writer.run(), self._keeper()):
            self._spawn(run)

    async def close(self) -> None:
        """Write what is left, as far as that is possible at once, and let go of Redis."""
        await _end({*self._tasks, *self._tails.values()})
        try:
            async with asyncio.timeout(ANSWER_S / 2):
                await self.writer.flush()
        except TimeoutError:
            _LOG.warning("not all could be written to Redis")
        if self._hub.store is self:
            self._hub.store = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    # What the hub asks for

    def touched(self, channel: Channel) -> None:
        """Something was taken here, and is to be written."""
        self.writer.add(self._link(channel))
        if self.degraded:
            channel.settle(channel.last)

    def dropped(self, channel: Channel) -> None:
        link = self._links.pop(channel, None)
        if link is not None:
            self.writer.remove(link)
            self._catching_up.pop(link, None)

    async def admit(self, channel: Channel) -> None:
        """Read what other gateways took of a process that comes here now: its current generation, and how far it is."""
        link = self._link(channel)
        async with self._admitting:
            await self._ask(partial(self._load, link))
        channel.settle(min(link.number, channel.last))

    async def follow(self, namespace: str, process: str) -> Channel | None:
        """Read a process that comes through another gateway, from now on as long as somebody here looks at it."""
        channel = self._hub.channel(namespace, process)
        link = self._links.get(channel) if channel is not None else None
        if link is not None and (link.fed or (link.wanted and namespace in self._tails)):
            link.want()
            return channel
        await self._ask(partial(self._follow, namespace, process))
        return self._hub.channel(namespace, process)

    async def processes(self, namespace: str) -> Sequence[Listed]:
        """Return the processes of a namespace, as of a second ago."""
        at, listed = self._listed.get(namespace, (0.0, ()))
        if time.monotonic() > at + _LISTED_S:
            found = await self._ask(partial(self._list, namespace))
            listed = found if found is not None else listed
            self._listed[namespace] = time.monotonic(), listed
        return listed

    # With Redis

    async def _ask(self, question: Callable[[], Awaitable[_T]]) -> _T | None:
        """Return the answer; None when there is none, or not in time. Nobody waits while Redis is known to be away."""
        if not self._health.ready(ASKING):
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await question()
        except FAILURES as e:
            self._health.failed(ASKING, e)
            return None
        except FlareError as e:
            _LOG.warning("what is in Redis is not what it should be: %s", e)
            return None
        self._health.succeeded(ASKING)
        return answer

    async def ask(self, question: Callable[[Client], Awaitable[_T]]) -> _T | None:
        """Return the answer to a question of somebody else's; None when there is none, or not in time."""

        async def asking() -> _T:
            return await question(self._client())

        return await self._ask(asking)

    def _client(self) -> Client:
        if self._redis is None:
            raise ConnectionError("not connected")
        return self._redis

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                self._redis = await connect(self._address)
        except FAILURES as e:
            self._health.failed(CONNECTING, e)
        else:
            self._health.succeeded(CONNECTING)

    async def _load(self, link: Link) -> None:
        client, channel = self._client(), link.channel
        epoch, chunk, number, written = await client.hmget(link.keys.process, "epoch", "chunk", "number", "bytes")
        if epoch is None or int(epoch) != channel.epoch:
            return
        if int(chunk) > channel.log.last_sequence:
            starts = await client.zrange(link.keys.starts, 0, -1, withscores=True)
            near = [entry for entry, before in starts if int(written) - before <= _LOAD] or [e for e, _ in starts[-1:]]
            await self._catch_up(link, near[0].decode() if near else "")
        link.number = max(link.number, int(number))
        channel.last = max(channel.last, min(int(number), _MAX_NUMBER))
        link.skip_to(int(chunk))

    async def _follow(self, namespace: str, process: str) -> None:
        client = self._client()
        info_data, first_seen, seen = await client.hmget(process_key(namespace, process), "info", "first_seen", "seen")
        if info_data is None:
            return
        info = decode(info_data)
        if not isinstance(info, ProcessInfo) or info.process != process:
            return
        channel = self._hub.channel(namespace, process)
        if channel is None or channel.epoch < info.epoch:
            channel = self._hub.meet(info, namespace)
            channel.first_seen, channel.last_seen = int(first_seen or 0) / 1000, int(seen or 0) / 1000
        if channel.epoch > info.epoch:
            return
        link = self._link(channel)
        link.want()
        self._tail(namespace)
        await self._catch_up(link)

    async def _list(self, namespace: str) -> Sequence[Listed]:
        return await self._registry.list(self._client(), namespace)

    async def _catch_up(self, link: Link, start: str = "") -> None:
        async with self._catching_up.setdefault(link, asyncio.Lock()):
            await self.reader.catch_up(self._client(), link, start)

    # What goes on all the time

    async def _keeper(self) -> None:
        while True:
            await asyncio.sleep(_KEEPER_S)
            if self._redis is None:
                if self._health.ready(CONNECTING):
                    await self._connect()
            else:
                await self._ask(self._look_after)
            self._note_late()

    async def _look_after(self) -> None:
        await self._client().ping()
        fresh = time.monotonic() - _LISTED_S
        self._listed = {namespace: listed for namespace, listed in self._listed.items() if listed[0] > fresh}
        for namespace in {link.channel.namespace for link in self._links.values()}:
            await self._list(namespace)
        for namespace, named in self._hub.watched().items():
            wanted = named or [listed.info.process for listed in await self.processes(namespace)]
            for process in wanted:
                link = self._link_of(namespace, process)
                if link is None or not link.fed:
                    await self._follow(namespace, process)

    def _note_late(self) -> None:
        late = self.writer.waiting > LATE_S
        if late != self._late:
            self._late = late
            self._tell()

    def _tail(self, namespace: str) -> None:
        if namespace not in self._tails:
            task = self._tails[namespace] = asyncio.create_task(self._read(namespace), name=f"redis {namespace}")
            task.add_done_callback(lambda _: self._tails.pop(namespace, None))

    async def _read(self, namespace: str) -> None:
        while links := [link for link in self._links.values() if link.channel.namespace == namespace and link.wanted]:
            others = [link for link in links if not link.fed]
            if others and self._redis is not None and self._health.ready(READING):
                await self.reader.tail(others)
            else:
                await asyncio.sleep(_KEEPER_S / 4)

    # Here

    def _link(self, channel: Channel) -> Link:
        link = self._links.get(channel)
        if link is None:
            link = self._links[channel] = Link(channel, index=channel.log.begin)
        return link

    def _link_of(self, namespace: str, process: str) -> Link | None:
        channel = self._hub.channel(namespace, process)
        return self._links.get(channel) if channel is not None else None

    def _spawn(self, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(run)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self) -> None:
        """Tell viewers what is wrong, and agents not to wait while it is."""
        if self.troubles:
            _LOG.warning("%s", "; ".join(self.troubles))
        else:
            _LOG.info("Redis works")
        kept = "what is new is kept in memory only" if self.degraded else "what other gateways take is missing"
        self._hub.warn([f"{trouble}: {kept}" for trouble in self.troubles])
        if self.degraded:
            for channel in tuple(self._links):
                channel.settle(channel.last)


_MAX_NUMBER = (1 << 63) - 1


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: Redis' client swallows it now and then."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=_KEEPER_S / 2)
