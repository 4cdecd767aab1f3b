"""Lists of members: what several of them say in a row, one says."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flarego.gateway.retention import Retention
from flarego.model.chunk import WIDTHS
from flarego.model.members import join_members
from flarego.model.merge import join_definitions
from flarego.wire.codec import BadMessage, decode, encode
from wire.messages import chunk


def members(here: Mapping[int, int], left: Sequence[int] = ()) -> dict[str, bytes]:
    """A list: goids with the node each stands at."""
    columns = {name: bytes(width * len(here)) for name, width in WIDTHS["members"].items()}
    goids, nodes = array("Q", here.keys()).tobytes(), array("I", here.values()).tobytes()
    return columns | {"goid": goids, "node": nodes, "left": array("Q", left).tobytes()}


def read(lists: Sequence[Mapping[str, bytes]]) -> dict[int, int]:
    """Who is where after all lists."""
    known: dict[int, int] = {}
    for one in filter(None, lists):
        known |= dict(zip(array("Q", one["goid"]), array("I", one["node"]), strict=True))
        for goid in array("Q", one["left"]):
            known.pop(goid, None)
    return known


_GOIDS = st.integers(1, 9)
_LISTS = st.lists(st.tuples(st.dictionaries(_GOIDS, st.integers(0, 99)), st.sets(_GOIDS)), max_size=6)


@given(_LISTS, st.integers(0, 6))
def test_joined_lists_say_what_they_said_one_by_one(said: list[tuple[dict[int, int], set[int]]], known: int) -> None:
    gone: set[int] = set()
    lists = []
    for here, left in said:  # ids are never used again
        lists.append(members({goid: node for goid, node in here.items() if goid not in gone | left}, sorted(left)))
        gone |= left
    joined = [*lists[:known], join_members(lists[known:])]
    assert read(joined) == read(lists)


def test_who_skips_chunks_is_told_of_all_goroutines() -> None:
    chunks = [
        replace(chunk(1), members=members({1: 10, 2: 20, 3: 30})),
        chunk(2),
        replace(chunk(3), members=members({2: 21}, left=[3])),
        replace(chunk(4), members=members({4: 40})),
    ]
    assert read([join_definitions(chunks).members]) == {1: 10, 2: 21, 4: 40}


def test_chunks_thinned_to_their_definitions_keep_members() -> None:
    retention = Retention(size=3000)
    said = [members({goid: goid}, left=[goid - 5] if goid > 5 else []) for goid in range(1, 40)]
    for sequence, one in enumerate(said):
        retention.add(replace(chunk(sequence, rows=8), members=one))
    assert retention.whole > retention.begin
    kept = [retention[i].chunk().members for i in range(retention.begin, retention.end)]
    assert read(kept) == read(said) == {goid: goid for goid in range(35, 40)}


@pytest.mark.parametrize("change", [{"goid": b"1"}, {"node": b""}, {"left": b"1234"}, {"left": None}])
def test_lists_that_contradict_themselves_are_refused(change: dict[str, bytes]) -> None:
    bad = replace(chunk(), members={**members({1: 2}), **change})
    with pytest.raises(BadMessage):
        decode(encode(bad))
