"""Answers in other tools' formats: what `flarego export` writes of a clip, of a span that is kept."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flarego.formats.recording import Recording, Weight
from flarego.formats.registry import EXPORTS, exporter
from flarego.gateway.query.filters import Filters
from flarego.gateway.query.fold import Check, Slice
from flarego.model.chunk import Chunk, Message, ProcessInfo
from flarego.model.merge import within
from flarego.model.profile import Profile
from flarego.wire.codec import decode

FORMATS: Mapping[str, tuple[str, str]] = {
    "pprof": ("pprof", "application/octet-stream"),
    "collapsed": ("collapsed", "text/plain; charset=utf-8"),
    "speedscope": ("speedscope", "application/json"),
    "svg": ("svg", "image/svg+xml"),
    "gecko": ("gecko", "application/json"),
    "perfetto": ("perfetto", "application/octet-stream"),
    "html": ("html", "text/html; charset=utf-8"),
    "rows": ("json", "application/json"),
}
"""By what they are called here: the exporter, and the media type. `json` is the flame graph itself."""


class TooLarge(Exception):
    """The answer is larger than answers may be."""


@dataclass(frozen=True)
class _Kept:
    """The chunks of a span, as a clip would give them."""

    info: ProcessInfo
    chunks: Sequence[bytes]
    check: Check

    def messages(self, process: str, start: int | None, end: int | None) -> Iterator[Message]:
        yield self.info
        yield from within(self._decoded(), start, end)

    def _decoded(self) -> Iterator[Chunk]:
        for data in self.chunks:
            self.check()
            chunk = decode(data)
            if isinstance(chunk, Chunk):
                yield chunk


@dataclass(frozen=True)
class _Span(Recording):
    """A span that is kept, filtered as the query says."""

    folded: Profile | None = None
    filters: Filters | None = None

    def profile(self) -> Profile:
        return self.folded or super().profile()

    def keep(self, profile: Profile) -> Profile:
        kept = super().keep(profile)
        return self.filters.keep(kept) if self.filters else kept


class _Bounded(io.BytesIO):
    """A file in memory that does not grow over a limit; 0: without."""

    def __init__(self, limit: int, check: Check) -> None:
        super().__init__()
        self._limit, self._check = limit, check

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self._check()
        if self._limit and self.tell() + len(data) > self._limit:
            raise TooLarge
        return super().write(data)


def export(
    slice_: Slice, chunks: Sequence[bytes], filters: Filters, weight: str, format: str, limit: int, check: Check
) -> bytes:
    """Return the span in a format. Raises TooLarge, BadRows, and what check raises."""
    if weight == "waiting":
        filters = replace(filters, states=("waiting",))
    weights: Mapping[str, Weight] = {"cpu": "cpu", "count": "count"}
    recording = _Span(
        _Kept(slice_.info, chunks, check),
        slice_.info,
        slice_.start,
        slice_.end,
        filters.states,
        filters.reasons,
        filters.groups,
        weights.get(weight, "wall"),
        folded=filters.keep(slice_.fold(check)),
        filters=filters,
    )
    out = _Bounded(limit, check)
    exporter(FORMATS[format][0]).export(recording, out)
    return out.getvalue()


def suffix(format: str) -> str:
    """Return what the name of such a file ends with."""
    return EXPORTS[FORMATS[format][0]].suffixes[0]
