"""Goroutines at the end of a span in the groups of the page's table: by stack, who made them, state, label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flarego.gateway.query.fold import Check
from flarego.model.places import Place, Placer
from flarego.model.profile import Profile, Row
from flarego.model.words import frame_json, place_json

BY = ("stack", "created", "state", "label")
_OFTEN = 1024
Key = tuple[object, ...]


@dataclass(slots=True)
class _Group:
    place: Place
    """Of the stack with most goroutines."""
    labels: Mapping[str, str]
    count: int = 0
    before: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    wait: float = 0.0
    node: int = 0
    most: tuple[int, float] = (-1, 0.0)
    lanes: dict[str, int] = field(default_factory=dict)

    def add(self, row: Row, place: Place) -> None:
        self.count += row.count
        self.wall += row.wall
        self.cpu += row.cpu
        if row.count:
            self.wait = max(self.wait, row.wait)
            self.lanes[place.lane] = self.lanes.get(place.lane, 0) + row.count
        if (row.count, row.wall) > self.most:
            self.most, self.place, self.node = (row.count, row.wall), place, row.node


@dataclass(frozen=True)
class Found:
    """The groups, those with most goroutines first."""

    goroutines: int
    groups: int
    told: Sequence[Mapping[str, Any]]
    """As many of them as were asked for."""


def group(profile: Profile, before: Profile, by: str, limit: int, check: Check) -> Found:
    """Return the goroutines of a profile in groups.

    before: who was there where the span begins; what changed is counted from it.
    """
    groups: dict[Key, _Group] = {}
    placer = Placer()
    check()
    for row, place in zip(profile.rows, placer.places(profile), strict=True):
        labels = profile.groups[row.group].labels
        key = _KEYS[by](place, labels)
        found = groups.get(key)
        if found is None:
            found = groups[key] = _Group(place, labels)
        found.add(row, place)
    check()
    for row, place in zip(before.rows, placer.places(before), strict=True):
        found = groups.get(_KEYS[by](place, before.groups[row.group].labels))
        if found is not None:
            found.before += row.count
    ordered = sorted(groups.values(), key=lambda one: (-one.count, -one.wall))
    check()
    return Found(sum(one.count for one in ordered), len(ordered), [_told(one, profile, by) for one in ordered[:limit]])


_KEYS: Mapping[str, Callable[[Place, Mapping[str, str]], Key]] = {
    "stack": lambda place, labels: place.key,
    "created": lambda place, labels: (
        place.created_by and (place.created_by.function, place.created_by.file, place.created_by.line),
        place.entry and place.entry.function,
    ),
    "state": lambda place, labels: (place.lane,),
    "label": lambda place, labels: tuple(sorted(labels.items())),
}


def _told(one: _Group, profile: Profile, by: str) -> Mapping[str, Any]:
    told: dict[str, Any] = {
        "count": one.count,
        "change": one.count - one.before,
        "mean": one.wall / profile.span,
        "cpu": one.cpu / profile.span,
        "longest_wait": one.wait,
        "states": one.lanes,
    }
    match by:
        case "state":
            told["state"] = one.place.lane
        case "label":
            told["labels"] = dict(one.labels)
        case "created":
            told["created_by"] = frame_json(one.place.created_by) if one.place.created_by else None
            told["entry"] = one.place.entry.function if one.place.entry else None
        case _:
            told |= {**place_json(one.place), "idle": one.place.idle, "system": one.place.system}
            told["frames"] = [frame_json(frame) for frame in reversed(profile.stack(one.node))]
    return told
