"""Goroutines one by one: lists of what changed, joined into one. See wire/FORMAT.md, "members"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flarego.model.chunk import WIDTHS

_GOID = 8


def join_members(lists: Iterable[Mapping[str, bytes]]) -> Mapping[str, bytes]:
    """Return one list that says what the lists, read in order, do. They must be of one generation."""
    present = [members for members in lists if members]
    if len(present) < 2:
        return present[0] if present else {}
    newest: dict[bytes, tuple[Mapping[str, bytes], int]] = {}
    left: dict[bytes, None] = {}
    for members in present:
        for place, goid in enumerate(_goids(members["goid"])):
            newest[goid] = members, place
            left.pop(goid, None)
        for goid in _goids(members["left"]):
            newest.pop(goid, None)
            left[goid] = None
    columns = {name: _gather(newest.values(), name, width) for name, width in WIDTHS["members"].items()}
    return columns | {"left": b"".join(left)}


def _goids(column: bytes) -> Sequence[bytes]:
    return [column[at : at + _GOID] for at in range(0, len(column), _GOID)]


def _gather(entries: Iterable[tuple[Mapping[str, bytes], int]], name: str, width: int) -> bytes:
    return b"".join(members[name][place * width : (place + 1) * width] for members, place in entries)
