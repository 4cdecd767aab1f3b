"""Counters, gauges and histograms, and Prometheus' text format 0.0.4 of them.

Our own, because the agent counts as well and prometheus_client costs it 14 MB; ours is read by promtool and by
prometheus_client's parser in the tests. A family never holds more than MAX_SERIES series: what strangers can name
(namespaces, processes) must not fill our memory or Prometheus'; what comes after those is counted as "other".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import isfinite, isnan
from typing import TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 1000
"""Of one family."""
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets that suit what a person or a network waits for."""

Labels = tuple[str, ...]


class Family:
    """One metric with all its series, each known by the values of its labels."""

    kind = "untyped"

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self.name, self.help, self.labels = name, help, tuple(labels)

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """Yield (suffix of the name, labels, value)."""
        raise NotImplementedError

    def forget(self, *values: str) -> None:
        """Drop a series: what it counted is gone for good."""
        raise NotImplementedError


F = TypeVar("F", bound=Family)


class _Numbers(Family):
    def __init__(self, name: str, help: str, labels: Sequence[str] = (), max_series: int = MAX_SERIES) -> None:
        super().__init__(name, help, labels)
        self._max_series = max_series
        self._values: dict[Labels, float] = {} if labels else {(): 0.0}

    def inc(self, *values: str, by: float = 1.0) -> None:
        """Add to the series with these label values."""
        series = self._values
        key = values if values in series else self._admit(values)
        series[key] = series.get(key, 0.0) + by

    def value(self, *values: str) -> float:
        return self._values.get(values, 0.0)

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        for values, number in list(self._values.items()):
            yield "", dict(zip(self.labels, values, strict=True)), number

    def forget(self, *values: str) -> None:
        self._values.pop(values, None)

    def _admit(self, values: Labels) -> Labels:
        if len(values) != len(self.labels):
            raise TypeError(f"{self.name} has the labels {self.labels}")
        return values if len(self._values) < self._max_series else (OTHER,) * len(values)


class Counter(_Numbers):
    """What only grows. Its name ends in _total."""

    kind = "counter"


class Gauge(_Numbers):
    """What goes up and down."""

    kind = "gauge"

    def set(self, number: float, *values: str) -> None:
        self._values[values if values in self._values else self._admit(values)] = number


class Histogram(Family):
    """How often what was observed lay below each bound."""

    kind = "histogram"

    def __init__(self, name: str, help: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS) -> None:
        super().__init__(name, help, labels)
        self._bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, number: float, *values: str) -> None:
        counts = self._counts.get(values)
        if counts is None:
            values = values if len(self._counts) < MAX_SERIES else (OTHER,) * len(values)
            counts = self._counts.setdefault(values, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, number)] += 1
        self._sums[values] = self._sums.get(values, 0.0) + number

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        for values, counts in list(self._counts.items()):
            labels = dict(zip(self.labels, values, strict=True))
            for bound, below in zip((*map(_number, self._bounds), "+Inf"), accumulate(counts), strict=True):
                yield "_bucket", {**labels, "le": bound}, below
            yield "_sum", labels, self._sums[values]
            yield "_count", labels, sum(counts)

    def forget(self, *values: str) -> None:
        self._counts.pop(values, None)
        self._sums.pop(values, None)


class Registry:
    """All families of one program, and those that are made up when asked for."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}
        self._collectors: list[Callable[[], Iterable[Family]]] = []

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """Return the family of that name, made if need be."""
        return self._get(Counter(name, help, labels))

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        return self._get(Gauge(name, help, labels))

    def histogram(
        self, name: str, help: str, labels: Sequence[str] = (), bounds: Sequence[float] = SECONDS
    ) -> Histogram:
        return self._get(Histogram(name, help, labels, bounds))

    def collect(self, collector: Callable[[], Iterable[Family]]) -> None:
        """Ask for these whenever somebody reads: numbers that are kept elsewhere. Names must not clash."""
        self._collectors.append(collector)

    def text(self) -> str:
        """Return everything in Prometheus' text format."""
        made = (family for collector in self._collectors for family in collector())
        return "".join(line for family in (*self._families.values(), *made) for line in _lines(family))

    def _get(self, family: F) -> F:
        known = self._families.setdefault(family.name, family)
        if type(known) is not type(family) or known.labels != family.labels:
            raise TypeError(f"{family.name} is there already, as something else")
        return known


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help, quotes=False)}\n# TYPE {family.name} {family.kind}\n"
    for suffix, labels, number in family.samples():
        written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
        yield (
            f"{family.name}{suffix}{{{written}}} {_number(number)}\n"
            if written
            else (f"{family.name}{suffix} {_number(number)}\n")
        )


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(number: float) -> str:
    if not isfinite(number):
        return "NaN" if isnan(number) else "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) and abs(number) < 1 << 53 else repr(float(number))
