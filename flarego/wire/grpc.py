"""gRPC's own layer over HTTP/2: messages in their frames, statuses, and how texts travel in headers.

Source: "gRPC over HTTP2" and "gRPC Web" in the protocol documents of the gRPC project.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from enum import IntEnum
from urllib.parse import quote, unquote

from flarego.errors import FlareError

CONTENT_TYPE = "application/grpc"
ENCODINGS = "gzip,identity"
MAX_MESSAGE = 16 << 20
"""Bytes of one message, packed or not, unless somebody says otherwise."""
_HEAD = 5


class Status(IntEnum):
    """How a call ended."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class CallFailed(FlareError):
    """A call that ends with another status than OK."""

    def __init__(self, status: int, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


def frame(message: bytes, flag: int = 0) -> bytes:
    """Return a message with its length before it."""
    return bytes((flag,)) + len(message).to_bytes(4, "big") + message


class Deframer:
    """Takes bytes as they come, gives whole messages."""

    def __init__(self, limit: int = MAX_MESSAGE, encoding: str = "identity") -> None:
        """`encoding`: how those messages are packed that say they are."""
        self._limit = limit
        self._encoding = encoding
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """Whether there is a part of a message left."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that are complete now. Raises CallFailed; nothing can be read after that."""
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= _HEAD:
                flag, size = self._buffer[at], int.from_bytes(self._buffer[at + 1 : at + _HEAD], "big")
                if flag > 1:
                    raise CallFailed(Status.INTERNAL, "a message with unknown flags")
                if size > self._limit:
                    raise CallFailed(
                        Status.RESOURCE_EXHAUSTED, f"a message of {size} bytes; {self._limit} are the most"
                    )
                if len(self._buffer) - at - _HEAD < size:
                    return
                message = bytes(self._buffer[at + _HEAD : at + _HEAD + size])
                at += _HEAD + size
                yield self._unpack(message) if flag else message
        finally:
            del self._buffer[:at]

    def _unpack(self, message: bytes) -> bytes:
        if self._encoding != "gzip":
            raise CallFailed(Status.INTERNAL, "a packed message, and no known grpc-encoding that says how")
        unpacker = zlib.decompressobj(31)
        try:
            data = unpacker.decompress(message, self._limit)
        except zlib.error:
            raise CallFailed(Status.INTERNAL, "a message that is not gzip") from None
        if unpacker.unconsumed_tail:
            raise CallFailed(Status.RESOURCE_EXHAUSTED, f"a message of more than {self._limit} bytes once unpacked")
        if not unpacker.eof:
            raise CallFailed(Status.INTERNAL, "a gzip message that was cut short")
        return data


def encode_text(text: str) -> str:
    """Return a status message as a header may carry it."""
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def decode_text(header: str) -> str:
    """Return the status message that a header carries."""
    return unquote(header, errors="replace")


_TIMEOUT_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def timeout(header: str) -> float:
    """Return the seconds that a grpc-timeout header means. Raises CallFailed."""
    digits, unit = header[:-1], header[-1:]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 8 or unit not in _TIMEOUT_UNITS:
        raise CallFailed(Status.INTERNAL, "a grpc-timeout that makes no sense")
    return int(digits) * _TIMEOUT_UNITS[unit]
