"""Payloads on their way: zstd, one frame a message, and never more of it than was said and is allowed."""

from __future__ import annotations

import zstandard

from flarego.wire.codec import BadMessage
from flarego.wire.envelope import Encoding

_MAX_WINDOW = 8 << 20


class Packer:
    """Packs messages one after another; one for each thread."""

    def __init__(self, level: int = 3) -> None:
        self._zstd = zstandard.ZstdCompressor(level=level)

    def pack(self, data: bytes) -> bytes:
        return self._zstd.compress(data)


class Unpacker:
    """Unpacks messages one after another; one for each thread."""

    def __init__(self) -> None:
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)

    def unpack(self, payload: bytes, encoding: int, raw_size: int, limit: int) -> bytes:
        """Return the message, of at most `limit` bytes. Raises BadMessage."""
        if encoding == Encoding.RAW:
            if len(payload) > limit:
                raise BadMessage(f"a message of {len(payload)} bytes; {limit} are the most")
            return payload
        if encoding != Encoding.ZSTD:
            raise BadMessage(f"a message packed in a way this flarego does not know: {encoding}")
        try:
            promised = zstandard.get_frame_parameters(payload).content_size
            if promised != raw_size or raw_size > limit:  # decompress() would believe the frame, not us
                raise BadMessage(f"a packed message of {promised} bytes that should have {raw_size}, at most {limit}")
            return self._zstd.decompress(payload, allow_extra_data=False) if raw_size else b""
        except zstandard.ZstdError as e:
            raise BadMessage(f"a message that is not zstd: {e}") from None
