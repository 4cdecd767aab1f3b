"""Goroutines one by one: who is told of, how they change, and that they part."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import pytest
from targets import Target

from flarego.model.chunk import STATES, Chunk
from flarego.samplers import go
from samplers.reading import drains, watch

RESTLESS = 4


@dataclass
class Followed:
    """Who is followed after some chunks: goid → (state, reason, flags, since, on)."""

    members: dict[int, tuple[str, str, int, float, int]] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    told: int = 0

    def read(self, chunk: Chunk, reasons: tuple[str, ...]) -> None:
        if chunk.strings[:1] == [""]:
            self.members.clear()
        if not (m := chunk.members):
            return
        for goid, state, reason, flags, since, on in zip(
            array("Q", m["goid"]), m["state"], m["reason"], m["flags"], array("d", m["since"]), array("Q", m["on"]),
            strict=True,
        ):  # fmt: skip
            self.members[goid] = STATES[state], reasons[reason], flags, since, on
            self.told += 1
        for goid in array("Q", m["left"]):
            self.members.pop(goid, None)
            self.left.add(goid)


def follow(target: Target, seconds: float) -> tuple[Followed, Chunk]:
    sampler, followed = watch(target.pid), Followed()
    sampler.start()
    for chunk in drains(sampler, seconds):
        followed.read(chunk, tuple(sampler.info.reasons))
    sampler.stop()
    return followed, chunk


def test_everybody_is_told_of_once_and_then_only_changes() -> None:
    with Target("many", "-n", 500) as target:
        followed, last = follow(target, 3)
    assert len(followed.members) == last.sampler["members"] == last.sampler["members_of"] >= 500
    assert followed.told <= 2 * len(followed.members)
    assert sum(state == "waiting" for state, *_ in followed.members.values()) >= 500


def test_all_are_told_of_again_where_a_generation_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "GENERATION_NS", 700_000_000)
    with Target("many", "-n", 100) as target:
        followed, last = follow(target, 2.5)
    assert len(followed.members) == last.sampler["members"] >= 100
    assert followed.told >= 3 * 100


def test_of_very_many_the_same_ones_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "GENERATION_NS", 700_000_000)
    with Target("many", "-n", 20_000) as target:
        sampler, before = watch(target.pid), Followed()
        sampler.start()
        sets = []
        for chunk in drains(sampler, 5):
            before.read(chunk, tuple(sampler.info.reasons))
            if chunk.members:
                sets.append(set(before.members))
        sampler.stop()
    assert chunk.sampler["members_of"] >= 20_000
    assert 1000 < len(sets[-1]) <= 4096
    assert len(sets) >= 2 and sets[-1] == sets[-2]
    assert not before.left


def test_waiters_say_on_what_and_since_when() -> None:
    with Target("states") as target:
        followed, chunk = follow(target, 3)
    waits = {f"{wait['address']}": wait for wait in chunk.waits}
    on_channels = [m for m in followed.members.values() if m[1] == "chan receive"]
    assert on_channels and all(on for *_, on in on_channels)
    for state, _, flags, since, _ in on_channels:
        assert state == "waiting" and not flags & RESTLESS and since < 1.5e9
    assert waits == {} or {hex(m[4]) for m in followed.members.values()} & waits.keys()


def test_a_goroutine_that_never_rests_is_not_told_again_and_again() -> None:
    with Target("churn", "-n", 1000, "-p", 1) as target:
        followed, _ = follow(target, 3)
    assert sum(bool(flags & RESTLESS) for _, _, flags, _, _ in followed.members.values()) > 500
    assert followed.told <= 3.5 * len(followed.members)
