"""Protocol buffers, as much of the encoding as profiles and the agents' stream need.

The `protobuf` package would be a second codec with generated code, 40 ms of import time and megabytes in every agent.
Source: the Encoding chapter of the protocol buffers documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from flarego.errors import FlareError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_MASK = (1 << 64) - 1


class Malformed(FlareError):
    """Bytes that are no protocol buffer."""

    exit_code = 8


def varint(value: int) -> bytes:
    """Return the bytes of an unsigned number, or of a negative one as its 64-bit two's complement."""
    value &= _MASK
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """Return a varint field; b"" for 0, which is what a reader assumes."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def blob(field: int, value: bytes) -> bytes:
    """Return a length-delimited field: bytes, a message, packed numbers."""
    return varint(field << 3 | _BYTES) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    return blob(field, value.encode("utf-8", "replace"))


def packed(field: int, values: Iterable[int]) -> bytes:
    """Return a packed repeated field; b"" when there are none."""
    data = b"".join(map(varint, values))
    return blob(field, data) if data else b""


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field, value) of a message: a view for bytes, an unsigned number for all else.

    Raises Malformed.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        field, wire = key >> 3, key & 7
        if not field:
            raise Malformed("protocol buffer with a field 0")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield field, value
        elif wire == _BYTES:
            size, at = _varint(data, at)
            if size > end - at:
                raise Malformed("a protocol buffer that ends in the middle of a field")
            yield field, data[at : at + size]
            at += size
        elif wire in (_FIXED32, _FIXED64):
            start, at = at, at + (4 if wire == _FIXED32 else 8)
            if at > end:
                raise Malformed("a protocol buffer that ends in the middle of a field")
            yield field, int.from_bytes(data[start:at], "little")
        else:
            raise Malformed(f"a protocol buffer with a field of unknown kind {wire}")


def numbers(value: int | memoryview) -> Iterator[int]:
    """Yield the numbers of a repeated field, packed or one at a time. Raises Malformed."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        found, at = _varint(value, at)
        yield found


def signed(value: int) -> int:
    """Return what an int64 field holds."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = 0
    for i, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value & _MASK, at + i + 1
    raise Malformed("a protocol buffer with a number that does not end")
