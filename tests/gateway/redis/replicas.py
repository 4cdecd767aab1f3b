"""Gateways as processes of their own that share a Redis; agents and viewers that move from one to another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from agent.gateways import Real
from wire.streams import INFO, Reader, Source

from flarego.agent.feed import Feed
from flarego.agent.link.address import Addresses, Gateway
from flarego.agent.link.credentials import Token
from flarego.agent.link.link import Link, Terms
from flarego.agent.spool import Spool
from flarego.wire.packing import Packer

GENERATION_CHUNKS = 50


class Replicas:
    """Gateways that keep everything in one Redis, and know the same token."""

    def __init__(self, folder: Path, redis: str, count: int = 2) -> None:
        self._folder, self._redis = folder, redis
        self.gateways = [self._gateway() for _ in range(count)]

    def _gateway(self) -> Real:
        return Real(self._folder, "--redis", self._redis)

    def start(self) -> Replicas:
        for gateway in self.gateways:
            gateway.start()
        return self

    def add(self) -> Real:
        """Start one more, which has seen nothing."""
        gateway = self._gateway()
        self.gateways.append(gateway)
        gateway.start()
        return gateway

    def kill(self) -> None:
        for gateway in self.gateways:
            gateway.kill()


class Agent(threading.Thread):
    """The real agent's link, and random chunks that know what they mean."""

    def __init__(self, number: int, gateways: Sequence[Real], rate: float, rows: int = 3, filling: int = 0) -> None:
        super().__init__(daemon=True)
        self.info = replace(INFO, process=f"{INFO.process}-{number}")
        self.source = Source(seed=number)
        self.worst = 0.0
        """The longest that nothing more was acknowledged, in seconds."""
        self._interval, self._shape = 1 / rate, {"rows": rows, "filling": filling}
        self._over = threading.Event()
        addresses = Addresses([Gateway("127.0.0.1", gateway.port) for gateway in gateways])
        self.link = Link(Terms(addresses, None, Token(gateways[0].token_file), "", f"agent {number}"))
        self.feed = Feed(Spool(32 << 20), self.link.wake, Packer())
        self.feed.publish(self.info)
        self.link.add(self.feed)

    @property
    def sent(self) -> int:
        return self.source.sequence

    def run(self) -> None:
        self.link.start()
        acknowledged, since, due = 0, time.monotonic(), time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += self._interval
            if self.source.sequence % GENERATION_CHUNKS == 0:
                self.source.begin_generation()
            self.feed.publish(replace(self.source.chunk(**self._shape), process=self.info.process))
            now = time.monotonic()
            if self.feed.spool.acknowledged > acknowledged:
                acknowledged, since = self.feed.spool.acknowledged, now
            self.worst = max(self.worst, now - since)

    def stop(self) -> None:
        """Take no more chunks; what there is still goes out."""
        self._over.set()
        self.join()

    @property
    def delivered(self) -> bool:
        return self.feed.spool.acknowledged == self.feed.spool.sequence

    def close(self) -> None:
        self._over.set()
        self.feed.end("over")
        self.feed.spool.acknowledge(1 << 60)
        self.link.abandon()
        self.link.join(10)


@dataclass
class Viewer:
    """A page: reads one process through one gateway, and goes to the next when that breaks off."""

    gateways: Sequence[Real]
    process: str
    source: Source
    seen: set[int] = field(default_factory=set)
    worst: float = 0.0
    """The longest that nothing new came, in seconds."""
    moves: int = -1
    warnings: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Read until cancelled."""
        self._last = time.monotonic()
        async with aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self.gateways[0].token}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=1),
        ) as session:
            while True:
                self.moves += 1
                gateway = self.gateways[self.moves % len(self.gateways)]
                try:
                    await self._read(session, f"http://{gateway.address}/stream?process={self.process}&since=900")
                except (aiohttp.ClientError, TimeoutError):
                    await asyncio.sleep(0.1)

    async def _read(self, session: aiohttp.ClientSession, url: str) -> None:
        reader = Reader()
        async with session.ws_connect(url, max_msg_size=0, autoping=True) as socket:
            async for message in socket:
                reader.feed(message.data)
                for sequence in reader.meanings.keys() - self.seen:
                    assert reader.meanings[sequence] == self.source.meanings[sequence], "read as it was meant"
                    now = time.monotonic()
                    self.worst, self._last = max(self.worst, now - self._last), now
                    self.seen.add(sequence)


async def history(gateway: Real, process: str, source: Source, count: int) -> set[int]:
    """Return the sequences that a gateway shows of a process; wait some seconds for there to be so many."""
    viewer = Viewer([gateway], process, source)
    reading = asyncio.ensure_future(viewer.run())
    try:
        async with asyncio.timeout(10):
            while len(viewer.seen) < count and not reading.done():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return viewer.seen
