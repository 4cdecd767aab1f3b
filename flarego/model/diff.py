"""What changed from one span to another: by state and by stack, absolute and as shares of the whole.

Spans differ in length, so what is compared is the mean number of goroutines, not their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from flarego.model.places import Place, Placer, Standing, standings
from flarego.model.profile import Profile

_K = TypeVar("_K")
_ALIKE = 0.01
"""Goroutines on one side below which it has none, if the other has _MANY_TIMES as much."""
_MANY_TIMES = 10


class Amount(NamedTuple):
    """Something on both sides, as a mean number of goroutines or of busy cores."""

    before: float = 0.0
    after: float = 0.0

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def ratio(self) -> float:
        """Change as a part of what was there before; inf for what is new, 0 where there is nothing."""
        if self.before > 0:
            return self.change / self.before
        return float("inf") if self.after > 0 else 0.0

    def in_shares(self, whole: Amount) -> Amount:
        """Return the same as parts of each side's whole."""
        return Amount(*(part / all_ if all_ > 0 else 0.0
                        for part, all_ in ((self.before, whole.before), (self.after, whole.after))))  # fmt: skip


class Change(NamedTuple):
    """A place or a state on both sides."""

    place: Place
    """Of a state: any place in it."""
    wall: Amount
    cpu: Amount
    """On-CPU time by the length of the span: busy cores."""
    wait: Amount
    """Longest wait of those who stood there at the end, ns."""

    @property
    def verdict(self) -> str:
        """`new`, `gone`, `more`, `less` or `same`."""
        first, second = self.wall.before, self.wall.after
        if first < _ALIKE <= second and first < second / _MANY_TIMES:
            return "new"
        if second < _ALIKE <= first and second < first / _MANY_TIMES:
            return "gone"
        if abs(self.wall.change) < _ALIKE or abs(self.wall.ratio) < 0.01:
            return "same"
        return "more" if self.wall.change > 0 else "less"


@dataclass(frozen=True)
class Difference:
    """Two profiles compared; each list by the size of the change, the greatest first."""

    before: Profile
    after: Profile
    whole: Amount
    """Mean number of the program's own goroutines."""
    busy: Amount
    """Of these, without the idle."""
    states: Sequence[Change]
    places: Sequence[Change]
    """Without the idle."""


def compare(before: Profile, after: Profile) -> Difference:
    """Return what changed, of the program's own goroutines."""
    placer = Placer()
    sides = [[s for s in standings(p, placer.places(p)) if not s.place.system] for p in (before, after)]
    spans = before.span, after.span
    busy = [[s for s in side if not s.place.idle] for side in sides]
    return Difference(
        before,
        after,
        _total(sides, spans),
        _total(busy, spans),
        _changes(sides, spans, lambda place: (place.state, place.reason)),
        _changes(busy, spans, lambda place: place.key),
    )


def _total(sides: Sequence[Iterable[Standing]], spans: tuple[int, int]) -> Amount:
    return Amount(*(sum(s.wall for s in side) / span for side, span in zip(sides, spans, strict=True)))


def _changes(
    sides: Sequence[Iterable[Standing]], spans: tuple[int, int], key: Callable[[Place], _K]
) -> Sequence[Change]:
    before, after = (_sums(side, key) for side in sides)
    nothing = (0.0, 0.0, 0.0)
    changes = []
    for name in before.keys() | after.keys():
        place = (after.get(name) or before[name])[0]
        first, second = ((side[name][1] if name in side else nothing) for side in (before, after))
        changes.append(
            Change(
                place,
                Amount(first[0] / spans[0], second[0] / spans[1]),
                Amount(first[1] / spans[0], second[1] / spans[1]),
                Amount(first[2], second[2]),
            )
        )
    return sorted(changes, key=lambda change: (-abs(change.wall.change), change.place.key))


def _sums(
    side: Iterable[Standing], key: Callable[[Place], _K]
) -> Mapping[_K, tuple[Place, tuple[float, float, float]]]:
    sums: dict[_K, tuple[Place, tuple[float, float, float]]] = {}
    for s in side:
        name = key(s.place)
        place, (wall, cpu, wait) = sums.get(name) or (s.place, (0.0, 0.0, 0.0))
        sums[name] = place, (wall + s.wall, cpu + s.cpu, max(wait, s.wait if s.count else 0.0))
    return sums
