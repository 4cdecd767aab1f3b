"""Rows by where goroutines stand: the innermost function of the program's own, what it does there, who made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flarego.model.frame import UNKNOWN, Frame
from flarego.model.idle import is_idle
from flarego.model.names import is_standard
from flarego.model.profile import THREAD, Group, Profile, Row

_THREAD = Frame("runtime thread", "", 0)


@dataclass(frozen=True, slots=True)
class Place:
    """What goroutines that stand alike have in common."""

    state: str
    reason: str
    own: Frame
    """The innermost frame that is not the standard library's; the one in which they stand when all of it is."""
    exact: Frame
    """The innermost frame outside the runtime."""
    created_by: Frame | None
    entry: Frame | None
    system: bool
    idle: bool
    """Parked because there is nothing to do."""

    @property
    def lane(self) -> str:
        """The wait reason, or the state when there is none."""
        return self.reason if self.state == "waiting" and self.reason else self.state

    @property
    def key(self) -> tuple[str, str, str, str, bool]:
        """What tells places apart, in one span, another, or another process of the same program.

        Lines are left out: the innermost of a stack that is seen again and again need not stand still.
        """
        created = self.created_by.function if self.created_by else ""
        return self.state, self.reason, self.own.function, created, self.system


@dataclass(slots=True)
class Standing:
    """How many stood in a place, and for how long."""

    place: Place
    node: int
    """A stack of theirs: the one with the most wall time."""
    wall: float = 0.0
    """Goroutine-ns."""
    cpu: float = 0.0
    count: int = 0
    """Goroutines at the end of the span."""
    wait: float = 0.0
    """Longest wait of any of them, ns."""
    most: float = -1.0
    """Wall time of `node` alone."""

    def add(self, row: Row) -> None:
        self.wall += row.wall
        self.cpu += row.cpu
        self.count += row.count
        self.wait = max(self.wait, row.wait)
        if row.wall > self.most:
            self.most, self.node = row.wall, row.node


def standings(profile: Profile) -> Sequence[Standing]:
    """Return the rows of a profile by place, the most wall time first."""
    described: dict[tuple[int, int, str, str, int], Standing] = {}
    found: dict[tuple[str, str, str, str, bool], Standing] = {}
    for row in profile.rows:
        about = (row.node, row.group, row.state, row.reason, row.flags & THREAD)
        standing = described.get(about)
        if standing is None:
            place = place_of(profile, row)
            standing = described[about] = found.setdefault(place.key, Standing(place, row.node))
        standing.add(row)
    return sorted(found.values(), key=lambda standing: standing.wall, reverse=True)


def place_of(profile: Profile, row: Row) -> Place:
    """Return where the goroutines of a row stand."""
    group = profile.groups[row.group]
    return describe(profile.stack(row.node), row, group, profile.process.module)


def describe(stack: Sequence[Frame], row: Row, group: Group, module: str) -> Place:
    """Return where the goroutines of a row stand, given its stack, outermost first."""
    thread = bool(row.flags & THREAD)
    own, exact = whereabouts(stack, module) if stack else (_THREAD if thread else UNKNOWN,) * 2
    system = group.system or thread
    idle = not system and is_idle(stack, row.state, row.reason)
    return Place(row.state, row.reason, own, exact, group.created_by, group.entry, system, idle)


def whereabouts(stack: Sequence[Frame], module: str) -> tuple[Frame, Frame]:
    """Return the innermost frame that is the program's own, and the innermost outside the runtime."""
    outside = [frame for frame in reversed(stack) if not frame.internal]
    exact = outside[0] if outside else stack[0]
    own = next((frame for frame in outside if not is_standard(frame.function, module)), exact)
    return own, exact
