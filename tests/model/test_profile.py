"""Chunks read with names: what they say, added up, filtered; and what contradicts itself is refused."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire.streams import INFO

from flarego.model.chunk import Chunk
from flarego.model.profile import BadRows, Profile, Reader
from model.recorded import SECOND, Seen, chunk

WORK = Seen(["main.main", "main.work", "runtime.gopark"], 3, labels={"tenant": "acme"}, wait=5.0, cpu=7.0)
SEND = Seen(["main.send"], 2, reason="select", created_by="net/http.(*Server).Serve")
RUN = Seen(["main.run"], 1, "running", created_by="")
COLLECT = Seen(["runtime.gcBgMarkWorker"], 1, system=True)


def functions(profile: Profile, at: int) -> list[str]:
    return [frame.function for frame in profile.stack(profile.rows[at].node)]


def test_rows_come_with_names_and_stacks_outermost_first() -> None:
    profile = Profile.read(INFO, chunk(WORK, RUN, seconds=2, number=3))
    work, run = profile.rows
    assert (profile.start, profile.end) == (6 * SECOND, 8 * SECOND)
    assert functions(profile, 0) == ["main.main", "main.work", "runtime.gopark"]
    assert (work.state, work.reason, work.count, work.wait, work.cpu) == ("waiting", "chan receive", 3, 5.0, 7.0)
    assert work.wall == 6 * SECOND
    assert (run.state, run.reason) == ("running", "")
    assert profile.stack(0) == ()
    group = profile.groups[work.group]
    assert group.created_by and group.created_by.function == "main.main"
    assert group.labels == {"tenant": "acme"}
    assert profile.groups[run.group].created_by is None
    assert [frame.internal for frame in profile.stack(work.node)] == [False, False, True]


def test_a_fold_adds_up_generations_by_what_they_mean() -> None:
    profile = Profile.fold(INFO, [chunk(SEND, WORK, number=1), chunk(WORK, number=2)])
    found = {functions(profile, at)[-1]: row for at, row in enumerate(profile.rows)}
    assert found["runtime.gopark"].wall == 6 * SECOND
    assert found["runtime.gopark"].count == 3
    assert found["main.send"].wall == 2 * SECOND
    assert (profile.start, profile.end) == (SECOND, 3 * SECOND)


def test_nothing_cannot_be_folded() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Profile.fold(INFO, [])


def test_a_reader_keeps_what_a_generation_has_defined() -> None:
    first = chunk(WORK)
    second = replace(first, sequence=2, strings=(), frames={}, locations={}, nodes={}, groups=())
    reader = Reader(INFO)
    reader.read(first)
    assert functions(reader.read(second), 0) == ["main.main", "main.work", "runtime.gopark"]
    with pytest.raises(BadRows):
        reader.read(replace(second, generation=2))


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({}, ["main.run", "main.send", "runtime.gcBgMarkWorker", "runtime.gopark"]),
        ({"states": ["running"]}, ["main.run"]),
        ({"reasons": ["select"]}, ["main.send"]),
        ({"states": ["running", "waiting"], "reasons": ["select"]}, ["main.send"]),
        ({"groups": ["server"]}, ["main.send"]),
        ({"groups": ["net/http.(*Server).Serve"]}, ["main.send"]),
        ({"groups": ["net/http.*"]}, ["main.send"]),
        ({"groups": ["http.*"]}, []),
        ({"groups": ["tenant=ACME"]}, ["runtime.gopark"]),
        ({"groups": ["tenant=*", "main.run"]}, ["main.run", "runtime.gopark"]),
        ({"system": True}, ["runtime.gcBgMarkWorker"]),
        ({"system": False}, ["main.run", "main.send", "runtime.gopark"]),
    ],
)
def test_filters_keep_what_matches(filters: dict[str, object], kept: list[str]) -> None:
    profile = Profile.read(INFO, chunk(WORK, SEND, RUN, COLLECT)).only(**filters)  # type: ignore[arg-type]
    assert sorted(functions(profile, at)[-1] for at in range(len(profile.rows))) == kept


def u32(*values: int) -> bytes:
    return array("I", values).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"strings": ("",)},
        {"frames": {}},
        {"locations": {"count": b"\x01", "frame": u32(9999)}},
        {"nodes": {"parent": u32(1, 0, 0), "location": u32(0, 0, 0)}},
        {"nodes": {"parent": u32(0, 0, 0), "location": u32(0, 9, 0)}},
        {"nodes": {}},
        {"groups": ()},
        {"nodes": {"parent": u32(*range(20_000)), "location": u32(*[0] * 20_000)}},
    ],
)
def test_what_refers_to_nothing_is_refused(change: dict[str, object]) -> None:
    bad = replace(chunk(WORK), **change)  # type: ignore[arg-type]
    with pytest.raises(BadRows):
        Profile.read(INFO, bad)
    if "parent" not in str(change):  # a merger may leave out what no row needs
        with pytest.raises(BadRows):
            Profile.fold(INFO, [bad])


@settings(deadline=None)
@given(st.data())
def test_no_bytes_of_definitions_do_harm(data: st.DataObject) -> None:
    """Columns of equal lengths is all that the codec promises."""

    def column(count: int, most: int = 6) -> bytes:
        return array("I", data.draw(st.lists(st.integers(0, most), min_size=count, max_size=count))).tobytes()

    n = data.draw(st.integers(0, 4))
    spans = data.draw(st.lists(st.integers(0, 3), max_size=4))
    good = chunk(WORK)
    strange: Chunk = replace(
        good,
        frames={"function": column(n), "file": column(n), "line": column(n, 2**32 - 1), "flags": bytes(n)},
        locations={"count": bytes(spans), "frame": column(sum(spans))},
        nodes={"parent": column(n), "location": column(n)},
        groups=[{"created_by": data.draw(st.integers(-5, 50)), "labels": data.draw(st.none() | st.text())}],
    )
    try:
        profile = Profile.read(INFO, strange)
    except BadRows:
        return
    assert all(len(profile.stack(row.node)) < 100 for row in profile.rows)
