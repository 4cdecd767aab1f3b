"""Telling where a runtime variable lies, and which layout it has, from the code that refers to it.

The runtime's code names the fields of its global structures by address. For every base that would explain some of
those references, count the references that fall on a field's start, and take away those that fall where no field
is. The shared facts (section 2, step 8) measured the right base to have the top score and no misses.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from flarego.golang.layout import Shape

_ALIGN = 32
"""The linker aligns variables of 32 bytes and more to 32."""
_CANDIDATES = 64
_MISS_COST = 2


class Vote(NamedTuple):
    score: int
    misses: int
    address: int
    shape: Shape


def elect(targets: Sequence[int], shapes: Sequence[Shape], accept: Callable[[int, Shape], bool]) -> Vote | None:
    """Return the best (address, shape) among those that `accept` believes, None when there is none.

    `targets` are sorted addresses that runtime code refers to. Of equal scores the earlier shape wins.
    """
    ballots = sorted((ballot for shape in shapes for ballot in _ballots(targets, shape)), key=lambda vote: -vote.score)
    return next((vote for vote in ballots if vote.score > 0 and accept(vote.address, vote.shape)), None)


def _ballots(targets: Sequence[int], shape: Shape) -> Iterator[Vote]:
    starts = sorted({field.offset for field in shape.fields.values()})
    hits = Counter(base for target in targets for start in starts if (base := target - start) % _ALIGN == 0)
    allowed = _allowed(shape)
    for base, count in hits.most_common(_CANDIDATES):
        inside = targets[bisect_left(targets, base) : bisect_left(targets, base + shape.size)]
        misses = sum(target - base not in allowed for target in inside)
        yield Vote(count - _MISS_COST * misses, misses, base, shape)


def _allowed(shape: Shape) -> frozenset[int]:
    """Offsets that code may name: starts of fields and, inside arrays, every word."""
    offsets = set[int]()
    for field in shape.fields.values():
        offsets.add(field.offset)
        if field.stride:
            step = 8 if field.stride % 8 == 0 else min(field.stride, 4)
            offsets.update(range(field.offset, field.offset + field.size, step))
    return frozenset(offsets)
