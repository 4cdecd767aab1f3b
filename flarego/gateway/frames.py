"""WebSocket frames of messages, RFC 6455: from a server they are the same for everybody, so they are made once."""

from __future__ import annotations

import struct
from collections.abc import Iterator

FRAGMENT = 64 << 10
"""Bytes. A longer message is sent in several frames, so that a transport never holds much of it."""
_BINARY, _CONTINUATION, _FINAL = 2, 0, 0x80
_SHORT, _LONG = 126, 127


class Frames:
    """Remembers the frame it made last."""

    def __init__(self) -> None:
        self._data = self._frame = b""
        self.made = 0

    def of(self, data: bytes) -> bytes:
        """Return the one frame of a message."""
        if data is not self._data:
            self._data, self._frame = data, _header(_BINARY | _FINAL, len(data)) + data
            self.made += 1
        return self._frame


def fragments(data: bytes) -> Iterator[bytes]:
    """Yield the frames of a message that is long."""
    for at in range(0, len(data), FRAGMENT):
        piece = data[at : at + FRAGMENT]
        opcode = _CONTINUATION if at else _BINARY
        yield _header(opcode | (_FINAL if at + FRAGMENT >= len(data) else 0), len(piece)) + piece


def _header(first: int, size: int) -> bytes:
    if size < _SHORT:
        return bytes((first, size))
    if size < 1 << 16:
        return struct.pack(">BBH", first, _SHORT, size)
    return struct.pack(">BBQ", first, _LONG, size)
