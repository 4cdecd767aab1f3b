"""What the memory of a channel or lock says about it: how full it is, and who can be said to hold it.

Source: runtime/chan.go (hchan), sync/mutex.go, sync/rwmutex.go, sync/waitgroup.go at go1.19 … go1.27. A mutex knows
that it is locked and not by whom; a read-write mutex knows whether by a writer or by how many readers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from flarego.golang.layout import Release
from flarego.native import Memory

CHANNEL, SEMAPHORE = "channel", "semaphore"
_AROUND = 8, 16
"""Bytes before and behind a semaphore that its lock lies in."""
_MAX_CAPACITY = 1 << 40
_LOCKED, _WAITERS_SHIFT = 1, 3


class WaitObjects:
    """Describes what goroutines wait on. One batched read for all of them."""

    def __init__(self, memory: Memory, release: Release) -> None:
        self._memory = memory
        shape = release.shape("hchan")
        self._closed, self._timer = shape.offset("closed"), shape.offset_or_zero("timer")
        self._size = max(self._closed + 4, self._timer + 8, 16)

    def describe(self, objects: Sequence[tuple[str, int, str]]) -> list[Mapping[str, Any]]:
        """Return what is known of each (kind, address, wait reason); {} where nothing is. Raises OSError."""
        before, behind = _AROUND
        spans = [
            (address, self._size) if kind == CHANNEL else (max(address - before, 0), before + behind)
            for kind, address, _ in objects
        ]
        blocks = self._memory.read_spans(spans)
        return [
            {} if data is None else self._channel(data) if kind == CHANNEL else _lock(kind, reason, data)
            for (kind, _, reason), data in zip(objects, blocks, strict=True)
        ]

    def _channel(self, data: bytes) -> Mapping[str, Any]:
        length, capacity = struct.unpack_from("<QQ", data)
        (closed,) = struct.unpack_from("<I", data, self._closed)
        if length > capacity or capacity > _MAX_CAPACITY or closed > 1:
            return {}  # no channel any more
        timer = self._timer and struct.unpack_from("<Q", data, self._timer)[0]
        known: dict[str, Any] = {"length": length, "capacity": capacity, "closed": bool(closed)}
        return known | ({"timer": True} if timer else {})


def _lock(kind: str, reason: str, data: bytes) -> Mapping[str, Any]:
    """data begins 8 bytes before the semaphore."""
    if kind != SEMAPHORE:
        return {}
    words = struct.unpack("<6i", data)
    match reason:
        case "sync.Mutex.Lock":
            return {"locked": bool(words[1] & _LOCKED), "waiters": (words[1] & 0xFFFFFFFF) >> _WAITERS_SHIFT}
        case "sync.RWMutex.RLock":  # at readerSem; readerCount and readerWait follow
            return _readers_or_writer(count=words[3], wait=words[4])
        case "sync.RWMutex.Lock":  # at writerSem: whoever waits there has the writers' turn, and waits for readers
            return {"held_by": "readers", "readers": words[5]} if words[5] > 0 else {}
        case "sync.WaitGroup.Wait":
            return {"count": words[1]} if words[1] > 0 else {}
    return {}


def _readers_or_writer(count: int, wait: int) -> Mapping[str, Any]:
    if count >= 0:  # no writer: the readers are being let in at this moment
        return {}
    return {"held_by": "readers", "readers": wait} if wait > 0 else {"held_by": "writer"}
