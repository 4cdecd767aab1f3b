"""Rows by where goroutines stand: the innermost function of the program's own, what it does there, who made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flarego.model.frame import UNKNOWN, Frame
from flarego.model.idle import is_idle
from flarego.model.names import is_standard
from flarego.model.profile import THREAD, Group, Profile, Row, Stacks

_THREAD = Frame("runtime thread", "", 0)


PlaceKey = tuple[str, str, str, str, bool]
"""State, reason, function, who created them, whether they are the runtime's own."""


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
    key: PlaceKey
    """What tells places apart, in one span, another, or another process of the same program.

    Lines are left out: the innermost of a stack that is seen again and again need not stand still.
    """

    @property
    def lane(self) -> str:
        """The wait reason, or the state when there is none."""
        return self.reason if self.state == "waiting" and self.reason else self.state


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


class Placer:
    """Finds the places of rows; looks at what a generation has defined once only."""

    def __init__(self) -> None:
        self._stacks: Stacks | None = None
        self._known: dict[tuple[int, int, str, str, int], Place] = {}

    def places(self, profile: Profile) -> Sequence[Place]:
        """Return where the goroutines of each row stand."""
        if profile.stacks is not self._stacks:
            self._stacks, self._known = profile.stacks, {}
        places = []
        for row in profile.rows:
            key = (row.node, row.group, row.state, row.reason, row.flags & THREAD)
            place = self._known.get(key)
            if place is None:
                place = self._known[key] = place_of(profile, row)
            places.append(place)
        return places


def standings(profile: Profile, places: Sequence[Place] | None = None) -> Sequence[Standing]:
    """Return the rows of a profile by place, the most wall time first. places: those of its rows, if they are known."""
    found: dict[PlaceKey, Standing] = {}
    for row, place in zip(profile.rows, places or Placer().places(profile), strict=True):
        standing = found.get(place.key)
        if standing is None:
            standing = found[place.key] = Standing(place, row.node)
        standing.add(row)
    return sorted(found.values(), key=lambda standing: standing.wall, reverse=True)


def place_of(profile: Profile, row: Row) -> Place:
    """Return where the goroutines of a row stand."""
    return describe(profile.stack(row.node), row, profile.groups[row.group], profile.process.module)


def describe(stack: Sequence[Frame], row: Row, group: Group, module: str) -> Place:
    """Return where the goroutines of a row stand, given its stack, outermost first."""
    thread = bool(row.flags & THREAD)
    own, exact = whereabouts(stack, module) if stack else (_THREAD if thread else UNKNOWN,) * 2
    system = group.system or thread
    idle = not system and is_idle(stack, row.state, row.reason)
    created = group.created_by.function if group.created_by else ""
    key = (row.state, row.reason, own.function, created, system)
    return Place(row.state, row.reason, own, exact, group.created_by, group.entry, system, idle, key)


def whereabouts(stack: Sequence[Frame], module: str) -> tuple[Frame, Frame]:
    """Return the innermost frame that is the program's own, and the innermost outside the runtime."""
    exact = None
    for frame in reversed(stack):
        if frame.internal:
            continue
        if exact is None:
            exact = frame
        if not is_standard(frame.function, module):
            return frame, exact
    exact = exact or stack[0]
    return exact, exact
