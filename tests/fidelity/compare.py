"""Hold goroutines seen from outside against what the process printed just before and after."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fidelity.text import Frame, Goroutine

Goroutines = Mapping[int, Goroutine]


class Round(NamedTuple):
    """One look from outside, between two prints of the process."""

    before: Goroutines
    seen: Goroutines
    after: Goroutines


@dataclass
class Report:
    """How many goroutines were compared, how many agree, and every difference as text.

    `moved` of those that differ had gone elsewhere and come back between the two prints: they were
    seen in a state and stack that the process prints, at another time, for such a goroutine.
    """

    compared: int = 0
    stacks: int = 0
    states: int = 0
    moved: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        stacks, states = (100 * n / max(self.compared, 1) for n in (self.stacks, self.states))
        summary = (
            f"{self.compared} compared, {self.stacks} stacks identical ({stacks:.3f}%), "
            f"{self.states} states identical ({states:.3f}%), {self.moved} moved and came back"
        )
        return "\n".join([summary, *self.differences])


def compare(rounds: Sequence[Round]) -> Report:
    """Compare the goroutines that printed the same before and after, and did not run, as multisets.

    The multiset is what is counted; each goroutine that differs by its id has that told.
    """
    places, report = _places(rounds), Report()
    for before, seen, after in rounds:
        stable = {goid for goid, was in before.items() if after.get(goid) == was and _rests(was)}
        truth = [before[goid] for goid in stable]
        found = [seen[goid] for goid in stable if goid in seen]
        report.compared += len(truth)
        report.stacks += _common(map(_stack, truth), map(_stack, found))
        report.states += _common((g.state for g in truth), (g.state for g in found))
        for goid in sorted(stable):
            _differ(before[goid], seen.get(goid), places, report)
    return report


def _differ(
    truth: Goroutine,
    seen: Goroutine | None,
    places: Mapping[Frame | None, set[object]],
    report: Report,
) -> None:
    if seen is None:
        report.differences.append(f"goroutine {truth.goid} was not seen: {truth}")
    elif seen != truth:
        moved = (seen.state, seen.frames) in places[seen.created_by]
        report.moved += moved
        lines = difflib.unified_diff(_lines(truth), _lines(seen), "process", "flarego", "", "", 3, "")
        title = f"goroutine {truth.goid}" + (" moved and came back" if moved else "")
        report.differences.append("\n  ".join([title, *lines]))


def _places(rounds: Sequence[Round]) -> Mapping[Frame | None, set[object]]:
    """Every state and stack that the process has printed, by where such goroutines are created."""
    places: defaultdict[Frame | None, set[object]] = defaultdict(set)
    for before, _, after in rounds:
        for goroutine in (*before.values(), *after.values()):
            places[goroutine.created_by].add((goroutine.state, goroutine.frames))
    return places


def _rests(goroutine: Goroutine) -> bool:
    return not goroutine.state.startswith("running")


def _stack(goroutine: Goroutine) -> object:
    return goroutine.frames, goroutine.created_by, goroutine.parent


def _common(one: Iterable[object], other: Iterable[object]) -> int:
    return (Counter(one) & Counter(other)).total()


def _lines(goroutine: Goroutine) -> list[str]:
    frames = [f"{function} {file}:{line}" for function, file, line in goroutine.frames]
    created = f"created by {goroutine.created_by} in {goroutine.parent}"
    return [f"[{goroutine.state}]", *frames, created]
