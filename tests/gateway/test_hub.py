"""The hub, without sockets: who is sent what, when they are slow, late, or both."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.streams import INFO, Reader, Source

from flarego.gateway.hub import Hub, Lag, Subscriber
from flarego.gateway.retention import PACKET, Bounds
from flarego.model.chunk import Gap, Gone, Notice, ProcessInfo
from flarego.wire.codec import decode


def read(subscriber: Subscriber, reader: Reader | None = None) -> Reader:
    reader = reader or Reader()
    while (data := subscriber.take()) is not None:
        reader.feed(data)
    return reader


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub.publish(INFO)
    return hub


def test_everybody_gets_the_same_bytes(hub: Hub, source: Source) -> None:
    with hub.subscribe() as one, hub.subscribe() as other:
        hub.publish(source.chunk())
        hub.publish(source.chunk())
        taken = [one.take() for _ in range(3)]
        assert all(first is second for first, second in zip(taken, [other.take() for _ in range(3)], strict=True))
        assert one.take() is other.take() is None


def test_a_late_joiner_gets_the_process_and_the_whole_current_generation(hub: Hub, source: Source) -> None:
    for _ in range(4):
        hub.publish(source.chunk())
    source.begin_generation()
    for _ in range(3):
        hub.publish(source.chunk())
    with hub.subscribe() as late:
        reader = read(late)
    assert reader.info == INFO
    assert list(reader.meanings) == [4, 5, 6]
    assert all(reader.meanings[n] == source.meanings[n] for n in reader.meanings)


@pytest.mark.parametrize("since_s, first", [(0, 8), (0.3, 8), (0.7, 4), (60, 0)])
def test_more_of_the_past_is_sent_when_asked_for_by_whole_generations(
    hub: Hub, source: Source, since_s: float, first: int
) -> None:
    for n in range(10):
        if n in (4, 8):
            source.begin_generation()
        hub.publish(source.chunk())
    with hub.subscribe(since_s) as late:
        assert list(read(late).meanings) == list(range(first, 10))


def test_a_slow_subscriber_loses_the_oldest_chunks_and_is_told(hub: Hub, source: Source) -> None:
    with hub.subscribe(lag=Lag(chunks=10)) as slow, hub.subscribe() as quick:
        seen = Reader()
        for _ in range(50):
            hub.publish(source.chunk())
            read(quick, seen)
        assert seen.missed == 0
        reader = read(slow)
        assert reader.gaps and reader.gaps[0].first == 0
        assert slow.dropped == reader.missed == 50 - len(reader.meanings)
        assert 5 <= len(reader.meanings) <= 10
        assert reader.meanings[49] == source.meanings[49]


def test_bytes_count_as_well_as_chunks(hub: Hub, source: Source) -> None:
    with hub.subscribe(lag=Lag(size=100_000)) as slow:
        for _ in range(30):
            hub.publish(source.chunk(filling=10_000))
        assert 4 <= len(read(slow).meanings) <= 10


def test_one_chunk_larger_than_the_limit_still_arrives(hub: Hub, source: Source) -> None:
    with hub.subscribe(lag=Lag(size=1000)) as subscriber:
        hub.publish(source.chunk(filling=50_000))
        assert list(read(subscriber).meanings) == [0]


def test_what_a_joiner_asked_for_does_not_count_as_lag(hub: Hub, source: Source) -> None:
    for _ in range(40):
        hub.publish(source.chunk())
    with hub.subscribe(lag=Lag(chunks=10)) as late:
        hub.publish(source.chunk())
        reader = read(late)
    assert reader.missed == 0 and len(reader.meanings) == 41


def test_the_process_is_told_again_when_it_changes(hub: Hub) -> None:
    with hub.subscribe() as subscriber:
        reader = read(subscriber)
        hub.publish(replace(INFO, engine="perf", engine_why="soon to change"))
        hub.publish(replace(INFO, engine="memory", engine_why="perf is not permitted"))
        told = subscriber.take()
        assert told is not None and subscriber.take() is None, "only how it is now"
        reader.feed(told)
        assert reader.info is not None and reader.info.engine == "memory"


def test_gone_comes_last_also_for_those_who_come_later(hub: Hub, source: Source) -> None:
    gone = Gone(INFO.process, 1, "process 17 (orders) exited")
    with hub.subscribe() as early:
        hub.publish(source.chunk())
        hub.publish(gone)
        assert read(early).gone == gone
        assert early.take() is None
    with hub.subscribe() as late:
        reader = read(late)
    assert reader.gone == gone and list(reader.meanings) == [0]


def test_a_gap_is_not_for_everybody(hub: Hub) -> None:
    with hub.subscribe() as subscriber:
        read(subscriber)
        hub.publish(Gap(INFO.process, 1, 2))
        assert subscriber.take() is None


def test_those_who_left_are_forgotten(hub: Hub, source: Source) -> None:
    with hub.subscribe():
        pass
    assert not hub._subscribers


def test_a_process_whose_clock_is_wrong_is_kept_as_others_are(hub: Hub, source: Source) -> None:
    for _ in range(3):
        hub.publish(source.chunk())
        hub.sweep()
    with hub.subscribe() as subscriber:
        assert list(read(subscriber).meanings) == [0, 1, 2]


async def test_next_waits_for_what_comes(source: Source) -> None:
    hub = Hub()
    with hub.subscribe() as subscriber:
        waiting = asyncio.ensure_future(subscriber.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        hub.publish(INFO)
        reader = Reader()
        reader.feed(await waiting)
        hub.publish(source.chunk())
        reader.feed(await subscriber.next())
        assert list(reader.meanings) == [0]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 6), st.integers(0, 2000)),
        st.tuples(st.just("generation")),
        st.tuples(st.just("join"), st.sampled_from([0, 0.5, 3, 900])),
        st.tuples(st.just("take"), st.integers(0, 5), st.integers(1, 12)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps, st.integers(0, 1000), st.integers(1, 12), st.integers(200, 8000), st.integers(500, 20_000))
def test_whatever_happens_every_stream_can_be_read(
    steps: list[tuple[object, ...]], seed: int, chunks: int, size: int, retention: int
) -> None:
    """Definitions are never lost: each subscriber understands each row it is sent as it was meant, or is told."""
    source, hub = Source(seed), Hub(Bounds(4, retention))
    hub.publish(INFO)
    readers: list[tuple[Subscriber, Reader]] = []
    contexts = ExitStack()

    def join(since: float) -> None:
        readers.append((contexts.enter_context(hub.subscribe(since, Lag(size, chunks))), Reader()))

    join(0)
    for step in steps:
        match step:
            case ("publish", int(count), int(filling)):
                for _ in range(count):
                    hub.publish(source.chunk(filling=filling))
            case ("generation",) if source.sequence:
                source.begin_generation()
            case ("join", since):
                join(since)  # type: ignore[arg-type]
            case ("take", int(who), int(count)):
                subscriber, reader = readers[who % len(readers)]
                for _ in range(count):
                    if (data := subscriber.take()) is not None:
                        reader.feed(data)
    hub.publish(source.chunk())
    for subscriber, reader in readers:
        read(subscriber, reader)
        assert reader.expected == source.sequence
        assert reader.missed == subscriber.dropped
        for sequence, meaning in reader.meanings.items():
            assert meaning == source.meanings[sequence]


def test_a_subscriber_reads_what_it_chose_of_its_namespace() -> None:
    hub = Hub()
    infos = {name: replace(INFO, process=name) for name in ("1-1", "2-2", "3-3")}
    with hub.subscribe(processes=["2-2"]) as chosen, hub.subscribe() as everything, hub.subscribe(namespace="b") as b:
        for name, namespace in (("1-1", "default"), ("2-2", "default"), ("3-3", "b")):
            hub.publish(infos[name], namespace=namespace)
        assert [decode(data) for data in taken(chosen)] == [infos["2-2"]]
        assert [decode(data) for data in taken(everything)] == [infos["1-1"], infos["2-2"]]
        assert [decode(data) for data in taken(b)] == [replace(infos["3-3"], namespace="b")]


def taken(subscriber: Subscriber) -> list[bytes]:
    return list(iter(lambda: subscriber.take(), None))


def test_what_was_sent_again_is_taken_once_and_safe(hub: Hub, source: Source) -> None:
    channel = hub.channel("default", INFO.process)
    assert channel is not None
    safe: list[int] = []
    end = channel.on_durable(safe.append)
    chunks = [source.chunk() for _ in range(3)]
    assert [hub.publish(chunk, sequence=n) for n, chunk in enumerate(chunks, 1)] == [True] * 3
    assert [hub.publish(chunk, sequence=n) for n, chunk in enumerate(chunks, 1)] == [False] * 3
    assert safe == [1, 2, 3] and channel.last == 3
    end()
    assert hub.publish(source.chunk(), sequence=9) and safe == [1, 2, 3]
    with hub.subscribe() as late:
        assert list(read(late).meanings) == [0, 1, 2, 3]


def test_a_process_watched_anew_begins_afresh(hub: Hub, source: Source) -> None:
    with hub.subscribe() as subscriber:
        hub.publish(source.chunk(), sequence=7)
        read(subscriber)
        again = replace(INFO, epoch=INFO.epoch + 1)
        hub.publish(again)
        hub.publish(Source(seed=1).chunk(), sequence=1)
        reader = read(subscriber)
    assert reader.info == again and list(reader.meanings) == [0]


@pytest.mark.parametrize("bounds", [Bounds(namespace=40_000), Bounds(total=40_000)])
def test_what_all_processes_keep_is_bounded(bounds: Bounds) -> None:
    hub, sources = Hub(bounds), {name: Source(seed) for seed, name in enumerate(("1-1", "2-2", "3-3"))}
    for name in sources:
        hub.publish(replace(INFO, process=name))
    for n in range(300):
        for name, source in sources.items():
            if n % 20 == 0:
                source.begin_generation()
            hub.publish(replace(source.chunk(), process=name))
        assert hub.size <= 40_000
        assert hub.size == sum(channel.log.size for channel in hub.channels()) == hub.sizes()["default"]
    with hub.subscribe(900) as late:
        readers: dict[str, Reader] = {name: Reader() for name in sources}
        for data in taken(late):
            message = decode(data)
            assert message is not None
            readers[message.process].feed(data)
    assert all(reader.meanings for reader in readers.values())


happenings = st.lists(
    st.tuples(st.sampled_from(["chunk", "generation", "wait", "anew", "again"]), st.integers(0, 3)), max_size=80
)


@settings(deadline=None, max_examples=40)
@given(happenings, st.integers(3_000, 20_000), st.integers(3_000, 20_000))
def test_what_is_kept_is_counted_exactly_whatever_happens(
    happenings: list[tuple[str, int]], namespace_bytes: int, total: int
) -> None:
    hub = Hub(Bounds(seconds=60, namespace=namespace_bytes, total=total))
    places = [("a", "1-1"), ("a", "2-2"), ("b", "1-1"), ("b", "3-3")]
    sources, epochs, numbers = [Source(n) for n in range(4)], [INFO.epoch] * 4, [0] * 4
    now = time.time()
    with hub.subscribe(namespace="a", processes=["1-1"]) as subscriber:
        reader = Reader()
        for what, n in happenings:
            namespace, process = places[n]
            match what:
                case "generation":
                    sources[n].begin_generation()
                case "wait":
                    now += 25
                    hub.sweep(now)
                case "anew":
                    sources[n], epochs[n], numbers[n] = Source(n), epochs[n] + 1, 0
                case "again":
                    chunk = replace(sources[n].chunk(), process=process)
                    assert not hub.publish(chunk, namespace=namespace, sequence=0)
                    sources[n].begin_generation()  # it was lost, with what it defined
                case "chunk":
                    channel = hub.meet(replace(INFO, process=process, epoch=epochs[n]), namespace)
                    if channel.log.end == channel.log.begin and sources[n].sequence:
                        sources[n].begin_generation()
                    numbers[n] += 1
                    chunk = replace(sources[n].chunk(), process=process)
                    assert hub.publish(chunk, namespace=namespace, sequence=channel.last + 1)
                    assert channel.durable == channel.last
            for channel in hub.channels():
                log = channel.log
                assert log.size == sum(len(log[i].data) + PACKET for i in range(log.begin, log.end))
            assert hub.size == sum(channel.log.size for channel in hub.channels()) == sum(hub.sizes().values())
            assert hub.size <= total or all(not channel.log.spare for channel in hub.channels())
            for data in taken(subscriber):
                message = decode(data)
                if isinstance(message, ProcessInfo):  # told again when all of it had been forgotten
                    reader = Reader()
                reader.feed(data)


def test_what_is_too_old_goes_though_nothing_comes(hub: Hub, source: Source) -> None:
    """By our clock: that of the source says 2023."""
    hub.publish(source.chunk())
    assert hub.size
    now = time.time()
    hub.sweep(now + 10)
    assert hub.size
    hub.sweep(now + hub.bounds.seconds + 10)
    assert not hub.size and not hub.channels() and not hub.sizes()


def test_warnings_are_told_to_everybody_once_each(hub: Hub) -> None:
    with hub.subscribe(namespace="b") as subscriber:
        hub.warn(["Redis is away"])
        hub.warn(["Redis is away"])
        assert [decode(data) for data in taken(subscriber)] == [Notice(["Redis is away"])]
        hub.warn([])
        assert [decode(data) for data in taken(subscriber)] == [Notice([])]
