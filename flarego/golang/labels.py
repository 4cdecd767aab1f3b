"""pprof labels of a goroutine, read by address.

Up to Go 1.23 g.labels points to a map[string]string (runtime/map.go: hmap and its buckets); since 1.24 to a slice of
key-value pairs (internal/runtime/pprof/label). Source: the shared facts, section 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from flarego.native import Memory

MAX_LABELS = 64
_MAX_TEXT = 1024
_MAX_LOG_BUCKETS = 8
_MAX_CHAIN = 16
_MAX_CACHED = 1 << 14
_SLOTS = 8
_MIN_TOP_HASH = 5
"""Smaller values of a bucket's tophash say that the slot is empty or has moved (runtime/map.go)."""
_BUCKET = struct.Struct(f"<{_SLOTS}s{2 * _SLOTS}Q{2 * _SLOTS}QQ")
_SAME_SIZE_GROW = 8
SLICE_SINCE = 24

Labels = dict[str, str]


class LabelReader:
    """Reads label sets. They are immutable once set, so each address is read once while it is in use.

    The memory may be freed and reused: what is read is bounded and never raises.
    """

    def __init__(self, memory: Memory, minor: int) -> None:
        self._memory = memory
        self._pairs = self._slice_pairs if minor >= SLICE_SINCE else self._map_pairs
        self._cache: dict[int, Labels] = {}

    def read(self, address: int) -> Labels:
        """Return the labels at `address` (g.labels) by key; {} when there are none or they cannot be read."""
        if address == 0:
            return {}
        found = self._cache.get(address)
        if found is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            found = self._cache[address] = self._read(address)
        return found

    def forget(self) -> None:
        """Drop what is cached: addresses may have been reused since."""
        self._cache.clear()

    def _read(self, address: int) -> Labels:
        try:
            pairs = list(self._pairs(address))[:MAX_LABELS]
            spans = [(at, min(size, _MAX_TEXT)) for pair in pairs for at, size in (pair[:2], pair[2:]) if size]
            texts = dict(zip(spans, self._memory.read_spans(spans), strict=True)) if spans else {}
        except (OSError, OverflowError, struct.error):
            return {}

        def text(at: int, size: int) -> str:
            return (texts.get((at, min(size, _MAX_TEXT))) or b"").decode("utf-8", "replace") if size else ""

        return dict(sorted((text(*pair[:2]), text(*pair[2:])) for pair in pairs))

    def _slice_pairs(self, address: int) -> Iterator[tuple[int, int, int, int]]:
        start, count, _ = struct.unpack("<3Q", self._memory.read(address, 24))
        if count <= MAX_LABELS:
            yield from struct.iter_unpack("<4Q", self._memory.read(start, 32 * count))

    def _map_pairs(self, address: int) -> Iterator[tuple[int, int, int, int]]:
        table = int.from_bytes(self._memory.read(address, 8), "little")
        if table == 0:
            return
        count, flags, log_buckets, _, _, buckets, old = struct.unpack("<qBBHIQQ", self._memory.read(table, 32))
        if not 0 < count <= MAX_LABELS or log_buckets > _MAX_LOG_BUCKETS:
            return
        regions = [(buckets, 1 << log_buckets)]
        if old:  # being moved: what has not moved yet is still in the old array
            regions.append((old, 1 << (log_buckets if flags & _SAME_SIZE_GROW else max(log_buckets - 1, 0))))
        for start, size in regions:
            for index in range(size):
                yield from self._bucket_pairs(start + index * _BUCKET.size)

    def _bucket_pairs(self, bucket: int) -> Iterator[tuple[int, int, int, int]]:
        for _ in range(_MAX_CHAIN):
            if bucket == 0:
                return
            hashes, *words = _BUCKET.unpack(self._memory.read(bucket, _BUCKET.size))
            for i in range(_SLOTS):
                if hashes[i] >= _MIN_TOP_HASH:
                    key, value = words[2 * i : 2 * i + 2], words[16 + 2 * i : 18 + 2 * i]
                    yield key[0], key[1], value[0], value[1]
            bucket = words[-1]
