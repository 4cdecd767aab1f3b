"""What a gateway knows of one process: who it is, its recent chunks, and how much of it is safe."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flarego.gateway.retention import Retention
from flarego.model.chunk import Chunk, Gone, ProcessInfo

if TYPE_CHECKING:
    from flarego.gateway.hub import Subscriber


@dataclass(frozen=True, slots=True)
class Listed:
    """A process that is known, here or to another replica."""

    info: ProcessInfo
    first_seen: float
    """Unix seconds."""
    last_seen: float
    gone: str = ""
    """Why nothing more comes; "" while it is watched."""
    goroutines: int = 0


@dataclass(eq=False)
class Channel:
    """One process of one namespace, from when it was met until its last chunk is forgotten.

    A process that is watched anew (another epoch) has a new channel.
    """

    namespace: str
    process: str
    log: Retention
    info: ProcessInfo | None = None
    info_data: bytes = b""
    gone: Gone | None = None
    gone_data: bytes = b""
    last: int = 0
    """The greatest Data.sequence that was taken; 0 when nobody numbers what comes."""
    durable: int = 0
    """The greatest Data.sequence that may be acknowledged."""
    goroutines: int = 0
    first_seen: float = field(default_factory=time.time)
    last_seen: float = field(default_factory=time.time)
    readers: set[Subscriber] = field(default_factory=set)
    _on_durable: list[Callable[[int], None]] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Unix ns of its time 0; 0 before it is known."""
        return self.info.epoch if self.info else 0

    def settle(self, sequence: int) -> None:
        """All up to it is safe: those who want to know are told."""
        if sequence > self.durable:
            self.durable = sequence
            for callback in tuple(self._on_durable):
                callback(sequence)

    def on_durable(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back each time more is safe. Return what ends that."""
        self._on_durable.append(callback)
        return lambda: self._on_durable.remove(callback)

    def listed(self) -> Listed | None:
        """Return what a list of processes says of it; None before anybody has said who it is."""
        if self.info is None:
            return None
        why = self.gone.why if self.gone else ""
        return Listed(self.info, self.first_seen, self.last_seen, why, self.goroutines)


class Tap(Protocol):
    """Is told of everything the hub takes, here or through another replica. Must be quick, and raise nothing."""

    def met(self, channel: Channel) -> None:
        """A process is new, or has changed what it says of itself."""
        ...

    def took(self, channel: Channel, chunk: Chunk, data: bytes) -> None:
        """A chunk was taken; data is its encoding."""
        ...

    def trimmed(self, channel: Channel, generation: int) -> None:
        """Generations before this one are forgotten."""
        ...

    def dropped(self, channel: Channel) -> None:
        """Nothing of the process is kept any more."""
        ...
