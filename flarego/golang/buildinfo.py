"""What a Go executable says about how it was built: Go version and main module.

Source: debug/buildinfo and cmd/link/internal/ld/data.go (go1.18 and later write the strings inline).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from flarego.errors import CorruptBinary
from flarego.golang.elf import PF_W, Elf

MAGIC = b"\xff Go buildinf:"
_ALIGN = 16
_INLINE = 2
_HEADER_SIZE = 32
_MAX_STRING = 1 << 20
_MODULE_FENCE = 16
_VERSION = re.compile(rb"(?:devel )?go1\.[0-9]{1,2}[ -~]{0,60}")


class BuildInfo(NamedTuple):
    """`version` as runtime.Version() gives it; `module` is the main module's path, else the main package's.

    `godebug` holds the settings that the program was built with (DefaultGODEBUG).
    """

    version: str
    module: str
    godebug: Mapping[str, str]


def read_build_info(elf: Elf) -> BuildInfo | None:
    """Return what the linker wrote into the executable, or None when there is none that can be used."""
    section = elf.sections.get(".go.buildinfo")
    places = [(section.offset, section.size)] if section else []
    places += [(s.offset, s.file_size) for s in sorted(elf.loads, key=lambda s: not s.flags & PF_W)]
    for offset, size in places:
        for at in elf.find(MAGIC, offset, size):
            info = _decode(elf, at) if at % _ALIGN == 0 else None
            if info:
                return info
    return None


def _decode(elf: Elf, at: int) -> BuildInfo | None:
    header = elf.read(at, _HEADER_SIZE)
    if len(header) < _HEADER_SIZE or not header[15] & _INLINE:
        return None
    version, at = _string(elf, at + _HEADER_SIZE)
    module, _ = _string(elf, at)
    if not _VERSION.fullmatch(version):
        return None
    # The linker fences the module text with two 16-byte marks so that it can be found in a core file.
    text = module[_MODULE_FENCE:-_MODULE_FENCE].decode("utf-8", "replace")
    return BuildInfo(version.decode("ascii"), _main_module(text), _godebug(text))


def _string(elf: Elf, at: int) -> tuple[bytes, int]:
    head = elf.read(at, 10)
    size = shift = 0
    for used, byte in enumerate(head, start=1):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if size > _MAX_STRING:
                return b"", at + used
            return elf.read(at + used, size), at + used + size
    return b"", at


def _main_module(text: str) -> str:
    found = dict[str, str]()
    for line in text.splitlines():
        key, _, rest = line.partition("\t")
        found.setdefault(key, rest.split("\t")[0])
    return found.get("mod") or found.get("path", "")


def _godebug(text: str) -> dict[str, str]:
    for line in text.splitlines():
        if line.startswith("build\tDefaultGODEBUG="):
            pairs = line.partition("=")[2].split(",")
            return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def read_file_version(stream: BinaryIO) -> str:
    """Return the Go version of an executable file; raises CorruptBinary when it names none."""
    info = read_build_info(Elf(stream.fileno()))
    if info is None:
        raise CorruptBinary("the file names no Go version")
    return info.version


Read = Callable[[int, int], bytes]


def find_version(data: bytes, read: Read) -> str | None:
    """Return the version that a (pointer, length) pair in writable memory points to: runtime.buildVersion.

    For programs whose build info was removed. `read(address, size)` returns what is readable.
    """
    for pointer in _string_pointers(data):
        text = read(*pointer)
        if _VERSION.fullmatch(text):
            return text.decode("ascii")
    return None


def _string_pointers(data: bytes) -> Iterator[tuple[int, int]]:
    # A pointer below 2^47, then a length from len("go1.19") to 63.
    for match in re.finditer(rb"(?s)(?=(.{6}\0\0)([\x06-\x3f])\0{7})", data):
        if match.start() % 8 == 0:
            pointer = int.from_bytes(match[1], "little")
            if pointer > os.sysconf("SC_PAGESIZE"):
                yield pointer, match[2][0]
