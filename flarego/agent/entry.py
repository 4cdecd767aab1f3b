"""One message of a process, as it is sent."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

OVERHEAD = 200
"""Bytes that an entry costs in memory beside its payload."""


class Kind(IntEnum):
    """What a message is to a spool."""

    CHUNK = 0
    HEAD = 1
    """The first chunk of a generation."""
    INFO = 2
    """Who is watched has changed."""
    GONE = 3

    @property
    def is_chunk(self) -> bool:
        return self <= Kind.HEAD


class Entry(NamedTuple):
    """A message with its number."""

    sequence: int
    kind: Kind
    generation: int
    payload: bytes
    encoding: int
    raw_size: int
    at: float
    """Unix seconds when it was taken."""

    @property
    def size(self) -> int:
        return len(self.payload) + OVERHEAD
