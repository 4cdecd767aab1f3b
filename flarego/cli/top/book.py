"""What top knows: who stands where now, how that changed, and where time went in the last seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flarego.cli.top.flame import Flames, Tree
from flarego.cli.top.past import Past, Window
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo
from flarego.model.frame import Frame
from flarego.model.leaks import Departures, Growth, Origin, Suspect
from flarego.model.places import Place, Placer, Standing, standings
from flarego.model.profile import Profile, Reader, Stacks

_GROWTH_NS = 2_000_000_000


@dataclass(slots=True)
class Entry:
    """Goroutines that stand alike."""

    place: Place
    stacks: Stacks
    node: int
    """Where most of them stand, in `stacks`."""
    count: int
    change: int
    """In the last past.CHANGE_NS, or since we began to watch."""
    wait: float
    """Longest, ns since we first saw it there."""
    mean: float
    """Number of goroutines over the window."""
    cpu: float
    """Cores."""

    @property
    def stack(self) -> Sequence[Frame]:
        """Frames, outermost first."""
        return self.stacks.frames(self.node)


@dataclass(frozen=True)
class Wait:
    """Something that goroutines wait on."""

    kind: str
    address: str
    count: int
    longest: float
    reason: str
    stack: Sequence[Frame]
    about: Mapping[str, object]


@dataclass
class Picture:
    """Everything there is to show at one moment; it does not change when the book does."""

    info: ProcessInfo
    at: int
    """ns since epoch."""
    entries: Sequence[Entry]
    counts: Mapping[str, int]
    """Goroutines by category, without the runtime's own."""
    history: Mapping[str, Sequence[float]]
    """One value a second, the newest last: counts by category, and `total`."""
    series: Mapping[str, float]
    rates: Mapping[str, float]
    """Of cumulative series, a second."""
    pause: float
    """The longest of the newest garbage collections', ns."""
    sampler: Mapping[str, object]
    cost: float
    """Of sampling, as a fraction of one core."""
    change: int
    """Of the number of goroutines, in the last past.CHANGE_NS."""
    watched: int
    """ns over which changes are told."""
    suspects: Sequence[Suspect]
    waits: Sequence[Wait]
    tree: Tree
    gone: str = ""


class Book:
    """Hears every message of one process, and paints a picture of it when asked."""

    def __init__(self) -> None:
        self.info: ProcessInfo | None = None
        self.gone = ""
        self.at = 0
        self.spent = 0.0
        """Seconds of CPU that hearing cost."""
        self._reader: Reader | None = None
        self._placer = Placer()
        self._flames = Flames()
        self._standings: Sequence[Standing] = ()
        self._stacks = Stacks()
        self._waits: Sequence[Wait] = ()
        self._past = Past()
        self._window = Window()
        self._growth, self._departures, self._lost = Growth(), Departures(), set[Origin]()
        self._grown = 0

    def hear(self, message: Message) -> None:
        """Note what a message says. Raises BadRows."""
        begin = time.thread_time()
        match message:
            case ProcessInfo():
                if self.info is None or (self.info.states, self.info.reasons) != (message.states, message.reasons):
                    self._reader = Reader(message)
                self.info = message
            case Chunk() if self._reader is not None:
                self._add(self._reader.read(message), message)
            case Gone():
                self.gone = message.why
        self.spent += time.thread_time() - begin

    def _add(self, profile: Profile, chunk: Chunk) -> None:
        self.at = chunk.end
        places = self._placer.places(profile)
        self._standings = standings(profile, places)
        self._flames.add(profile, places, self._window.add(chunk, self._standings))
        self._lost |= self._departures.note(chunk, profile.groups)
        self._stacks = profile.stacks
        if chunk.waits:
            self._waits = [_wait(wait, profile) for wait in chunk.waits]
        self._past.note(chunk, self._standings)
        if chunk.end - self._grown >= _GROWTH_NS:
            self._grown = chunk.end
            self._growth.note(profile, self._lost)
            self._lost.clear()

    def picture(self) -> Picture | None:
        """Return what there is to show now; None before there is anything."""
        if self.info is None or not self.at:
            return None
        entries = [
            Entry(
                standing.place,
                self._stacks,
                standing.node,
                standing.count,
                standing.count - self._past.count_before(standing.place.key),
                standing.wait if standing.count else 0.0,
                *self._window.rates(standing.place.key),
            )
            for standing in self._standings
        ]
        suspects = self._growth.suspects()
        past = self._past
        return Picture(
            self.info, self.at, entries, past.counts(), past.history(), past.series, past.rates(),
            past.pause(), past.sampler, past.cost(), past.change(), past.watched(), suspects, self._waits,
            self._flames.tree(), self.gone,
        )  # fmt: skip


def _wait(wait: Mapping[str, object], profile: Profile) -> Wait:
    node, count, longest, about, reason = (wait.get(key) for key in ("node", "count", "longest", "object", "reason"))
    reasons = profile.process.reasons
    known = isinstance(node, int) and 0 <= node < len(profile.stacks)
    return Wait(
        str(wait.get("kind", "")),
        str(wait.get("address", "")),
        count if isinstance(count, int) else 0,
        longest if isinstance(longest, int | float) else 0.0,
        reasons[reason] if isinstance(reason, int) and 0 <= reason < len(reasons) else "",
        profile.stack(node) if known and isinstance(node, int) else (),
        about if isinstance(about, dict) else {},
    )
