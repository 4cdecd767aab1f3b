"""The Sampler protocol: what every way of watching a process offers."""

from __future__ import annotations

from typing import Protocol

from flarego.model.chunk import Chunk, ProcessInfo


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
