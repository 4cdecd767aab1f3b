"""The records of a clip: their headers, their limits, and what is inside them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast
from zlib import crc32

import msgpack
import zstandard

from flarego.errors import FlareError
from flarego.model.chunk import Message
from flarego.wire.codec import BadMessage, decode

MAGIC = b"\x89FGO\r\n\x1a\n"
VERSION = 1
START = struct.Struct("<8sI")
"""Magic, version."""
HEADER = struct.Struct("<4sIIII")
"""Kind, stream, length, raw, crc."""
TRAILER = struct.Struct("<Q8s")
"""Offset of the index's record, TRAILER_MAGIC."""
TRAILER_MAGIC = b"FGOINDEX"

MAX_PAYLOAD = 64 << 20
MAX_STREAM = 512 << 20
MAX_RECORDS = 1_000_000
MAX_GENERATIONS = 100_000
_MAX_WINDOW = 27
"""Base-2 logarithm of the largest zstd window we give memory for: 128 MiB."""
_T = TypeVar("_T")


class ClipError(FlareError):
    """A file that is no clip, or one that is damaged where it is needed."""

    exit_code = 8
    usual_remedy = "record it again, or copy it again from where it came"


class ClipTooNew(ClipError):
    """A clip of a later version of the format."""

    usual_remedy = "update flarego"


class Record(NamedTuple):
    """A record's header, and where it stands in the file."""

    kind: bytes
    stream: int
    length: int
    raw: int
    crc: int
    offset: int

    @property
    def end(self) -> int:
        return self.offset + HEADER.size + self.length


def write_record(file: BinaryIO, kind: bytes, stream: int, payload: bytes, raw: int) -> int:
    """Append a record and return its size. Raises OSError."""
    if max(len(payload), raw) > MAX_PAYLOAD:
        raise ClipError(f"{max(len(payload), raw):,} bytes at once are more than a clip holds")
    file.write(HEADER.pack(kind, stream, len(payload), raw, crc32(payload)) + payload)
    return HEADER.size + len(payload)


def read_header(file: BinaryIO, offset: int, size: int) -> Record | None:
    """Return the record at an offset of a file of `size` bytes; None when it is not whole, or no record at all."""
    if offset + HEADER.size > size:
        return None
    file.seek(offset)
    data = file.read(HEADER.size)
    if len(data) < HEADER.size:
        return None
    kind, stream, length, raw, crc = HEADER.unpack(data)
    record = Record(kind, stream, length, raw, crc, offset)
    if max(record.length, record.raw) > MAX_PAYLOAD or record.end > size or not record.kind.isalnum():
        return None
    return record


def read_payload(file: BinaryIO, record: Record) -> bytes:
    """Return a record's payload. Raises ClipError when it is not what was written."""
    file.seek(record.offset + HEADER.size)
    payload = file.read(record.length)
    if len(payload) != record.length or crc32(payload) != record.crc:
        raise ClipError(f"the clip is damaged at byte {record.offset:,}")
    return payload


class _Feed:
    """Hands a decompressor one record after another; at the end of one it stops it."""

    def __init__(self) -> None:
        self._payload = memoryview(b"")

    def put(self, payload: bytes) -> None:
        self._payload = memoryview(payload)

    def read(self, size: int) -> bytes:
        if not self._payload:
            raise ClipError("the clip is damaged: a record holds less than was promised")
        out, self._payload = bytes(self._payload[:size]), self._payload[size:]
        return out


class StreamDecoder:
    """Decodes a stream's records in order; never makes more of them than they promise."""

    def __init__(self) -> None:
        self._feed = _Feed()
        zstd = zstandard.ZstdDecompressor(max_window_size=1 << _MAX_WINDOW)
        self._zstd = zstd.stream_reader(cast(BinaryIO, self._feed))
        self._total = 0

    def decode(self, payload: bytes, raw: int) -> bytes:
        """Return the bytes of the next record. Raises ClipError."""
        self._total += raw
        if self._total > MAX_STREAM:
            raise ClipError(f"a generation of more than {MAX_STREAM:,} bytes")
        self._feed.put(payload)
        try:
            data = self._zstd.read(raw) if raw else b""
        except zstandard.ZstdError as e:
            raise ClipError(f"the clip is damaged: {e}") from None
        if len(data) != raw:
            raise ClipError(f"the clip is damaged: {len(data):,} bytes where {raw:,} were promised")
        return data


def decompress(payload: bytes, raw: int) -> bytes:
    """Return a record that is a zstd frame of its own, which must be `raw` bytes. Raises ClipError."""
    return StreamDecoder().decode(payload, raw)


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages that lie back to back; those of unknown types are left out. Raises ClipError."""
    unpacker = _unpacker(data)
    at = 0
    try:
        while at < len(data):
            unpacker.skip()
            end = unpacker.tell()
            message = decode(data[at:end])
            at = end
            if message is not None:
                yield message
    except BadMessage as e:
        raise (ClipTooNew if e.remedy == "update flarego" else ClipError)(f"in the clip: {e.message}") from None
    except (ValueError, msgpack.UnpackException, RecursionError) as e:
        raise ClipError(f"the clip is damaged: {e or type(e).__name__}") from None


def unpack(data: bytes) -> dict[str, Any]:
    """Return the one map that the bytes are. Raises ClipError."""
    try:
        value = _unpacker(data).unpack()
    except (ValueError, msgpack.UnpackException, RecursionError, TypeError) as e:
        raise ClipError(f"the clip is damaged: {e or type(e).__name__}") from None
    if not isinstance(value, dict):
        raise ClipError("the clip is damaged: a map was expected")
    return value


def _unpacker(data: bytes) -> msgpack.Unpacker:
    size = max(len(data), 1)
    unpacker = msgpack.Unpacker(
        max_buffer_size=size, max_str_len=size, max_bin_len=size, max_array_len=size, max_map_len=size, max_ext_len=0,
        strict_map_key=True,
    )  # fmt: skip
    unpacker.feed(data)
    return unpacker


def get(value: dict[str, Any], key: str, kind: type[_T]) -> _T:
    """Return an entry of a map read from a clip. Raises ClipError when it is missing or of another kind."""
    found = value.get(key)
    if not isinstance(found, kind) or (isinstance(found, int) and found < 0):
        raise ClipError(f"the clip is damaged: {key!r} should be {kind.__name__}")
    return found
