"""Which rows a question is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

from flarego.gateway.query.dictionary import BookStacks
from flarego.gateway.query.parameters import Asked, Parameter, choice, texts
from flarego.model.names import package_of
from flarego.model.profile import Profile

STATE = texts("state", "Only goroutines in this state: running, runnable, syscall, waiting, preempted, other.")
REASON = texts("reason", "Only those that wait for this, in the runtime's own words: `chan receive`.")
PACKAGE = texts("package", "Only stacks with a function of this package: its whole import path.")
LABEL = texts("label", "Only goroutines with this label: its name, or name=value.")
GROUP = texts(
    "group",
    "Only goroutines created by, begun with or labelled (key=value) like this: a part, or with * and ? the whole.",
)
SYSTEM: Parameter[str] = choice(
    "system", "The runtime's own goroutines: left out, shown as well, or nothing else.", ("out", "in", "only"), "out"
)
FILTERS = (STATE, REASON, PACKAGE, LABEL, GROUP, SYSTEM)


@dataclass(frozen=True)
class Filters:
    """Rows pass that are of any of the states, for any of the reasons … of all that is named."""

    states: Sequence[str] = ()
    reasons: Sequence[str] = ()
    packages: Sequence[str] = ()
    labels: Sequence[str] = ()
    groups: Sequence[str] = ()
    system: bool | None = False
    """None: both."""

    @classmethod
    def of(cls, asked: Asked) -> Filters:
        """Raises BadQuery."""
        system = {"out": False, "in": None, "only": True}[asked.get(SYSTEM)]
        all_of = asked.all
        return cls(all_of(STATE), all_of(REASON), all_of(PACKAGE), all_of(LABEL), all_of(GROUP), system)

    def keep(self, profile: Profile) -> Profile:
        """Return the profile of the rows that pass."""
        kept = profile.only(self.states, self.reasons, self.groups, self.system)
        if self.labels:
            wanted = frozenset(self.labels)
            groups = [
                not wanted.isdisjoint(text for pair in group.labels.items() for text in (pair[0], "=".join(pair)))
                for group in kept.groups
            ]
            kept = replace(kept, rows=[row for row in kept.rows if groups[row.group]])
        if self.packages:
            inside = _inside(kept, frozenset(self.packages))
            kept = replace(kept, rows=[row for row in kept.rows if inside[row.node]])
        return kept


def _inside(profile: Profile, packages: frozenset[str]) -> bytearray:
    """Return of each stack whether it has a function of the packages; one without a package is its own."""
    stacks = profile.stacks
    assert isinstance(stacks, BookStacks)

    @cache
    def wanted(function: int) -> bool:
        name = stacks.text(function)
        return (package_of(name) or name) in packages

    frames = bytearray(map(wanted, stacks.functions))
    inside = bytearray(1)
    for parent, frame in islice(zip(stacks.parents, stacks.innermost, strict=True), 1, None):
        inside.append(inside[parent] | frames[frame])
    return inside


def described(filters: Filters) -> dict[str, object]:
    """Return the filters as an answer repeats them."""
    named: Iterable[tuple[str, object]] = (
        ("state", filters.states),
        ("reason", filters.reasons),
        ("package", filters.packages),
        ("label", filters.labels),
        ("group", filters.groups),
    )
    system = {False: "out", None: "in", True: "only"}[filters.system]
    return {name: value for name, value in named if value} | {"system": system}
