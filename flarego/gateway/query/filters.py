"""Which rows a question is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

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
            inside = _of(frozenset(self.packages))
            rows = [row for row in kept.rows if any(inside(frame.function) for frame in kept.stack(row.node))]
            kept = replace(kept, rows=rows)
        return kept


def _of(packages: frozenset[str]) -> Callable[[str], bool]:
    """Return what tells whether a function is of the packages; one without a package is its own, as on the page."""
    return cache(lambda function: (package_of(function) or function) in packages)


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
