"""What is exported: one process of a clip, a span of it, and the rows that pass the filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, Protocol

from flarego.model.chunk import Chunk, Message, ProcessInfo
from flarego.model.profile import BadRows, Profile, Row

_MAX_WEIGHT = float(1 << 63)
Weight = Literal["wall", "cpu", "count"]
StateFrame = Literal["first", "last", "none"]


class Messages(Protocol):
    """Where a recording's messages are: a clip, or what a gateway keeps."""

    def messages(self, process: str, start: int | None, end: int | None) -> Iterator[Message]:
        """Yield what touches [start, end) of a process; definitions of a generation come before they are used."""
        ...


@dataclass(frozen=True)
class Recording:
    """What an exporter is given; it reads the clip as often as it asks."""

    clip: Messages
    process: ProcessInfo
    start: int
    """ns since the process's epoch, as everywhere."""
    end: int
    states: Sequence[str] = ()
    reasons: Sequence[str] = ()
    groups: Sequence[str] = ()
    """Patterns over the functions that created goroutines, those they began with, and labels."""
    weight: Weight = "wall"
    """What formats with only one weight show."""
    state_frame: StateFrame = "first"
    """Where formats that have no states of their own show them in the stack."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of the span, all their rows; definitions of a generation come before they are used."""
        for message in self.clip.messages(self.process.process, self.start, self.end):
            if isinstance(message, Chunk):
                yield message

    def profile(self) -> Profile:
        """Return the rows of the whole span that pass the filters. Raises BadRows, ClipError."""
        return self._profile

    @cached_property
    def _profile(self) -> Profile:
        chunks = self.chunks()
        first = next(chunks, None)
        if first is None:
            return Profile.read(self.process, Chunk(self.process.process, 0, 0, self.start, self.end))
        return self.keep(Profile.fold(self.process, chain([first], chunks)))

    def keep(self, profile: Profile) -> Profile:
        """Return the rows of a profile that pass the filters. Raises BadRows."""
        if not all(0 <= weight < _MAX_WEIGHT for row in profile.rows for weight in (row.wall, row.cpu, row.wait)):
            raise BadRows("a row with a time that is no number, or more than there is")
        return profile.only(states=self.states, reasons=self.reasons, groups=self.groups)

    def weigh(self, row: Row) -> float:
        """Return the chosen weight of a row: ns, or goroutines."""
        match self.weight:
            case "wall":
                return row.wall
            case "cpu":
                return row.cpu
            case "count":
                return row.count
