"""The log: what it keeps, what it forgets, and that indices stay what they are."""

from __future__ import annotations

from wire.streams import INTERVAL_NS, Source

from flarego.gateway.retention import Retention


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
    assert log.size == sum(len(log[i].data) for i in range(log.begin, log.end))


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
