"""What was taken of one process and the gateway has not said it has: numbered, in order, within bounds.

Definitions are numbered afresh in every generation, so that a generation can be read only from its first chunk on.
Whatever has to go therefore goes by generations, from some chunk to the generation's end: what the gateway has of each
stays readable, and the numbers left out are the gap. When that is the generation in progress, a new one must begin.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from threading import RLock
from typing import NamedTuple

OVERHEAD = 200
"""Bytes that an entry costs beside its payload."""


class Kind(Enum):
    CHUNK = 0
    HEAD = 1
    """The first chunk of a generation."""
    INFO = 2
    """Who is watched has changed."""
    GONE = 3


class Entry(NamedTuple):
    """One message, as it is sent."""

    sequence: int
    kind: Kind
    generation: int
    payload: bytes
    encoding: int
    raw_size: int
    at: float
    """time.time() when it was taken."""

    @property
    def size(self) -> int:
        return len(self.payload) + OVERHEAD


@dataclass
class Losses:
    """What had to be left out."""

    chunks: int = 0
    generations: int = 0


class Spool:
    """A process's messages on their way. Written by the thread that watches, read by the one that sends."""

    def __init__(self, memory: int, *, clock: Callable[[], float] = time.time) -> None:
        """memory: bytes that may be kept."""
        self._memory = memory
        self._clock = clock
        self._lock = RLock()
        self._entries: list[Entry] = []
        self._sequence = 0
        self._acknowledged = 0
        self._generation = -1
        """In progress."""
        self._dead = -1
        """Chunks of generations up to this one are not wanted any more."""
        self.size = 0
        self.lost = Losses()

    @property
    def sequence(self) -> int:
        """The number given last."""
        return self._sequence

    @property
    def acknowledged(self) -> int:
        return self._acknowledged

    @property
    def wants_renewal(self) -> bool:
        """Whether the generation in progress is lost, so that a new one should begin."""
        return 0 <= self._generation <= self._dead

    @property
    def oldest(self) -> float | None:
        """When the oldest message was taken; None when there is none."""
        with self._lock:
            return self._entries[0].at if self._entries else None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, kind: Kind, generation: int, payload: bytes, encoding: int, raw_size: int) -> None:
        """Keep a message; others go when there is no room."""
        with self._lock:
            self._sequence += 1
            self._generation = generation
            if kind in (Kind.CHUNK, Kind.HEAD) and generation <= self._dead:
                self.lost.chunks += 1
                return
            entry = Entry(self._sequence, kind, generation, payload, encoding, raw_size, self._clock())
            self._entries.append(entry)
            self.size += entry.size
            while self.size > self._memory and self.give_up():
                pass

    def after(self, sequence: int) -> Entry | None:
        """Return the first message after that number."""
        with self._lock:
            at = self._index(sequence)
            return self._entries[at] if at < len(self._entries) else None

    def acknowledge(self, sequence: int) -> None:
        """Let go of everything up to that number: it is safe."""
        with self._lock:
            if sequence <= self._acknowledged:
                return
            self._acknowledged = min(sequence, self._sequence)
            at = self._index(sequence)
            self.size -= sum(entry.size for entry in self._entries[:at])
            del self._entries[:at]

    def resume(self, last: int) -> int:
        """Return the number after which to go on with a gateway that has everything up to `last`.

        One that lost what another, or it itself, had said was safe can read nothing more of that generation.
        """
        with self._lock:
            if last > self._sequence:  # it knows of a time that we do not
                self._sequence = self._acknowledged = last
                self._forget(lambda entry: True, self._generation)
            elif last < self._acknowledged:
                self._behead()
            return last

    def _behead(self) -> None:
        """Forget the chunks whose generation's first one is not here any more."""
        first = next((entry for entry in self._entries if entry.kind in (Kind.CHUNK, Kind.HEAD)), None)
        if first is None:
            self._dead = self._generation
        elif first.kind is Kind.CHUNK:
            self._forget(lambda entry: entry.generation == first.generation, first.generation)

    def refuse(self, sequence: int) -> None:
        """Forget a message that the gateway will never take, and what cannot be read without it."""
        with self._lock:
            at = self._index(sequence - 1)
            if at >= len(self._entries) or self._entries[at].sequence != sequence:
                return
            refused = self._entries[at]
            if refused.kind in (Kind.HEAD, Kind.CHUNK):
                self._forget(
                    lambda entry: entry.sequence >= sequence and entry.generation == refused.generation,
                    refused.generation,
                )
            else:
                del self._entries[at]
                self.size -= refused.size

    def give_up(self) -> bool:
        """Forget the oldest generation. Return False when there is nothing to forget."""
        with self._lock:
            oldest = next((e.generation for e in self._entries if e.kind in (Kind.CHUNK, Kind.HEAD)), None)
            if oldest is None:
                return False
            self._forget(lambda entry: entry.generation == oldest, oldest)
            return True

    def _forget(self, which: Callable[[Entry], bool], generation: int | None = None) -> None:
        """Forget chunks, and all notices of who is watched but the last; `generation` and those before are over."""
        kept, infos, lost = [], [], set()
        for entry in self._entries:
            if not which(entry) or entry.kind is Kind.GONE:
                kept.append(entry)
            elif entry.kind is Kind.INFO:
                infos.append(entry)
            else:
                self.lost.chunks += 1
                lost.add(entry.generation)
        self.lost.generations += len(lost)
        self._entries = sorted([*infos[-1:], *kept])
        self.size = sum(entry.size for entry in self._entries)
        if generation is not None:
            self._dead = max(self._dead, generation)

    def _index(self, sequence: int) -> int:
        return bisect_right(self._entries, sequence, key=lambda entry: entry.sequence)
