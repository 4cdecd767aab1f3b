"""Kinds of values: how each is read from text or TOML, and written again."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(KiB|MiB|GiB|kB|MB|GB|B|)", re.ASCII)
_BYTES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9, "B": 1, "": 1}


@dataclass(frozen=True)
class Kind:
    """One kind of value. `parse` raises ValueError, with what would do."""

    metavar: str
    parse: Callable[[str], object]
    takes: tuple[type, ...] = (str,)
    """Types of TOML that mean themselves; text is parsed."""
    write: Callable[[object], str] = str
    many: bool = False
    """A tuple: a flag given several times, text with commas, an array in TOML."""

    def read(self, value: object) -> object:
        """Return the value of what TOML has. Raises ValueError."""
        if self.many:
            parts = value if isinstance(value, list) else [value]
            return tuple(part for one in parts for part in self._each(one))
        if isinstance(value, bool) and bool not in self.takes:
            raise ValueError(f"write {self.metavar}")
        if isinstance(value, str):
            return self.parse(value)
        if not isinstance(value, self.takes):
            raise ValueError(f"write {self.metavar}")
        return self.parse(str(value)) if bool not in self.takes else value

    def _each(self, value: object) -> list[object]:
        if not isinstance(value, str):
            raise ValueError(f"write {self.metavar}, or several")
        return [self.parse(part.strip()) for part in value.split(",") if part.strip()]


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("write a time: 30s, 15m, 1h, 7d")
    return float(match[1]) * _SECONDS[match[2]]


def _written_seconds(value: object) -> str:
    seconds = float(str(value))
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("write a size: 512KiB, 64MiB, 1GiB")
    return int(float(match[1]) * _BYTES[match[2]])


def _written_bytes(value: object) -> str:
    size = int(str(value))
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


def _int(text: str) -> int:
    if not re.fullmatch(r"\d{1,15}", text.replace("_", ""), re.ASCII):
        raise ValueError("write a whole number, 0 or more")
    return int(text.replace("_", ""))


def _bool(text: str) -> bool:
    found = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in found:
        raise ValueError("write true or false")
    return found[text.lower()]


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("write a file's name")
    return Path(text).expanduser()


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        password = parts.password
    except ValueError:
        raise ValueError("write a URL") from None
    if not parts.scheme or not (parts.netloc or parts.path):
        raise ValueError("write a URL")
    if password:
        raise ValueError("a password is no part of it: put it into a file, and name that")
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("write an address or a network: 10.0.0.7, 10.0.0.0/8, fd00::/8") from None


def choice(*names: str) -> Kind:
    """Return the kind that is one of these words."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"choose one of {', '.join(names)}")
        return text

    return Kind("|".join(names), parse)


def matching(pattern: str, metavar: str, remedy: str) -> Kind:
    """Return the kind of text that matches a pattern."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(remedy)
        return text

    return Kind(metavar, parse)


def several(kind: Kind) -> Kind:
    """Return the kind of any number of these."""

    def write(value: object) -> str:
        return ", ".join(kind.write(one) for one in value) if isinstance(value, tuple) else str(value)

    return Kind(kind.metavar, kind.parse, kind.takes, write, many=True)


def _yes(value: object) -> str:
    return "true" if value else "false"


TEXT = Kind("TEXT", str)
NUMBER = Kind("N", _int, (int,))
FLAG = Kind("", _bool, (bool,), _yes)
SECONDS = Kind("TIME", _seconds, (int, float), _written_seconds)
BYTES = Kind("SIZE", _bytes, (int,), _written_bytes)
FILE = Kind("FILE", _path)
URL = Kind("URL", _url)
NETWORK = Kind("NETWORK", _network)
