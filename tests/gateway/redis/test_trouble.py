"""Redis away, emptied, paused, full, or not letting us in: said, survived, and made good."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis
from wire.streams import INFO, Reader, Source

from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.redis.connect import Address, BadAddress
from flarego.gateway.redis.store import RedisStore
from flarego.model.chunk import Notice
from flarego.wire.codec import decode
from gateway.redis.conftest import Replica, running, until
from gateway.redis.servers import Server
from gateway.redis.test_store import meant, read, send, sequences

PROCESS_KEY = "flarego:{default}:process:" + INFO.process


@pytest.fixture
def source() -> Source:
    return Source()


async def all_written(channel: Channel, redis: Redis) -> None:
    """Wait until Redis has everything that the channel has."""
    async with asyncio.timeout(20):
        while await redis.hget(PROCESS_KEY, "number") != str(channel.last).encode():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_while_redis_is_away_all_goes_on_and_is_written_afterwards(
    replica: Replica, server: Server, source: Source, redis: Redis
) -> None:
    one, store = await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 3)
    await until(lambda: channel.durable == 3)
    with one.subscribe() as subscriber:
        server.kill()
        following = send(one, source, 3, following)
        await until(lambda: store.degraded)
        following = send(one, source, 3, following)
        assert channel.durable == 9, "agents do not wait for it"
        notices = [m for data in iter(subscriber.take, None) if isinstance(m := decode(data), Notice)]
        assert notices and "Redis does not answer" in notices[-1].warnings[0]
        server.start()
        await until(lambda: not store.degraded)
        await all_written(channel, redis)
        assert isinstance(notice := decode(subscriber.take() or b""), Notice) and not notice.warnings
    other, _ = await replica()
    assert sequences(await other.follow("default", INFO.process)) == list(range(9)), "it was empty, and has it all"


async def test_a_gateway_begins_without_redis_and_finds_it_later(server: Server, source: Source, redis: Redis) -> None:
    server.kill()
    async with running(server.url) as (one, store):
        assert store.degraded and one.warnings
        channel = await one.admit(INFO)
        send(one, source, 3)
        assert channel.durable == 3
        server.start()
        await all_written(channel, redis)
        await until(lambda: not one.warnings)


@pytest.mark.parametrize("what", ["flush", "lose the hash", "lose the stream"])
async def test_what_redis_loses_is_written_again(replica: Replica, source: Source, redis: Redis, what: str) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 4)
    source.begin_generation()
    following = send(one, source, 4, following)
    await until(lambda: channel.durable == 8)
    with other.subscribe(processes=[INFO.process]) as subscriber:
        reader = Reader()
        await until(lambda: len(read(subscriber, reader).meanings) == 8)
        match what:
            case "flush":
                await redis.flushall()
            case "lose the hash":
                await redis.delete(PROCESS_KEY)
            case _:
                await redis.delete(f"flarego:{{default}}:stream:{INFO.process}:{INFO.epoch}")
        send(one, source, 2, following)
        await until(lambda: channel.durable == channel.last)
        await until(lambda: len(read(subscriber, reader).meanings) == 10)
        assert meant(reader, source) and not reader.gaps
    third, _ = await replica()
    assert sequences(await third.follow("default", INFO.process)) == list(range(10))


async def test_a_paused_redis_holds_nobody_up_and_gets_each_chunk_once(
    replica: Replica, server: Server, source: Source, redis: Redis
) -> None:
    (one, store), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 2)
    await until(lambda: channel.durable == 2)
    server.pause()
    slowest, began = 0.0, time.monotonic()
    while time.monotonic() < began + 3:
        before = time.monotonic()
        following = send(one, source, 1, following)
        slowest = max(slowest, time.monotonic() - before)
        await asyncio.sleep(0.05)
    assert slowest < 0.25 and store.degraded and channel.durable == channel.last
    assert (await other.admit(INFO)).last == 0, "nobody waits long for an answer"
    server.resume()
    await all_written(channel, redis)
    third, _ = await replica()
    assert sequences(await third.follow("default", INFO.process)) == list(range(following - 1))


async def test_a_full_redis_is_said_and_survived(replica: Replica, source: Source, redis: Redis) -> None:
    await redis.config_set("maxmemory-policy", "noeviction")
    one, store = await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 2)
    await until(lambda: channel.durable == 2)
    await redis.config_set("maxmemory", "1mb")
    following = send(one, source, 2, following)
    await until(lambda: any("out of memory" in warning for warning in one.warnings))
    following = send(one, source, 2, following)
    assert channel.durable == 6 and store.failures
    await redis.config_set("maxmemory", "0")
    await all_written(channel, redis)
    await until(lambda: not one.warnings)


async def test_a_user_who_may_not_is_said(replica: Replica, server: Server, redis: Redis, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    await redis.acl_setuser(
        "flarego", enabled=True, passwords=["+secret"], keys=["flarego:*"], commands=["+@all", "-@dangerous", "+info"]
    )
    hub = Hub()
    store = RedisStore(hub, Address(server.url, "flarego", password))
    await store.start()
    assert not store.degraded
    channel = await hub.admit(INFO)
    send(hub, Source(), 2)
    await until(lambda: channel.durable == 2)
    assert not hub.warnings
    await store.close()
    password.write_text("wrong")
    store = RedisStore(hub, Address(server.url, "flarego", password))
    await store.start()
    assert "refuses" in hub.warnings[0]
    password.write_text("secret")
    await until(lambda: not hub.warnings)
    await store.close()


@pytest.mark.parametrize(
    "url", ["localhost", "http://here", "redis://", "redis://h:99999", "redis://h/db", "redis://h:x"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadAddress):
        Address(url)
