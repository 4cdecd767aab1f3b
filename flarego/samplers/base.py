"""The Sampler protocol: what every way of watching a process offers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from flarego.model.chunk import Chunk, ProcessInfo


@dataclass(frozen=True)
class Origin:
    """From where a sampler counts: anew, or where another that watched the same process has ended."""

    epoch: int
    """Unix ns of time 0."""
    monotonic: int
    """CLOCK_MONOTONIC ns of it."""
    generation: int = 0
    """Used last, as is `sequence`."""
    sequence: int = 0

    @classmethod
    def now(cls) -> Origin:
        return cls(time.time_ns(), time.monotonic_ns())


class Sampler(Protocol):
    """Watches one process. Not safe to share between threads."""

    @property
    def info(self) -> ProcessInfo:
        """Who is watched, and by what means. Changes when the engine does."""
        ...

    def start(self) -> None: ...

    def drain(self) -> Chunk:
        """Return what was seen since the drain before. Raises ProcessGone when the target has exited."""
        ...

    def renew(self) -> None:
        """Begin a new generation with the next drain: what this one defined has been lost on the way."""
        ...

    def stop(self) -> None:
        """Stop watching and let go of the target. May be called twice."""
        ...
