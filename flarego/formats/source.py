"""Files to import: decompressed as they are read, and bounded, whatever they claim to be."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from flarego.errors import FlareError

MAX_BYTES = 512 << 20
"""Decompressed. The largest profiles people complain about are a few hundred MB."""
MAX_LINE = 1 << 20
MAX_ENTRIES = 5_000_000
_VALUES_PER_ENTRY = 8
"""Objects and lists, and all values of a JSON text: what 512 MB of `[[],[],…` would be is more than a machine has."""
_BLOCK = 1 << 16
_HEAD = 1 << 20
_MAX_MEMBERS = 10_000
"""Of one gzip file: whoever made more of them means harm."""
_GZIP = b"\x1f\x8b"
_WRONG_TEXT = re.compile("[\ud800-\udfff]")


class BadFile(FlareError):
    """A file that is not what it claims to be, contradicts itself, or is larger than any real one."""

    exit_code = 8
    usual_remedy = "`flarego import --help` lists the formats; --format names one that is not recognised"


@dataclass
class Source:
    """A file being read, from its first byte to its last, once."""

    file: BinaryIO
    name: str
    """As the user knows it; the name of what is imported unless the file tells a better one."""
    unit_ns: float = 1.0
    """What 1 stands for, in ns, in formats that do not say."""
    max_bytes: int = MAX_BYTES
    """Decompressed."""
    max_entries: int = MAX_ENTRIES
    """Objects and lists, or whatever else of a format each become an object of ours."""
    span_ns: int = 0
    """How long it was taken for, where it does not say; 0: not known."""
    state: str = "other"
    """What stacks were doing that do not say so. Those that were running have their time on CPU."""
    _blocks: Iterator[bytes] = field(init=False, repr=False)
    _ahead: bytes = field(init=False, default=b"", repr=False)

    def __post_init__(self) -> None:
        self._blocks = _decompressed(self.file, self.max_bytes)

    @property
    def stem(self) -> str:
        """The file's name without folder and endings."""
        return Path(self.name).name.split(".")[0] or "profile"

    def head(self) -> bytes:
        """Return the beginning, up to a megabyte, decompressed; it is not lost to who reads. Raises BadFile."""
        while len(self._ahead) < _HEAD and (block := next(self._blocks, b"")):
            self._ahead += block
        return self._ahead[:_HEAD]

    def blocks(self) -> Iterator[bytes]:
        """Yield the rest of the file. Raises BadFile."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            yield ahead
        yield from self._blocks

    def read(self) -> bytes:
        """Return the rest of the file. Raises BadFile."""
        return b"".join(self.blocks())

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends; a longer one than MAX_LINE raises BadFile."""
        rest = b""
        for block in self.blocks():
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > MAX_LINE:
                raise BadFile(f"{self.name} has a line of more than {MAX_LINE >> 20} MB")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
        if rest:
            yield rest.decode("utf-8", "replace").rstrip("\r")

    def json(self) -> Any:
        """Return the JSON value that the file is. Raises BadFile."""
        data = self.read()
        containers = data.count(b"{") + data.count(b"[")
        if containers > self.max_entries or data.count(b",") + containers > _VALUES_PER_ENTRY * self.max_entries:
            raise BadFile(f"{self.name} is a larger JSON text than flarego reads")
        try:
            return json.loads(data, parse_int=_integer)
        except RecursionError:
            raise BadFile(f"{self.name} is nested too deeply") from None
        except ValueError as e:
            raise BadFile(f"{self.name} is no JSON text: {e}") from None


def _integer(text: str) -> int | float:
    """Numbers of thousands of digits take for ever; nobody means them."""
    return int(text) if len(text) < 20 else float(text)


def clean(value: str) -> str:
    """Return a text that can be written as UTF-8: JSON may hold halves of characters."""
    return _WRONG_TEXT.sub("\N{REPLACEMENT CHARACTER}", value)


def _decompressed(file: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    """Yield the file's bytes, those of a gzip file decompressed; raises BadFile when they are too many."""
    begins = file.read(_BLOCK)
    data = iter(lambda: file.read(_BLOCK), b"")
    total = 0
    for block in _gunzip(begins, data) if begins[:2] == _GZIP else _chain(begins, data):
        total += len(block)
        if total > max_bytes:
            raise BadFile(f"more than {max_bytes >> 20} MB to read: that is no profile")
        yield block


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _gunzip(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the members of a gzip file hold, a block at a time."""
    data = first
    for _ in range(_MAX_MEMBERS):
        decoder = zlib.decompressobj(31)
        while not decoder.eof:
            try:
                block = decoder.decompress(data, _BLOCK)
            except zlib.error as e:
                raise BadFile(f"a damaged gzip file: {e}") from None
            if block:
                yield block
            data = decoder.unconsumed_tail
            if not (data or block or decoder.eof or (data := next(rest, b""))):
                raise BadFile("a gzip file that was cut short")
        data = decoder.unused_data or next(rest, b"")
        if not data.startswith(_GZIP):
            return  # the end, or padding
    raise BadFile(f"a gzip file of more than {_MAX_MEMBERS:,} members")


def from_bytes(data: bytes, name: str = "profile", unit_ns: float = 1.0, **about: Any) -> Source:
    """Return a source of bytes in memory."""
    return Source(io.BytesIO(data), name, unit_ns, **about)
