"""Leak suspects: goroutines made in one place that only become more.

Crying wolf costs more than being late. A group is suspected when it grew in each of WINDOWS equal spans up to now, of
time in which it never became fewer and lost no member that we knew; its members wait; and that was long enough
(LEAST_NS) and enough of them (LEAST_GROWTH) to be no coincidence. A pool that fills up stops growing, and is forgiven;
a burst that ends is forgiven when its first member leaves.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flarego.model.chunk import Chunk
from flarego.model.frame import Frame
from flarego.model.places import Place, place_of
from flarego.model.profile import THREAD, Group, Profile, Row

WINDOWS = 5
LEAST_NS = 30_000_000_000
LEAST_GROWTH = 5
_MOST_WAIT = 0.9
"""Share of a group that waits. Goroutines that run are work, not leaks."""
_MAX_POINTS = 128

Origin = tuple[str, str]
"""Where goroutines come from: the function that created them, and the one they began with."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A group that only grows, with the evidence."""

    origin: Origin
    place: Place
    """Where most of its members stand."""
    node: int
    start: int
    """Since when it has only grown, ns since epoch."""
    end: int
    counts: Sequence[int]
    """WINDOWS + 1 counts: at `start`, and at the end of each of WINDOWS equal spans."""
    wait: float
    """Longest wait of any member, ns."""

    @property
    def growth(self) -> int:
        return self.counts[-1] - self.counts[0]

    @property
    def per_minute(self) -> float:
        return self.growth * 60e9 / max(self.end - self.start, 1)


@dataclass(slots=True)
class _Group:
    times: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    waiting: int = 0
    wait: float = 0.0
    top: Row | None = None
    most: int = 0

    def forget(self) -> None:
        del self.times[:-1], self.counts[:-1]

    def note(self, at: int, count: int) -> None:
        if self.counts and count < self.counts[-1]:
            self.forget()
        self.times.append(at)
        self.counts.append(count)
        if len(self.times) > _MAX_POINTS:
            del self.times[1::2], self.counts[1::2]

    def evidence(self) -> tuple[int, Sequence[int]] | None:
        """Return since when and how it grew that makes it suspect: of the whole time, or its last half, or quarter …

        None when it is not.
        """
        begin = 0
        while len(self.times) - begin > WINDOWS and self.times[-1] - self.times[begin] >= LEAST_NS:
            counts = [self._count_at(begin, window) for window in range(WINDOWS + 1)]
            if all(before < after for before, after in pairwise(counts)):
                enough = counts[-1] - counts[0] >= LEAST_GROWTH and self.waiting >= _MOST_WAIT * counts[-1]
                return (self.times[begin], counts) if enough else None
            begin += max((len(self.times) - begin) // 2, 1)
        return None

    def _count_at(self, begin: int, window: int) -> int:
        first, last = self.times[begin], self.times[-1]
        return self.counts[bisect_right(self.times, first + (last - first) * window // WINDOWS) - 1]


class Growth:
    """Follows how many goroutines of each origin there are; told from time to time, at about equal intervals."""

    def __init__(self) -> None:
        self._groups: dict[Origin, _Group] = {}
        self._profile: Profile | None = None

    def note(self, profile: Profile, lost: Collection[Origin] = ()) -> None:
        """Tell how many goroutines there were at a profile's end, and which origins have lost some since the last time.

        Not all that was lost need be known: a count that falls tells too.
        """
        totals = _by_origin(profile)
        self._profile = profile
        for origin in self._groups.keys() - totals.keys():
            del self._groups[origin]
        for origin, (count, now) in totals.items():
            group = self._groups.setdefault(origin, _Group())
            if origin in lost:
                group.forget()
            group.waiting, group.wait, group.top = now.waiting, now.wait, now.top
            group.note(profile.end, count)

    def suspects(self) -> Sequence[Suspect]:
        """Return the groups that only grow, the fastest first."""
        found = []
        for origin, group in self._groups.items():
            if (evidence := group.evidence()) and group.top and self._profile:
                start, counts = evidence
                place = place_of(self._profile, group.top)
                found.append(Suspect(origin, place, group.top.node, start, group.times[-1], counts, group.wait))
        return sorted(found, key=lambda suspect: suspect.per_minute, reverse=True)


class Departures:
    """Learns from the lists of members which origins lose goroutines."""

    def __init__(self) -> None:
        self._generation = -1
        self._origins: dict[int, Origin] = {}

    def note(self, chunk: Chunk, groups: Sequence[Group]) -> set[Origin]:
        """Return the origins of the goroutines that a chunk says are gone. groups: all its generation has defined."""
        members = chunk.members
        if not members:
            return set()
        lost = {self._origins.pop(goid) for goid in array("Q", members["left"]) if goid in self._origins}
        if chunk.generation != self._generation:  # its first list names everybody who is followed
            self._generation, self._origins = chunk.generation, {}
        for goid, number in zip(array("Q", members["goid"]), array("I", members["group"]), strict=True):
            if number < len(groups):
                group = groups[number]
                self._origins[goid] = _origin(group.created_by, group.entry)
        return lost


def _origin(created_by: Frame | None, entry: Frame | None) -> Origin:
    return created_by.function if created_by else "", entry.function if entry else ""


def _by_origin(profile: Profile) -> Mapping[Origin, tuple[int, _Group]]:
    totals: dict[Origin, tuple[int, _Group]] = {}
    origins = [None if group.system else _origin(group.created_by, group.entry) for group in profile.groups]
    for row in profile.rows:
        origin = origins[row.group]
        if origin is None or not row.count or row.flags & THREAD:
            continue
        count, group = totals.get(origin) or (0, _Group())
        if row.state == "waiting":
            group.waiting += row.count
        group.wait = max(group.wait, row.wait)
        if row.count > group.most:
            group.top, group.most = row, row.count
        totals[origin] = count + row.count, group
    return totals
