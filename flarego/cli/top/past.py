"""How it was before: histories for sparklines, counts of a minute ago, sums over the last seconds."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from flarego.formats.category import category_of
from flarego.model.chunk import Chunk
from flarego.model.places import PlaceKey, Standing

HISTORY = 120
"""Values of a sparkline, one a second."""
CHANGE_NS = 60_000_000_000
"""Over which changes are told, once it has been watched that long."""
_SNAPSHOT_NS = 5_000_000_000
_SECOND_NS = 1_000_000_000
_WINDOW_NS = 5_000_000_000
_CHUNKS = 25
"""Chunks over which rates are taken: five seconds."""
CUMULATIVE = ("gc.cycles", "gc.pause_total", "heap.total_alloc", "goroutines.created", "mutex.wait")


class Window:
    """Wall and CPU time by place over this span of five seconds and the one before."""

    def __init__(self) -> None:
        self._now: dict[PlaceKey, list[float]] = {}
        self._before: dict[PlaceKey, list[float]] = {}
        self._spans = [0, 0]

    def add(self, chunk: Chunk, standings: Iterable[Standing]) -> bool:
        """Add what a chunk says. True when a new span begins with it."""
        turns = self._spans[0] >= _WINDOW_NS
        if turns:
            self._now, self._before, self._spans = {}, self._now, [0, self._spans[0]]
        self._spans[0] += chunk.end - chunk.start
        for standing in standings:
            sums = self._now.get(standing.place.key)
            if sums is None:
                sums = self._now[standing.place.key] = [0.0, 0.0]
            sums[0] += standing.wall
            sums[1] += standing.cpu
        return turns

    def rates(self, key: PlaceKey) -> tuple[float, float]:
        """Return the mean number of goroutines, and of busy cores."""
        span = max(sum(self._spans), 1)
        sums = [side[key] for side in (self._now, self._before) if key in side]
        return sum(wall for wall, _ in sums) / span, sum(cpu for _, cpu in sums) / span


class Past:
    """What is remembered of the chunks before."""

    def __init__(self) -> None:
        self._first = self._second = -1
        self._at = 0
        self._snapshots: deque[tuple[int, Mapping[PlaceKey, int]]] = deque(maxlen=CHANGE_NS // _SNAPSHOT_NS + 1)
        self._history: deque[Mapping[str, float]] = deque(maxlen=HISTORY)
        self._standings: Sequence[Standing] = ()
        self._totals: deque[tuple[int, Mapping[str, float]]] = deque(maxlen=_CHUNKS)
        self._costs: deque[tuple[float, int]] = deque(maxlen=_CHUNKS)
        self._pauses: deque[float] = deque(maxlen=8)
        self.series: Mapping[str, float] = {}
        self.sampler: Mapping[str, object] = {}

    def note(self, chunk: Chunk, standings: Sequence[Standing]) -> None:
        if self._first < 0:
            self._first = chunk.start
        self._at = chunk.end
        self.series, self.sampler = {**self.series, **chunk.series}, chunk.sampler or self.sampler
        self._standings = standings
        if chunk.end // _SECOND_NS != self._second:
            self._second = chunk.end // _SECOND_NS
            counts = self.counts()
            self._history.append({**counts, "total": counts.total()})
        if not self._snapshots or chunk.end - self._snapshots[-1][0] >= _SNAPSHOT_NS:
            self._snapshots.append((chunk.end, {s.place.key: s.count for s in standings if s.count}))
        self._totals.append((chunk.end, chunk.series))
        cost = chunk.sampler.get("cpu")
        self._costs.append((cost if isinstance(cost, int | float) else 0.0, chunk.end - chunk.start))
        self._pauses.extend(
            event["pause"] for event in chunk.events
            if event.get("kind") == "gc" and isinstance(event.get("pause"), int | float)
        )  # fmt: skip

    def counts(self) -> Counter[str]:
        """Return how many goroutines there are by category, without the runtime's own."""
        counts: Counter[str] = Counter()
        for standing in self._standings:
            if not standing.place.system:
                counts[category_of(standing.place.state, standing.place.reason)] += standing.count
        return counts

    def history(self) -> Mapping[str, Sequence[float]]:
        """Return by category, and of all of them as `total`, one value a second, the newest last."""
        names = {name for moment in self._history for name in moment}
        return {name: [moment.get(name, 0) for moment in self._history] for name in names}

    def count_before(self, key: PlaceKey) -> int:
        return self._snapshots[0][1].get(key, 0) if self._snapshots else 0

    def change(self) -> int:
        """Return how many more goroutines there are than a minute ago, or than at first."""
        if not self._history:
            return 0
        newest = list(self._history)[-CHANGE_NS // _SECOND_NS :]
        return int(self.counts().total() - newest[0]["total"])

    def watched(self) -> int:
        """Return over how many ns changes are told."""
        return min(self._at - self._first, CHANGE_NS)

    def rates(self) -> Mapping[str, float]:
        """Return the growth of cumulative series, a second."""
        if len(self._totals) < 2:
            return {}
        (begin, first), (end, last) = self._totals[0], self._totals[-1]
        seconds = max(end - begin, 1) / _SECOND_NS
        return {name: (last[name] - first[name]) / seconds for name in CUMULATIVE if name in first and name in last}

    def cost(self) -> float:
        """Return what sampling costs, as a fraction of one core."""
        span = sum(span for _, span in self._costs)
        return sum(cost * span for cost, span in self._costs) / span if span else 0.0

    def pause(self) -> float:
        """Return the longest pause of the newest garbage collections, ns."""
        return max(self._pauses, default=0.0)
