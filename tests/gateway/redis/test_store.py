"""Two gateways and a real Redis between them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from wire.streams import INFO, Reader, Source

from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub, Subscriber
from flarego.gateway.redis import writer
from flarego.gateway.retention import Bounds
from flarego.model.chunk import Chunk, Gone
from flarego.wire.codec import decode, encode
from gateway.redis.conftest import Replica, until


@pytest.fixture
def source() -> Source:
    return Source()


def send(hub: Hub, source: Source, count: int, first: int = 1) -> int:
    """Publish numbered chunks, as an agent's stream does; return the number after the last."""
    for number in range(first, first + count):
        hub.publish(source.chunk(), sequence=number)
    return first + count


def read(subscriber: Subscriber, reader: Reader | None = None) -> Reader:
    reader = reader or Reader()
    while (data := subscriber.take()) is not None:
        reader.feed(data)
    return reader


def meant(reader: Reader, source: Source) -> bool:
    return all(reader.meanings[n] == source.meanings[n] for n in reader.meanings)


def sequences(channel: Channel | None) -> list[int]:
    assert channel is not None
    return [chunk.sequence for data in channel.log.packets() if isinstance(chunk := decode(data), Chunk)]


async def test_what_one_takes_the_other_shows_while_it_comes(replica: Replica, source: Source) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 5)
    await until(lambda: channel.durable == 5)
    assert await other.follow("default", INFO.process)
    with other.subscribe(processes=[INFO.process]) as subscriber:
        reader = read(subscriber)
        assert list(reader.meanings) == [0, 1, 2, 3, 4] and meant(reader, source)
        source.begin_generation()
        following = send(one, source, 5, following)
        await until(lambda: len(read(subscriber, reader).meanings) == 10)
        one.publish(Gone(INFO.process, 7, "exited"), sequence=following)
        await until(lambda: read(subscriber, reader).gone)
    assert reader.info == INFO and meant(reader, source)
    assert [listed.info for listed in await other.processes("default")] == [INFO]


async def test_nothing_is_acknowledged_that_is_not_in_redis(replica: Replica, source: Source, redis: Redis) -> None:
    one, _ = await replica()
    channel = await one.admit(INFO)
    told: list[int] = []
    channel.on_durable(told.append)
    send(one, source, 3)
    assert channel.last == 3 and channel.durable == 0 and not told
    await until(lambda: channel.durable == 3)
    assert told[-1] == 3
    assert int(await redis.hget("flarego:{default}:process:" + INFO.process, "number")) == 3


async def test_an_agent_that_moves_goes_on_where_the_other_gateway_was(
    replica: Replica, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 4)
    await until(lambda: channel.durable == 4)
    monkeypatch.setattr(writer, "HOLD_S", 5.0)
    lost = [(number, source.chunk()) for number in range(following, following + 2)]
    for number, chunk in lost:
        one.publish(chunk, sequence=number)
    moved = await other.admit(INFO)  # at once: the last two are not in Redis
    assert moved.last == 4
    monkeypatch.setattr(writer, "HOLD_S", 0.1)
    for number, chunk in lost:
        assert other.publish(chunk, sequence=number)
    assert not other.publish(lost[0][1], sequence=lost[0][0])
    send(other, source, 3, following + 2)
    await until(lambda: moved.durable == following + 4)
    assert sequences(moved) == list(range(9))
    assert await one.follow("default", INFO.process) is channel
    with one.subscribe(processes=[INFO.process]):
        await until(lambda: sequences(channel) == list(range(9)))
    await until(lambda: channel.durable == channel.last == following + 4)


async def test_two_gateways_that_hold_the_same_chunks_write_them_once(replica: Replica, source: Source) -> None:
    (one, _), (other, _), (third, _) = await replica(), await replica(), await replica()
    chunks = [source.chunk() for _ in range(40)]
    for hub in (one, other):
        channel = await hub.admit(INFO)
        for number, chunk in enumerate(chunks, 1):
            hub.publish(chunk, sequence=number)
    await until(lambda: channel.durable == 40)
    seen = await third.follow("default", INFO.process)
    assert sequences(seen) == list(range(40))


async def test_a_process_that_is_watched_anew_has_a_stream_of_its_own(replica: Replica, source: Source) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    send(one, source, 3)
    await until(lambda: channel.durable == 3)
    with other.subscribe(processes=[INFO.process]) as subscriber:
        await until(lambda: other.channel("default", INFO.process))
        again = replace(INFO, epoch=INFO.epoch + 1)
        fresh = await one.admit(again)
        assert fresh is not channel and fresh.last == 0
        anew = Source(seed=1)
        send(one, anew, 2)
        await until(lambda: (c := other.channel("default", INFO.process)) is not None and c.epoch == again.epoch)
        reader = Reader()
        await until(lambda: read(subscriber, reader).info == again and len(reader.meanings) >= 2)


async def test_whole_generations_are_trimmed_by_size(replica: Replica, source: Source, redis: Redis) -> None:
    one, _ = await replica(Bounds(process=20_000))
    (third, _) = await replica()
    channel = await one.admit(INFO)
    following = 1
    for _ in range(9):
        source.begin_generation()
        for _ in range(3):
            one.publish(source.chunk(rows=100), sequence=following)
            following += 1
        await until(lambda: channel.durable == channel.last)
    size = int(await redis.hget("flarego:{default}:process:" + INFO.process, "size"))
    entries = await redis.xrange(f"flarego:{{default}}:stream:{INFO.process}:{INFO.epoch}")
    assert size == sum(len(fields[b"d"]) for _, fields in entries) <= 20_000 + 12_000
    assert await third.follow("default", INFO.process)
    with third.subscribe(since_s=900, processes=[INFO.process]) as subscriber:
        reader = read(subscriber)
    assert meant(reader, source) and max(reader.meanings) == 26
    for key in await redis.keys("*"):
        assert 900 <= await redis.ttl(key) <= 961


async def test_a_generation_without_end_is_bounded_too(replica: Replica, source: Source, redis: Redis) -> None:
    one, store = await replica(Bounds(process=15_000))
    channel = await one.admit(INFO)
    for number in range(1, 37, 3):
        for following in range(3):
            one.publish(source.chunk(rows=100), sequence=number + following)
        await until(lambda: channel.durable == channel.last)
    assert store.skipped
    assert int(await redis.hget("flarego:{default}:process:" + INFO.process, "size")) <= 15_000
    source.begin_generation()
    one.publish(source.chunk(), sequence=37)
    await until(lambda: channel.durable == 37)
    found = sequences(await (await replica())[0].follow("default", INFO.process))
    assert found[-1] == 36 and found == sorted(set(found))


async def test_namespaces_are_apart(replica: Replica, source: Source) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO, namespace="blue")
    one.publish(source.chunk(), namespace="blue", sequence=1)
    await until(lambda: channel.durable == 1)
    assert await other.follow("default", INFO.process) is None
    assert await other.processes("default") == []
    found = await other.follow("blue", INFO.process)
    assert found is not None and found.info == replace(INFO, namespace="blue")


async def test_who_watches_a_whole_namespace_sees_what_others_take(replica: Replica, source: Source) -> None:
    (one, _), (other, _) = await replica(), await replica()
    with other.subscribe() as subscriber:
        await one.admit(INFO)
        send(one, source, 3)
        reader = Reader()
        await until(lambda: len(read(subscriber, reader).meanings) == 3)
    assert meant(reader, source)


@pytest.mark.parametrize(
    "fields",
    [
        {"d": b"not zstd", "n": 5},
        {"d": b"", "n": 0},
        {"n": "many"},
        {"other": "fields"},
        {"d": bytes.fromhex("28b52ffd60ffffff"), "n": 1 << 30},
    ],
)
async def test_entries_that_are_not_ours_are_stepped_over(
    replica: Replica, source: Source, redis: Redis, fields: dict[str, bytes | int | str]
) -> None:
    (one, _), (other, _) = await replica(), await replica()
    channel = await one.admit(INFO)
    following = send(one, source, 2)
    await until(lambda: channel.durable == 2)
    await redis.xadd(f"flarego:{{default}}:stream:{INFO.process}:{INFO.epoch}", dict(fields))
    send(one, source, 2, following)
    await until(lambda: channel.durable == 4)
    assert sequences(await other.follow("default", INFO.process)) == [0, 1, 2, 3]
    await redis.hset("flarego:{default}:process:" + INFO.process, "info", b"\xff")
    assert await (await replica())[0].processes("default") == []


async def test_a_stranger_in_the_hash_breaks_nothing(replica: Replica, source: Source, redis: Redis) -> None:
    other, store = await replica()
    key = "flarego:{default}:process:" + INFO.process
    for epoch, info in ((b"x", b"\x80"), (str(INFO.epoch).encode(), encode(replace(INFO, process="another")))):
        await redis.hset(key, mapping={"epoch": epoch, "info": info, "chunk": "y", "number": "z", "bytes": "1"})
        assert await other.follow("default", INFO.process) is None
        channel = await other.admit(INFO)
        assert channel.last == 0
        other.drop(channel)
    await asyncio.sleep(0)
    assert store.reader.segments == 0
