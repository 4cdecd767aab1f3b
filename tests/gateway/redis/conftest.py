"""A Redis, and gateways' hubs that share it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from flarego.gateway.hub import Hub
from flarego.gateway.redis import connect, writer
from flarego.gateway.redis.connect import Address
from flarego.gateway.redis.store import RedisStore
from flarego.gateway.retention import Bounds
from gateway.redis.servers import Server, binary

Replica = Callable[..., Awaitable[tuple[Hub, RedisStore]]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less long for a Redis that is away, and for more to be written at once."""
    monkeypatch.setattr(connect, "TIMEOUT_S", 0.75)
    monkeypatch.setattr(writer, "HOLD_S", 0.1)
    monkeypatch.setattr(writer, "TICK_S", 0.03)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if binary("redis-server") is None:
        pytest.skip("redis-server is not here; tests/system.sh unpacks it")
    server = Server(tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    client = Redis(port=server.port)
    yield client
    await client.aclose()


@asynccontextmanager
async def running(url: str, bounds: Bounds | None = None) -> AsyncIterator[tuple[Hub, RedisStore]]:
    hub = Hub(bounds)
    store = RedisStore(hub, Address(url))
    await store.start()
    try:
        yield hub, store
    finally:
        await store.close()


@pytest.fixture
async def replica(server: Server) -> AsyncIterator[Replica]:
    """Starts the hub and store of one more gateway."""
    async with AsyncExitStack() as stack:

        async def start(bounds: Bounds | None = None) -> tuple[Hub, RedisStore]:
            return await stack.enter_async_context(running(server.url, bounds))

        yield start


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 it may be anything
            await asyncio.sleep(0.02)
