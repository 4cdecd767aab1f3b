"""What lies in one entry of a stream: messages of one generation, numbered, compressed together."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from flarego.errors import FlareError
from flarego.wire.codec import MAX_MESSAGE

MAX_RAW = MAX_MESSAGE + (1 << 20)
"""Bytes of a segment. One message may be large; more of them are put together up to WHOLE only."""
WHOLE = 1 << 20
_LEVEL = 1
_WINDOW = 8 << 20
_HEADER = struct.Struct("<QI")
"""The Data.sequence of a message (0: nobody numbered it), and its length."""


class BadSegment(FlareError):
    """An entry in Redis that is not one of ours."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Messages on their way into Redis, with what the script needs to know of them."""

    first: int
    """Sequences of the first and last chunk; -1 when there are none."""
    last: int
    number: int
    """The Data.sequence up to which all is there, once this is."""
    begins: bool
    """Whether it begins a generation."""
    raw_size: int
    data: bytes
    info: bytes
    gone: str
    goroutines: int


def pack(messages: Iterable[tuple[int, bytes]]) -> tuple[int, bytes]:
    """Return the size of numbered messages put together, and that compressed. Does not hold the interpreter's lock."""
    raw = b"".join(_HEADER.pack(number, len(data)) + data for number, data in messages)
    return len(raw), zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(raw)


def unpack(raw_size: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield numbered messages. Raises BadSegment: what is in Redis is believed no more than a peer."""
    raw = _decompressed(raw_size, data)
    at = 0
    while at < len(raw):
        if at + _HEADER.size > len(raw):
            raise BadSegment("a segment that ends within a header")
        number, length = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        if at + length > len(raw):
            raise BadSegment("a segment that ends within a message")
        yield number, raw[at : at + length]
        at += length


def _decompressed(raw_size: int, data: bytes) -> bytes:
    if not 0 <= raw_size <= MAX_RAW:
        raise BadSegment(f"a segment of {raw_size:,} bytes")
    try:
        if zstandard.get_frame_parameters(data).content_size != raw_size:
            raise BadSegment("a segment that says two things of its size")
        raw = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as e:
        raise BadSegment(f"a segment that is damaged: {e}") from None
    if len(raw) != raw_size:
        raise BadSegment("a segment of another size than it says")
    return raw
