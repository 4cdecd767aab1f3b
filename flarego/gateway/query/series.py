"""Series in buckets of equal length: the least, the greatest and the mean of what was sampled in each."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flarego.gateway.query.fold import Check
from flarego.gateway.query.track import Track
from flarego.model.chunk import Chunk
from flarego.model.profile import expression_of

MAX_BUCKETS = 2000
MOST = 300
"""Buckets when nobody says how long they are to be."""
_ROUND: Sequence[int] = [n * int(10**e) for e in range(6, 14) for n in (1, 2, 5)]


@dataclass(frozen=True)
class Points:
    """The series of some chunks in a row: when each ended, and what it told."""

    ends: Sequence[int]
    values: Mapping[str, Sequence[float]]
    """May be shorter than `ends`; NaN where a chunk did not tell."""


def take_points(track: Track, first: int, last: int, wanted: re.Pattern[str] | None) -> Sequence[Points]:
    """Return the series of packets [first, last), copied."""
    found = []
    for run in track.runs:
        low, high = max(first - run.first, 0), min(last - run.first, len(run.ends))
        if low < high:
            values = {
                name: column[low:high]
                for name, column in run.series.items()
                if wanted is None or wanted.fullmatch(name)
            }
            found.append(Points(run.ends[low:high], values))
    return found


def read_points(chunks: Iterable[Chunk], wanted: re.Pattern[str] | None) -> Sequence[Points]:
    """Return the series of chunks."""
    return [
        Points(
            (chunk.end,),
            {name: (value,) for name, value in chunk.series.items() if wanted is None or wanted.fullmatch(name)},
        )
        for chunk in chunks
    ]


def names(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """Return what names of series have to match: one of the patterns, in which * stands for anything."""
    if not patterns:
        return None
    return re.compile("|".join(map(expression_of, patterns)), re.DOTALL)


def step_for(start: int, end: int, chunks: int) -> int:
    """Return a round length, ns, that makes at most MOST buckets of a span, none of them shorter than its chunks."""
    least = max(end - start, 1) / min(MOST, max(chunks, 1))
    return min((step for step in _ROUND if step >= least), default=_ROUND[-1])


class _Column:
    def __init__(self, n: int) -> None:
        self.least = array("d", [math.inf]) * n
        self.most = array("d", [-math.inf]) * n
        self.sum = array("d", [0.0]) * n
        self.count = array("I", [0]) * n

    def add(self, bucket: int, value: float) -> None:
        if not math.isfinite(value):
            return
        if value < self.least[bucket]:
            self.least[bucket] = value
        if value > self.most[bucket]:
            self.most[bucket] = value
        self.sum[bucket] += value
        self.count[bucket] += 1

    def told(self) -> Mapping[str, Sequence[float | None]]:
        has = self.count
        return {
            "min": [value if n else None for value, n in zip(self.least, has, strict=True)],
            "max": [value if n else None for value, n in zip(self.most, has, strict=True)],
            "avg": [
                min(max(value / n, least), most) if n and math.isfinite(value) else None
                for value, n, least, most in zip(self.sum, has, self.least, self.most, strict=True)
            ],
        }


def bucketed(points: Sequence[Points], start: int, end: int, step: int, check: Check) -> dict[str, Any]:
    """Return the buckets of [start, end): they begin at multiples of step, so that neighbours fit together.

    A chunk tells how things stood at its end, and belongs to the bucket in which its last nanosecond lies.
    """
    first = start // step
    n = max(-(-end // step) - first, 1)
    columns: dict[str, _Column] = {}
    for part in points:
        check()
        buckets = [min(max((at - 1) // step - first, 0), n - 1) for at in part.ends]
        for name, values in part.values.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = _Column(n)
            for bucket, value in zip(buckets, values, strict=False):
                column.add(bucket, value)
    return {
        "step": step,
        "times": [(first + i) * step for i in range(n)],
        "series": {name: columns[name].told() for name in sorted(columns)},
    }
