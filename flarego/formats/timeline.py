"""A recording span by span, for formats with a time axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flarego.formats.recording import Recording
from flarego.model.chunk import Chunk
from flarego.model.merge import join_definitions
from flarego.model.names import short
from flarego.model.profile import Group, Profile, Reader, Row


@dataclass(frozen=True, slots=True)
class Span:
    """One chunk, or a few neighbours of one generation."""

    profile: Profile
    """Its rows that pass the filters; what they refer to is of its generation."""
    series: Mapping[str, float]
    """At its end."""
    events: Sequence[Mapping[str, Any]]

    @property
    def start(self) -> int:
        return self.profile.start

    @property
    def end(self) -> int:
        return self.profile.end


def spans(recording: Recording, limit: int) -> Iterator[Span]:
    """Yield the recording in spans of equal length, about `limit` of them at most, a chunk at least. Raises BadRows."""
    length = (recording.end - recording.start) / limit
    reader = Reader(recording.process)
    for chunks in _batches(recording.chunks(), length):
        joined = replace(join_definitions(chunks), start=chunks[0].start, rows=_rows(chunks))
        events = [event for chunk in chunks for event in chunk.events]
        yield Span(recording.keep(reader.read(joined)), chunks[-1].series, events)


def _batches(chunks: Iterable[Chunk], length: float) -> Iterator[Sequence[Chunk]]:
    """Yield neighbouring chunks of one generation, each time as many as are `length` ns long."""
    batch: list[Chunk] = []
    for chunk in chunks:
        if batch and (chunk.generation != batch[0].generation or batch[-1].end - batch[0].start >= length):
            yield batch
            batch = []
        batch.append(chunk)
    if batch:
        yield batch


def _rows(chunks: Sequence[Chunk]) -> Mapping[str, bytes]:
    """Return the rows of all chunks, one below the other."""
    tables = [chunk.rows for chunk in chunks if chunk.rows]
    return {name: b"".join(table[name] for table in tables) for name in tables[0]} if tables else {}


class Busiest:
    """The groups that weigh most, by number; all others together are one more."""

    def __init__(self, recording: Recording, limit: int) -> None:
        """limit: how many there may be, the one of the others included."""
        profile, weights = recording.profile(), dict[int, float]()
        for row in profile.rows:
            weights[row.group] = weights.get(row.group, 0.0) + recording.weigh(row)
        chosen = sorted(weights, key=lambda group: -weights[group])
        if len(chosen) > limit:
            chosen = chosen[: limit - 1]
        self._numbers = {_identity(profile.groups[group]): i for i, group in enumerate(chosen)}
        self.names = [group_name(profile.groups[group]) for group in chosen]
        if len(weights) > len(chosen) or not chosen:
            self.names.append(f"{len(weights) - len(chosen)} more groups")

    def split(self, profile: Profile) -> dict[int, list[Row]]:
        """Return rows by the number of their group, which counts `names`."""
        numbers = [self._numbers.get(_identity(group), len(self._numbers)) for group in profile.groups]
        split: dict[int, list[Row]] = {}
        for row in profile.rows:
            split.setdefault(numbers[row.group], []).append(row)
        return split


def _identity(group: Group) -> Any:
    return group.created_by, group.entry, tuple(sorted(group.labels.items())), group.system


def group_name(group: Group) -> str:
    """Return what to call a group: `main.serve, created by main.main {endpoint=/orders}`."""
    entry, created_by = (short(frame.function) if frame else "" for frame in (group.entry, group.created_by))
    name = ", ".join(part for part in (entry, created_by and f"created by {created_by}") if part) or "goroutines"
    labels = ", ".join(f"{key}={value}" for key, value in sorted(group.labels.items()))
    return f"{name} {{{labels}}}" if labels else name


def finite(value: Any) -> float:
    """Return a number of an event, which anybody may have written; 0 when it is none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
