"""What the pyramid adds up is what model/merge.py and model/profile.py make of the same chunks, whatever they are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.query.flame import Flame
from flarego.gateway.query.fold import take
from flarego.gateway.query.track import BLOCK_NS, MAX_SERIES
from flarego.gateway.retention import Bounds, Retention
from flarego.model.chunk import Chunk
from flarego.model.frame import Frame
from flarego.model.merge import Merger, UndefinedReference, within
from flarego.model.profile import Group, Profile
from gateway.query.programs import INFO, PERIOD_NS, Program

Meaning = Mapping[tuple[tuple[Frame, ...], tuple[object, ...], str, str, int], tuple[float, float, int, float]]


def meaning(profile: Profile) -> Meaning:
    """Return what a profile says, without its numbers."""
    sums: dict[tuple[tuple[Frame, ...], tuple[object, ...], str, str, int], tuple[float, float, int, float]] = {}
    for row in profile.rows:
        key = (profile.stack(row.node), _group(profile.groups[row.group]), row.state, row.reason, row.flags)
        wall, cpu, count, wait = sums.get(key, (0.0, 0.0, 0, 0.0))
        sums[key] = wall + row.wall, cpu + row.cpu, count + row.count, max(wait, row.wait)
    return sums


def _group(group: Group) -> tuple[object, ...]:
    return group.created_by, group.entry, tuple(sorted(group.labels.items())), group.system


def reference(chunks: Sequence[Chunk], start: int, end: int) -> Profile | None:
    merger = Merger()
    for chunk in within(chunks, start, end):
        try:
            merger.add(chunk)
        except UndefinedReference:
            continue
    return Profile.read(INFO, merger.chunk()) if merger.chunks else None


def published(chunks: Sequence[Chunk], pyramid: Pyramid, bounds: Bounds | None = None) -> tuple[Hub, Channel]:
    hub = Hub(bounds)
    hub.taps.append(pyramid)
    hub.publish(INFO)
    for chunk in chunks:
        hub.publish(chunk)
    (channel,) = hub.channels()
    return hub, channel


def assert_same(channel: Channel, pyramid: Pyramid, chunks: Sequence[Chunk], start: int, end: int) -> None:
    folded = take(channel, INFO, pyramid.track(channel), start, end).fold(lambda: None)
    expected = reference(chunks, start, end)
    if expected is None:
        assert not folded.rows
        return
    assert (folded.start, folded.end) == (expected.start, expected.end)
    assert meaning(folded) == meaning(expected)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 1 << 16),
    generation=st.integers(1, 60),
    count=st.integers(1, 260),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    churn=st.integers(0, 20),
    spans=st.lists(st.tuples(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1)), min_size=1, max_size=4),
)
def test_any_span_equals_the_merged_chunks(
    seed: int, generation: int, count: int, share: float, churn: int, spans: list[tuple[float, float]]
) -> None:
    program = Program(stacks=25, seed=seed, generation=generation, churn=churn)
    chunks = [program.chunk(share) for _ in range(count)]
    pyramid = Pyramid()
    _, channel = published(chunks, pyramid)
    for ends in spans:
        start, end = sorted(int(part * count * PERIOD_NS) for part in ends)
        assert_same(channel, pyramid, chunks, start, end)


def merged(chunks: Sequence[Chunk]) -> Chunk:
    merger = Merger()
    for chunk in chunks:
        merger.add(chunk)
    return merger.chunk()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 16), number=st.sampled_from(["same", "odd", "rising"]))
def test_chunks_of_odd_and_merged_generations(seed: int, number: str) -> None:
    pick = random.Random(seed)
    program = Program(stacks=15, seed=seed, generation=20)
    plain = [program.chunk() for _ in range(160)]
    chunks: list[Chunk] = []
    at = 0
    while at < len(plain):
        size = pick.choice([1, 2, 5, 20])
        run = plain[at - at % 20 : at + size] if at % 20 else plain[at : at + size]
        chunk = merged(run)
        generation = {"same": 7, "odd": pick.randrange(5), "rising": at}[number]
        chunks.append(replace(chunk, generation=generation, sequence=at, start=plain[at].start))
        at += size
    pyramid = Pyramid()
    _, channel = published(chunks, pyramid)
    for _ in range(6):
        start, end = sorted(pick.randrange(0, 165 * PERIOD_NS) for _ in range(2))
        assert_same(channel, pyramid, chunks, start, end)


def test_what_refers_to_the_undefined_is_left_out_and_counted() -> None:
    program = Program(stacks=12, generation=30)
    chunks = [program.chunk() for _ in range(90)]
    wrong = dict(chunks[40].rows) | {"node": b"\xff\xff\0\0" * (len(chunks[40].rows["state"]))}
    chunks[40] = replace(chunks[40], rows=wrong)
    pyramid = Pyramid()
    _, channel = published(chunks, pyramid)
    slice_ = take(channel, INFO, pyramid.track(channel), 0, 90 * PERIOD_NS)
    assert (slice_.n_chunks, slice_.damaged) == (90, 1)
    assert_same(channel, pyramid, chunks, 0, 90 * PERIOD_NS)
    assert_same(channel, pyramid, chunks, 39 * PERIOD_NS, 44 * PERIOD_NS)


def test_after_definitions_that_cannot_be_read_the_generation_is_left_out() -> None:
    program = Program(stacks=12, generation=30)
    chunks = [program.chunk() for _ in range(90)]
    wrong = {"parent": b"\xff\0\0\0", "location": bytes(4)}
    chunks[40] = replace(chunks[40], nodes=wrong)
    pyramid = Pyramid()
    _, channel = published(chunks, pyramid)
    slice_ = take(channel, INFO, pyramid.track(channel), 0, 90 * PERIOD_NS)
    assert (slice_.n_chunks, slice_.damaged) == (90, 20)
    good = chunks[:40] + chunks[60:]
    for start, end in ((0, 90), (33, 70), (36, 44)):
        folded = take(channel, INFO, pyramid.track(channel), start * PERIOD_NS, end * PERIOD_NS).fold(lambda: None)
        expected = reference(good, start * PERIOD_NS, end * PERIOD_NS)
        assert expected is not None
        assert meaning(folded) == meaning(expected)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_that_comes_makes_the_tap_raise(data: st.DataObject) -> None:
    program = Program(stacks=5, generation=4)
    chunks = [program.chunk() for _ in range(8)]
    numbers = st.one_of(st.integers(-5, 300), st.integers(), st.booleans(), st.none(), st.text(), st.floats())
    column = st.one_of(st.binary(max_size=64), numbers)
    names = st.sampled_from(["node", "group", "state", "function", "count", "frame", "parent"])
    tables = st.dictionaries(names, column)
    fields = {
        "rows": tables,
        "frames": tables,
        "locations": tables,
        "nodes": tables,
        "groups": st.lists(st.dictionaries(st.sampled_from(["created_by", "entry", "labels", "system"]), numbers)),
        "strings": st.lists(st.text()),
        "series": st.dictionaries(st.text(), st.one_of(st.integers(), st.floats(), st.booleans())),
        "start": st.integers(0, 1 << 64),
        "end": st.integers(0, 1 << 64),
        "generation": st.integers(0, 3),
    }
    for at, name in data.draw(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(sorted(fields))), max_size=4)):
        chunks[at] = replace(chunks[at], **{name: data.draw(fields[name])})
    pyramid = Pyramid()
    channel = Channel("default", INFO.process, Retention())
    for index, chunk in enumerate(chunks):
        channel.log.begin = index - len(channel.log.packets()) + 1
        pyramid.took(channel, chunk, b"")
    track = pyramid.track(channel)
    assert track is not None
    first, last = track.find(0, 1 << 63)
    list(track.cover(first, last))
    assert track.size > 0


def test_no_weight_breaks_the_sum() -> None:
    program = Program(stacks=3)
    first = program.chunk()
    nan, infinite = b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\0\0\0\0\xf0\x7f"
    hostile = replace(program.chunk(), rows={**first.rows, "wall": nan + infinite + b"\xff" * 8, "wait": nan * 3})
    pyramid = Pyramid()
    _, channel = published([first, hostile], pyramid)
    folded = take(channel, INFO, pyramid.track(channel), 0, 1 << 62).fold(lambda: None)
    expected = reference([first], 0, 1 << 62)
    assert expected is not None
    assert sum(row.wall for row in folded.rows) == sum(row.wall for row in expected.rows)


def test_what_was_taken_does_not_change_whatever_comes() -> None:
    program = Program(stacks=20, generation=30, churn=10)
    pyramid = Pyramid()
    chunks = [program.chunk() for _ in range(100)]
    hub, channel = published(chunks, pyramid)
    with ThreadPoolExecutor(2) as threads:
        for _ in range(40):
            end = len(chunks) * PERIOD_NS
            slice_ = take(channel, INFO, pyramid.track(channel), end // 3, end)
            folding = threads.submit(lambda slice_=slice_: [slice_.fold(lambda: None) for _ in range(3)])
            known = len(chunks)
            for _ in range(12):
                chunks.append(program.chunk())
                hub.publish(chunks[-1])
                take(channel, INFO, pyramid.track(channel), 0, end)
            expected = reference(chunks[:known], end // 3, end)
            assert expected is not None
            for folded in (*folding.result(), slice_.fold(lambda: None)):
                assert meaning(folded) == meaning(expected)
                for invert in (False, True):
                    flame = Flame(folded, "wall", invert=invert, depth=384, check=lambda: None)
                    assert flame.totals[0] == sum(row.wall for row in folded.rows)


def test_a_trimmed_log_leaves_nothing_behind() -> None:
    program = Program(stacks=20, generation=25)
    pyramid = Pyramid()
    hub, channel = published([program.chunk() for _ in range(400)], pyramid, Bounds(seconds=30))
    track = pyramid.track(channel)
    assert track is not None
    assert track.runs[0].first == channel.log.begin
    kept = [channel.log[i].chunk() for i in range(channel.log.begin, channel.log.end)]
    assert_same(channel, pyramid, kept, 0, 1 << 62)
    assert pyramid.size > 0
    hub.drop(channel)
    assert pyramid.size == 0
    assert pyramid.track(channel) is None


def test_new_stacks_in_every_generation_begin_a_new_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flarego.gateway.query.track._FEW_STACKS", 100)
    program = Program(stacks=40, generation=25, churn=40)
    chunks = [program.chunk() for _ in range(500)]
    pyramid = Pyramid()
    _, channel = published(chunks, pyramid)
    track = pyramid.track(channel)
    assert track is not None
    dictionaries = {run.dictionary for run in track.runs}
    assert 1 < len(dictionaries) < len(track.runs)
    for start, end in ((0, 500), (13, 480), (200, 210)):
        assert_same(channel, pyramid, chunks, start * PERIOD_NS, end * PERIOD_NS)


def test_over_its_bound_it_gives_up_blocks_and_then_tracks_and_stays_right() -> None:
    program = Program(stacks=60, generation=80)
    chunks = [program.chunk() for _ in range(400)]
    roomy = Pyramid()
    _, channel = published(chunks, roomy)
    track = roomy.track(channel)
    assert track is not None
    blocks, size = sum(len(run.blocks) for run in track.runs), roomy.size
    tight = Pyramid(limit=size * 9 // 10)
    _, channel = published(chunks, tight)
    thinned = tight.track(channel)
    assert thinned is not None
    assert sum(len(run.blocks) for run in thinned.runs) < blocks
    assert tight.size <= size * 9 // 10 + size // 10  # checked once a block
    assert_same(channel, tight, chunks, 33 * PERIOD_NS, 377 * PERIOD_NS)
    none = Pyramid(limit=1)
    _, channel = published(chunks, none)
    assert none.track(channel) is None
    assert none.given_up == 1
    assert_same(channel, none, chunks, 33 * PERIOD_NS, 377 * PERIOD_NS)


def test_blocks_are_of_seconds_generations_and_powers_of_two_of_them() -> None:
    program = Program(stacks=10, generation=100)
    pyramid = Pyramid()
    _, channel = published([program.chunk() for _ in range(1700)], pyramid)
    track = pyramid.track(channel)
    assert track is not None
    pieces = list(track.cover(0, 1600))
    assert len(pieces) == 1
    assert pieces[0].last == 1600
    per_run = 100 * PERIOD_NS / BLOCK_NS
    assert all(per_run <= len(run.blocks) <= per_run + 1 for run in list(track.runs)[:-1])
    assert len(list(track.cover(5, 1695))) < 4 * (per_run + 3)


def test_series_have_a_bound() -> None:
    program = Program(stacks=3)
    chunk = replace(program.chunk(), series={f"s{i}": 1.0 for i in range(5000)})
    pyramid = Pyramid()
    _, channel = published([chunk], pyramid)
    track = pyramid.track(channel)
    assert track is not None
    assert len(track.runs[0].series) == MAX_SERIES
