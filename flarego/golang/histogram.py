"""The runtime's timeHistogram: what its buckets mean, and quantiles of what was added between two looks.

Source: runtime/histogram.go. Since Go 1.20: 40 powers of two from 2^8 ns on, with 4 linear parts each. Up to 1.19: 45
with 16 parts, the first holding 0 to 15 ns singly.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from flarego.golang.layout import Shape

_PARTS_119, _PARTS = 16, 4
_N_COUNTS_119 = 720
_MIN_BITS = 9


def bucket_bounds(n_counts: int) -> list[tuple[int, int]]:
    """Return [low, high) in ns of every counter, in their order."""
    parts, lowest = (_PARTS_119, 5) if n_counts == _N_COUNTS_119 else (_PARTS, _MIN_BITS)
    bounds = []
    for index in range(n_counts):
        bucket, part = divmod(index, parts)
        # Bucket 0 holds all below the first power; bucket b those whose highest bit is number lowest + b - 1.
        base = 0 if bucket == 0 else 1 << (lowest + bucket - 2)
        width = max(base, 1 << (lowest - 1)) // parts
        bounds.append((base + part * width, base + (part + 1) * width))
    return bounds


class LatencyHistogram:
    """Successive looks at one histogram; `update` tells the quantiles of what came in between.

    Nothing is decoded while the bytes stay the same.
    """

    def __init__(self, shape: Shape) -> None:
        counts = shape.fields["counts"]
        self.size = shape.size
        n_counts = counts.size // 8
        self._decode = struct.Struct(f"<{n_counts}Q").unpack_from
        self._bounds = bucket_bounds(n_counts)
        self._bytes = b""
        self._counts: tuple[int, ...] = ()

    def update(self, data: bytes, quantiles: Sequence[float]) -> list[float]:
        """Return the quantiles, in ns, of what was counted since the look before; [] when there was nothing."""
        if data == self._bytes:
            return []
        before, self._counts = self._counts, self._decode(data)
        self._bytes = data
        if not before:
            return []
        added = [
            (self._bounds[i], now - then)
            for i, (now, then) in enumerate(zip(self._counts, before, strict=True))
            if now > then
        ]
        return [_quantile(added, q) for q in quantiles] if added else []


def _quantile(added: Sequence[tuple[tuple[int, int], int]], q: float) -> float:
    """Return the quantile, taking a bucket's values as spread evenly over it."""
    rank = q * sum(count for _, count in added)
    for (low, high), count in added:
        if rank <= count:
            return low + (high - low) * rank / count
        rank -= count
    return float(added[-1][0][1])
