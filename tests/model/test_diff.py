"""What changed from one span to another."""

from __future__ import annotations

import pytest
from wire.streams import INFO

from flarego.model.diff import Amount, Change, compare
from flarego.model.profile import Profile
from model.recorded import Seen, chunk


def at(function: str, count: int, reason: str = "chan receive", **more: object) -> Seen:
    return Seen(["main.main", "main.handle", function], count, reason=reason, **more)  # type: ignore[arg-type]


BEFORE = [at("main.lock", 2, wait=3e9), at("main.gone", 4, "select"), at("main.same", 5)]
AFTER = [at("main.lock", 6, wait=9e9), at("main.new", 1), at("main.same", 5)]


def changes(of: list[Change]) -> dict[str, tuple[str, float]]:
    return {change.place.own.function: (change.verdict, change.wall.change) for change in of}


def test_stacks_are_more_less_new_or_gone_whatever_the_spans_lengths() -> None:
    difference = compare(*(Profile.read(INFO, chunk(*seen, seconds=s)) for seen, s in ((BEFORE, 2), (AFTER, 8))))
    assert changes(list(difference.places)) == {
        "main.lock": ("more", 4),
        "main.gone": ("gone", -4),
        "main.new": ("new", 1),
        "main.same": ("same", 0),
    }
    assert [change.verdict for change in difference.places] == ["more", "gone", "new", "same"]
    assert difference.whole == Amount(11, 12)
    lock = next(change for change in difference.places if change.place.own.function == "main.lock")
    assert lock.wait == Amount(3e9, 9e9)
    assert lock.wall.in_shares(difference.busy) == Amount(2 / 11, 6 / 12)


def test_states_are_added_up() -> None:
    difference = compare(*(Profile.read(INFO, chunk(*seen)) for seen in (BEFORE, AFTER)))
    assert {c.place.lane: (c.verdict, c.wall.change) for c in difference.states} == {
        "chan receive": ("more", 5),
        "select": ("gone", -4),
    }


def test_the_idle_and_the_runtimes_own_are_no_change_of_stacks() -> None:
    idle = Seen(["main.worker"], 50)
    system = Seen(["runtime.bg"], 9, system=True)
    difference = compare(*(Profile.read(INFO, chunk(*seen)) for seen in (BEFORE, [*BEFORE, idle, system])))
    assert {change.verdict for change in difference.places} == {"same"}
    assert difference.whole == Amount(11, 61)
    assert difference.busy == Amount(11, 11)


@pytest.mark.parametrize(
    ("amount", "ratio"),
    [(Amount(0, 0), 0), (Amount(0, 1), float("inf")), (Amount(2, 1), -0.5), (Amount(1, 0), -1)],
)
def test_ratios(amount: Amount, ratio: float) -> None:
    assert amount.ratio == ratio
