"""The log: what it keeps, what it forgets, and that indices stay what they are."""

from __future__ import annotations

from wire.streams import INTERVAL_NS, Source

from flarego.gateway.retention import PACKET, Retention


def fill(log: Retention, source: Source, chunks: int, generation: int, filling: int = 0) -> None:
    for n in range(chunks):
        if n and n % generation == 0:
            source.begin_generation()
        log.add(source.chunk(filling=filling))


def test_it_keeps_a_stretch_of_time_by_whole_generations() -> None:
    log = Retention(seconds=10)
    fill(log, Source(), chunks=1000, generation=20)
    assert log.begin == 940  # 950 is 50 chunks, 10 s, before the end, and lies in the middle of a generation
    assert log.end == 1000
    assert log[log.begin].chunk().strings[0] == ""
    assert log.size == sum(len(log[i].data) + PACKET for i in range(log.begin, log.end))


def test_it_keeps_no_more_bytes_than_it_may() -> None:
    log = Retention(size=200_000)
    fill(log, Source(), chunks=100, generation=10, filling=5_000)
    assert log.size <= 200_000
    assert log.whole == log.begin > 0


def test_one_generation_that_is_too_large_loses_its_oldest_rows() -> None:
    log, source = Retention(size=100_000), Source()
    fill(log, source, chunks=100, generation=1000, filling=5_000)
    assert log.size <= 100_000
    assert log.begin == 0 and 80 <= log.whole < 99
    assert not log[0].chunk().rows and log[0].chunk().strings
    assert log[log.whole].chunk().rows


def test_where_the_oldest_generations_begin_that_are_no_more_than_some_bytes() -> None:
    log, source = Retention(), Source()
    assert log.within(1000) == log.end == 0
    fill(log, source, chunks=100, generation=10, filling=1_000)
    for size in (0, 5_000, 50_000, 1 << 30):
        start = log.within(size)
        assert log.begins(start)
        assert log.behind(start) <= size or start == 90
        assert start == 0 or log.behind(start - 10) > size
    assert (log.last_sequence, log.last_end) == (99, 100 * INTERVAL_NS)


def test_what_is_too_old_goes_by_generations_the_last_one_too() -> None:
    log, source = Retention(), Source()
    fill(log, source, chunks=30, generation=10)
    log.expire(log[10].end)
    assert (log.begin, log.end) == (10, 30)
    log.expire(log.last_end + 1)
    assert (log.begin, log.end, log.size, log.last_sequence) == (30, 30, 0, -1)
    log.add(source.chunk())
    assert log.begins(30)


def test_an_empty_log_has_nothing_to_tell() -> None:
    log = Retention()
    assert (log.begin, log.end, log.since(60), log.behind(0)) == (0, 0, 0, 0)


def test_resuming_gives_all_definitions_once() -> None:
    log, source = Retention(), Source()
    chunks = [source.chunk() for _ in range(20)]
    for chunk in chunks:
        log.add(chunk)
    whole = log.resume(19, known=5)
    assert whole != log[19].data
    strings = [text for chunk in chunks[5:] for text in chunk.strings]
    from flarego.wire.codec import decode

    resumed = decode(whole)
    assert list(resumed.strings) == strings  # type: ignore[union-attr]
    assert resumed.end == 20 * INTERVAL_NS  # type: ignore[union-attr]
    assert log.resume(19, known=19) is log[19].data
