"""One process that others profile: what they send of it, as a stream of chunks.

Profiles of several kinds are taken over the same span and mostly sent one after the other: they wait for each other a
moment, and leave as one chunk. Time counts once: where somebody tells of all of it (a wall-clock profile, or all
goroutines), a CPU profile adds only what was on CPU, and block and mutex profiles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flarego.formats.assembly import Assembly, Budget, Labels
from flarego.formats.pushed import Pushed, new_assembly
from flarego.formats.source import BadFile
from flarego.gateway.interop.identity import Identity, labels_of
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo

LINGER_S = 1.0
"""How long profiles wait for others of the same span."""
SILENT_S = 60.0
"""A process of which nothing comes for so long is gone, or for four times the longest span it sent."""
_GENERATION_S = 30.0
_GENERATION_BYTES = 16 << 20
_KINDS_S = 120.0
"""How long a kind of profile is expected to come again."""
_MAX_IDS = 256
_MAX_AHEAD_NS = 60_000_000_000
"""By how much a sender's clock may be ahead of ours."""
_MAX_SPAN_NS = 3600_000_000_000
_S = 1_000_000_000


@dataclass
class Stream:
    """Makes chunks of profiles. `pend` and `claim` are quick; `fold` takes its time, and one call at a time."""

    who: Identity
    engine: str
    """How it comes: "pyroscope"."""
    epoch: int
    """Unix ns."""
    generation: int = 0
    sequence: int = 0
    """Of the last chunk."""
    end: int = 0
    """Of the last chunk, ns since the epoch."""
    linger_s: float = LINGER_S
    due: float = 0.0
    """When what pends is to be folded, Unix seconds; 0 when nothing does."""
    heard: float = 0.0
    """When something came last, Unix seconds."""
    gone: bool = False
    _pending: list[Pushed] = field(default_factory=list)
    _ids: dict[str, None] = field(default_factory=dict)
    _kinds: dict[str, float] = field(default_factory=dict)
    _book: Assembly | None = None
    _began: int = 0
    """Of the generation, ns since the epoch."""
    _told_reasons: tuple[str, ...] = ("",)
    _longest_s: float = 0.0

    def pend(self, pushed: Pushed, now: float) -> bool:
        """Take a profile; False when it was taken before."""
        if pushed.id:
            key = f"{pushed.kind} {pushed.id}"
            if key in self._ids:
                return False
            self._ids[key] = None
            if len(self._ids) > _MAX_IDS:
                del self._ids[next(iter(self._ids))]
        self._pending.append(pushed)
        self.due = self.due or now + self.linger_s
        self.heard = now
        self._longest_s = max(self._longest_s, min(pushed.end - pushed.start, _MAX_SPAN_NS) / _S)
        self._kinds[pushed.kind] = now
        return True

    def claim(self) -> Sequence[Pushed]:
        """Return what pends: it is the caller's to fold."""
        claimed, self._pending, self.due = self._pending, [], 0.0
        return claimed

    def is_silent(self, now: float) -> bool:
        return not self.gone and not self._pending and now - self.heard > max(SILENT_S, 4 * self._longest_s)

    def resume(self, sequence: int) -> None:
        """Go on after what another gateway has sent of the process: with definitions of our own."""
        self.sequence, self._book = sequence, None

    def fold(self, pushes: Sequence[Pushed], now: float) -> Sequence[Message]:
        """Return the chunk that profiles add up to, and who it is of when that changed. Raises BadFile."""
        start, end = self._span(pushes, int(now * _S))
        if self._book is None or start - self._began > _GENERATION_S * _S or self._book.size > _GENERATION_BYTES:
            self._begin_generation(start)
        chunk = self._chunk(pushes, start, end, now)
        self.end = end
        self.sequence += 1
        changed = self._book is not None and tuple(self._book.reasons) != self._told_reasons
        return [self.info(), chunk] if changed else [chunk]

    def _chunk(self, pushes: Sequence[Pushed], start: int, end: int, now: float) -> Chunk:
        try:
            book = self._joined(pushes, now)
        except BadFile:  # the generation is full
            self._begin_generation(start)
            try:
                book = self._joined(pushes, now)
            except BadFile:
                self._book = None  # it holds a part of what was refused
                raise
        series: dict[str, float] = {}
        for pushed in pushes:
            series.update(pushed.series)
        return book.take(self.who.process, generation=self.generation, sequence=self.sequence + 1, start=start,
                         end=end, series=series)  # fmt: skip

    def _joined(self, pushes: Sequence[Pushed], now: float) -> Assembly:
        assert self._book is not None
        kinds = {kind for kind, at in self._kinds.items() if now - at < _KINDS_S}
        whole = next((kind for kind in ("wall", "tasks") if kind in kinds), None)
        for pushed in pushes:
            time = whole in (None, pushed.kind)
            if time or pushed.kind != "delay":
                self._book.join(pushed.assembly, labels=self._labels(pushed), time=time)
        return self._book

    def _labels(self, pushed: Pushed) -> Labels:
        """Return what a profile is labelled with that its process is not."""
        own = self.who.labels
        return tuple((key, value) for key, value in labels_of(pushed.attributes).items() if own.get(key) != value)

    def _begin_generation(self, start: int) -> None:
        reasons = tuple(self._book.reasons) if self._book is not None else self._told_reasons
        self._book, self._began = new_assembly(Budget(2 * _GENERATION_BYTES), reasons), start
        # Numbers go by the clock, so that they rise also when gateways take turns.
        self.generation = max(self.generation + 1, start // _S)

    def _span(self, pushes: Sequence[Pushed], now: int) -> tuple[int, int]:
        """Return from when to when these profiles are, ns since the epoch: never before the chunk that was last.

        A profile that comes late is told of late, but it is.
        """
        known = [(p.start, p.end) for p in pushes if 0 < p.start < p.end <= now + _MAX_AHEAD_NS]
        start = min((start for start, _ in known), default=now - _S) - self.epoch
        end = max((end for _, end in known), default=now) - self.epoch
        start = max(start, self.end, end - _MAX_SPAN_NS, 0)
        return start, end if end > start else max(now - self.epoch, start + 1)

    def info(self) -> ProcessInfo:
        """Return who it is."""
        who = self.who
        if self._book is not None:
            self._told_reasons = tuple(self._book.reasons)
        return ProcessInfo(
            process=who.process,
            pid=who.pid,
            name=who.name,
            command=who.command,
            host=who.host,
            runtime=who.runtime,
            runtime_version=who.runtime_version,
            module="",
            build_id="",
            task=who.task,
            reasons=self._told_reasons,
            engine=self.engine,
            engine_why="",
            epoch=self.epoch,
            budget=0.0,
            labels=who.labels,
        )

    def depart(self, why: str) -> Gone:
        """Return the message that it is gone, until something comes again."""
        self.gone, self._book = True, None
        return Gone(self.who.process, self.end, f"{self.who.name} {why}")
