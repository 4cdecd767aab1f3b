"""What was taken of one process and the gateway has not said it has: numbered, in order, within bounds.

Definitions are numbered afresh in every generation, so that a generation can be read only from its first chunk on.
Whatever has to go therefore goes by generations, from some chunk to the generation's end: what the gateway has of each
stays readable, and the numbers left out are the gap. When that is the generation in progress, a new one must begin.

New messages are in memory. When that is full the oldest generation moves to disk, if there is a shelf for it.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from flarego.agent.entry import Entry, Kind
from flarego.agent.shelf import Shelf

_log = logging.getLogger(__name__)


@dataclass
class Losses:
    """What had to be left out."""

    chunks: int = 0
    generations: int = 0


class Spool:
    """A process's messages on their way. Written by the thread that watches, read by the one that sends."""

    def __init__(
        self, memory: int, shelf: Shelf | None = None, *, sequence: int = 0, acknowledged: int = 0, generation: int = -1
    ) -> None:
        """memory: bytes that may be kept there. The numbers: where an agent before us was."""
        self._memory = memory
        self._shelf = shelf
        self._lock = RLock()
        self._entries: list[Entry] = []
        self._sequence = sequence
        self._acknowledged = acknowledged
        self._generation = generation
        """In progress."""
        self._dead = -1
        """Chunks of generations up to this one are not wanted any more."""
        self.size = 0
        """Bytes in memory."""
        self.lost = Losses()
        self.clock: Callable[[], float] = time.time

    @property
    def sequence(self) -> int:
        """The number given last."""
        return self._sequence

    @property
    def acknowledged(self) -> int:
        return self._acknowledged

    @property
    def stored(self) -> int:
        """Bytes on disk."""
        return self._shelf.size if self._shelf else 0

    @property
    def wants_renewal(self) -> bool:
        """Whether the generation in progress is lost, so that a new one should begin."""
        return 0 <= self._generation <= self._dead

    @property
    def oldest(self) -> float | None:
        """When the oldest message was taken; None when there is none."""
        first = self.after(0)
        return first.at if first else None

    def __len__(self) -> int:
        return len(self._entries) + (len(self._shelf) if self._shelf else 0)

    def put(self, kind: Kind, generation: int, payload: bytes, encoding: int, raw_size: int) -> None:
        """Keep a message; others go when there is no room."""
        with self._lock:
            self._sequence += 1
            self._generation = generation
            if kind.is_chunk and generation <= self._dead:
                self.lost.chunks += 1
                return
            entry = Entry(self._sequence, kind, generation, payload, encoding, raw_size, self.clock())
            self._entries.append(entry)
            self.size += entry.size
            while self.size > self._memory and self.make_room():
                pass

    def after(self, sequence: int) -> Entry | None:
        """Return the first message after that number."""
        with self._lock:
            at = self._index(sequence)
            here = self._entries[at] if at < len(self._entries) else None
            there = self._shelf.after(sequence) if self._shelf and self._shelf.last > sequence else None
            return min(here, there) if here and there else here or there

    def acknowledge(self, sequence: int) -> None:
        """Let go of everything up to that number: it is safe."""
        with self._lock:
            if sequence <= self._acknowledged:
                return
            self._acknowledged = min(sequence, self._sequence)
            at = self._index(sequence)
            self.size -= sum(entry.size for entry in self._entries[:at])
            del self._entries[:at]
            if self._shelf:
                self._shelf.let_go(sequence)

    def resume(self, last: int) -> int:
        """Return the number after which to go on with a gateway that has everything up to `last`.

        One that lost what another, or it itself, had said was safe can read nothing more of that generation.
        """
        with self._lock:
            if last > self._sequence:  # it knows of a time that we do not
                while self.give_up():
                    pass
                self._sequence = self._acknowledged = last
                self._dead = max(self._dead, self._generation)
            elif last < self._acknowledged:
                first = self._first_chunk()
                if first is None:
                    self._dead = self._generation
                elif first.kind is not Kind.HEAD:
                    self._forget(first.generation)
            return last

    def refuse(self, sequence: int) -> None:
        """Forget a message that the gateway will never take, and what cannot be read without it."""
        with self._lock:
            refused = self.after(sequence - 1)
            if refused is None or refused.sequence != sequence:
                return
            if refused.kind.is_chunk:
                self._forget(refused.generation, sequence)
            else:
                self._entries.remove(refused)
                self.size -= refused.size

    def make_room(self) -> bool:
        """Move the oldest generation in memory to disk, or forget one. Return False when nothing can be done."""
        with self._lock:
            if self._shelf is None or not (moving := self._oldest_here()):
                return self.give_up()
            try:
                self._shelf.append(moving)
            except OSError as e:
                _log.warning("the spool on disk takes nothing: %s", e.strerror or e)
                return self.give_up()
            moved = {entry.sequence for entry in moving}
            self._keep([entry for entry in self._entries if entry.sequence not in moved])
            return True

    def save(self) -> None:
        """Move every chunk to disk, as far as it takes them."""
        with self._lock:
            while self._shelf is not None and self._oldest_here() and self.make_room():
                pass

    def give_up(self) -> bool:
        """Forget the oldest generation. Return False when there is nothing to forget."""
        with self._lock:
            first = self._first_chunk()
            if first is None:
                return False
            self._forget(first.generation)
            return True

    def _oldest_here(self) -> list[Entry]:
        """Return the chunks in memory of the oldest generation there."""
        oldest = next((entry.generation for entry in self._entries if entry.kind.is_chunk), None)
        return [entry for entry in self._entries if entry.generation == oldest and entry.kind.is_chunk]

    def _first_chunk(self) -> Entry | None:
        here = next((entry for entry in self._entries if entry.kind.is_chunk), None)
        there = self._shelf.after(self._acknowledged) if self._shelf else None
        return min(here, there) if here and there else here or there

    def _forget(self, generation: int, since: int = 0) -> None:
        """Forget a generation's chunks from a number on, and all notices of who is watched but the last."""
        lost = self._shelf.cut(generation, since) if self._shelf else 0
        infos = [entry for entry in self._entries if entry.kind is Kind.INFO]
        kept = [
            entry for entry in self._entries
            if entry.kind is Kind.GONE or entry in infos[-1:]
            or (entry.kind.is_chunk and (entry.generation != generation or entry.sequence < since))
        ]  # fmt: skip
        lost += sum(entry.kind.is_chunk for entry in self._entries) - sum(entry.kind.is_chunk for entry in kept)
        self.lost.chunks += lost
        self.lost.generations += 1
        self._keep(kept)
        self._dead = max(self._dead, generation)

    def _keep(self, entries: list[Entry]) -> None:
        self._entries = entries
        self.size = sum(entry.size for entry in entries)

    def _index(self, sequence: int) -> int:
        return bisect_right(self._entries, sequence, key=lambda entry: entry.sequence)
