"""Exporters: programs' own code that gets what a gateway keeps, window by window, and brings it somewhere else.

An exporter is called in a thread of its own, one window after the other, and may take its time: nothing waits for it.
What it cannot deliver now is offered to it again; when it falls behind for too long, the oldest windows are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from flarego.errors import FlareError
from flarego.formats.recording import Recording, Weight
from flarego.model.chunk import Chunk, Message, ProcessInfo
from flarego.model.merge import within
from flarego.model.profile import Profile
from flarego.wire.codec import decode


class ExportFailed(FlareError):
    """A window could not be delivered."""

    def __init__(self, message: str, *, again: bool = True, retry_after_s: float = 0.0) -> None:
        """again: whether it makes sense to try once more, after so many seconds at the earliest."""
        super().__init__(message)
        self.again = again
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, eq=False)
class Window:
    """A span of one process: what to export. Read it in any thread; nothing of it changes."""

    process: ProcessInfo
    """Who it is; `namespace` and `labels` are in there."""
    start: int
    """ns since the process's epoch, which is Unix ns."""
    end: int
    _data: Sequence[bytes] = field(default=(), repr=False)
    """Its chunks, from where their generation begins."""
    _fold: Callable[[], Profile] | None = field(default=None, repr=False)
    """A quicker way to the profile than to add up the chunks."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield its chunks; definitions of a generation come before they are used."""
        decoded = (chunk for data in self._data if isinstance(chunk := decode(data), Chunk))
        return within(decoded, self.start, self.end)

    def messages(self, process: str, start: int | None, end: int | None) -> Iterator[Message]:
        """Yield what a recording of the window is made of."""
        yield from self.chunks()

    @cached_property
    def profile(self) -> Profile:
        """The sum of its chunks: rows by stack, state and group. Raises BadRows."""
        if self._fold is not None:
            return self._fold()
        return _Folded(self, self.process, self.start, self.end).profile()

    def recording(self, weight: Weight = "wall") -> Recording:
        """Return what the writers of formats take, see `flarego.formats.registry.exporter`."""
        return _Folded(self, self.process, self.start, self.end, weight=weight, folded=self._fold)


@dataclass(frozen=True)
class _Folded(Recording):
    """A recording whose profile somebody may know already."""

    folded: Callable[[], Profile] | None = None

    @cached_property
    def _kept(self) -> Profile | None:
        return self.keep(self.folded()) if self.folded else None

    def profile(self) -> Profile:
        return self._kept or super().profile()


@runtime_checkable
class Exporter(Protocol):
    """What brings windows somewhere else."""

    def export(self, window: Window) -> None:
        """Deliver a window. Raises ExportFailed; anything else is a failure that is not tried again."""
        ...

    def close(self) -> None:
        """Let go of what is held; nothing is exported any more."""
        ...
