"""Hold goroutines seen from outside against what the process printed just before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fidelity.text import Goroutine


@dataclass
class Report:
    """How many goroutines were compared, how many agree, and every difference as text."""

    compared: int = 0
    stacks: int = 0
    states: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.compared += other.compared
        self.stacks += other.stacks
        self.states += other.states
        self.differences += other.differences

    def __str__(self) -> str:
        stacks, states = (100 * n / max(self.compared, 1) for n in (self.stacks, self.states))
        summary = (
            f"{self.compared} compared, {self.stacks} stacks identical ({stacks:.3f}%), "
            f"{self.states} states identical ({states:.3f}%)"
        )
        return "\n".join([summary, *self.differences])


def compare(
    before: Mapping[int, Goroutine], seen: Mapping[int, Goroutine], after: Mapping[int, Goroutine]
) -> Report:
    """Compare the goroutines that were the same before and after, and not running, as multisets.

    A goroutine that differs by goid has its difference told; the multiset is what is counted.
    """
    stable = {goid for goid, was in before.items() if after.get(goid) == was and _still(was)}
    truth = [before[goid] for goid in stable]
    found = [seen[goid] for goid in stable if goid in seen]
    report = Report(compared=len(truth))
    report.stacks = _common(map(_stack, truth), map(_stack, found))
    report.states = _common((g.state for g in truth), (g.state for g in found))
    for goid in sorted(stable):
        if goid not in seen:
            report.differences.append(f"goroutine {goid} was not seen: {before[goid]}")
        elif _stack(seen[goid]) != _stack(before[goid]) or seen[goid].state != before[goid].state:
            report.differences.append(_difference(before[goid], seen[goid]))
    return report


def _still(goroutine: Goroutine) -> bool:
    return not goroutine.state.startswith("running")


def _stack(goroutine: Goroutine) -> object:
    return goroutine.frames, goroutine.created_by, goroutine.parent


def _common(one: object, other: object) -> int:
    return (Counter(one) & Counter(other)).total()  # type: ignore[call-overload]


def _difference(truth: Goroutine, seen: Goroutine) -> str:
    lines = [f"goroutine {truth.goid} [{truth.state}] seen as [{seen.state}]"]
    for title, goroutine in (("process", truth), ("flarego", seen)):
        lines.append(f"  {title}:")
        lines += [f"    {name} {file}:{line}" for name, file, line in goroutine.frames]
        lines.append(f"    created by {goroutine.created_by} in {goroutine.parent}")
    return "\n".join(lines)
