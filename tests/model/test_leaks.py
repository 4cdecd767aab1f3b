"""Who is suspected of leaking, and who is not: crying wolf is the expensive failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wire.streams import INFO

from flarego.model.leaks import Departures, Growth, Suspect
from flarego.model.profile import Profile, Reader
from model.recorded import Seen, chunk

STEP_S = 10


def watched(*moments: Sequence[Seen], step: float = STEP_S) -> Sequence[Suspect]:
    growth = Growth()
    for number, seen in enumerate(moments):
        profile = Profile.read(INFO, chunk(*seen, number=number, seconds=step))
        growth.note(profile)
    return growth.suspects()


def leaking(count: int, **more: object) -> Seen:
    return Seen(["main.handle", "main.send"], count, reason="select", created_by="main.serve", wait=1e9, **more)  # type: ignore[arg-type]


def counts(of: Callable[[int], int], moments: int = 8) -> Sequence[Suspect]:
    return watched(*([leaking(of(moment))] for moment in range(moments)))


def test_a_group_that_only_grows_is_suspect_with_its_counts() -> None:
    (suspect,) = counts(lambda moment: 10 + 3 * moment, moments=6)
    assert suspect.counts == [10, 13, 16, 19, 22, 25]
    assert suspect.place.own.function == "main.send"
    assert suspect.origin == ("main.serve", "main.handle")
    assert suspect.per_minute == 15 * 60 / 50
    assert suspect.wait == 1e9


def test_it_is_suspect_wherever_its_members_stand() -> None:
    moments = [[leaking(5 + moment), Seen(["main.handle"], 2 * moment + 1, created_by="main.serve")]
               for moment in range(8)]  # fmt: skip
    (suspect,) = watched(*moments)
    assert suspect.counts[-1] == 12 + 15


def test_a_pool_that_fills_up_is_not() -> None:
    assert not counts(lambda moment: min(10 * moment, 40), moments=12)


def test_one_that_became_fewer_is_not_until_it_has_grown_again_for_long() -> None:
    assert not counts(lambda moment: 10 * moment if moment < 7 else 55, moments=8)
    assert not counts(lambda moment: 50 - moment if moment < 6 else 40 + 5 * moment, moments=10)
    assert counts(lambda moment: 50 - moment if moment < 6 else 40 + 5 * moment, moments=16)


def test_one_that_rested_for_long_and_now_leaks_is() -> None:
    (suspect,) = counts(lambda moment: 20 if moment < 40 else 5 * moment - 180, moments=80)
    assert suspect.counts[0] >= 20 and suspect.growth >= 20


def test_growth_within_half_a_minute_says_nothing() -> None:
    moments = [[leaking(10 + moment)] for moment in range(10)]
    assert not watched(*moments, step=2)
    assert watched(*moments, step=10)


def test_a_few_more_say_nothing() -> None:
    assert not counts(lambda moment: 3 + (moment >= 2) + (moment >= 5))


def test_goroutines_that_run_are_work() -> None:
    assert not watched(*([Seen(["main.work"], 10 + 4 * moment, "runnable")] for moment in range(8)))


def test_the_runtimes_own_are_not_ours_to_suspect() -> None:
    assert not watched(*([Seen(["runtime.bg"], 10 + 4 * moment, system=True)] for moment in range(8)))


def test_who_loses_a_member_that_was_known_starts_again() -> None:
    growth, departures, reader = Growth(), Departures(), Reader(INFO)
    for moment in range(8):
        goids = range(100, 110 + 5 * moment)
        left = [100] if moment == 5 else []
        told = chunk(leaking(10 + 5 * moment, goids=goids), number=moment, seconds=STEP_S, left=left)
        profile = reader.read(told)
        lost = departures.note(told, profile.groups)
        assert lost == ({("main.serve", "main.handle")} if moment == 5 else set())
        growth.note(profile, lost)
    assert not growth.suspects()


def test_a_group_that_vanishes_is_forgotten() -> None:
    moments = [[leaking(10 + 3 * moment)] for moment in range(8)]
    assert not watched(*moments, [Seen(["main.other"])])
