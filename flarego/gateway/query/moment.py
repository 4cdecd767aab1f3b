"""Moments as programs and people write them into a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

_LAST = (1 << 63) - 1
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|s|m|h)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NANOSECONDS = re.compile(r"\d{1,18}", re.ASCII)
_UNIX = re.compile(r"@\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_ZONE = re.compile(r" (\d\d:?\d\d)$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    """ns since the process's epoch (`12500000000`), Unix seconds (`@1790000000.5`), RFC 3339 with a time zone
    (`2026-11-24T03:00:00Z`), back from the newest chunk's end (`-5m`, `-1m30s`), or `now`: that end itself."""

    since_epoch: int | None = None
    """One of: ns since the process's epoch;"""
    unix: int | None = None
    """Unix ns;"""
    back: int | None = None
    """ns before the newest chunk's end."""

    DURATION: ClassVar[str] = r"(?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|s|m|h)){1,4}"
    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]{1,18}$"},
            {"type": "string", "pattern": r"^@[0-9]{1,12}(?:\.[0-9]{1,9})?$"},
            {"type": "string", "pattern": f"^-{DURATION}$"},
            {"type": "string", "format": "date-time"},
            {"type": "string", "const": "now"},
        ]
    }

    @staticmethod
    def read(text: str) -> Moment:
        """Return the moment. Raises ValueError."""
        if text == "now":
            return Moment(back=0)
        if _NANOSECONDS.fullmatch(text):
            return Moment(since_epoch=int(text))
        if _UNIX.fullmatch(text):
            seconds, _, fraction = text[1:].partition(".")
            return Moment(unix=int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")))
        if text.startswith("-") and (back := Moment.seconds(text[1:])) is not None:
            return Moment(back=round(back * 1e9))
        return Moment(unix=_clock(text))

    @staticmethod
    def seconds(text: str) -> float | None:
        """Return how long `1m30s` is; None when that is no stretch of time."""
        parts = _PART.findall(text)
        if not parts or len(parts) > 4 or "".join(map("".join, parts)) != text:
            return None
        return sum(float(value) * _SECONDS[unit] for value, unit in parts)

    def within(self, epoch: int, newest: int) -> int:
        """Return it in ns since a process's epoch (Unix ns), of which the newest chunk ends at `newest`."""
        if self.since_epoch is not None:
            at = self.since_epoch
        elif self.unix is not None:
            at = self.unix - epoch
        else:
            at = newest - (self.back or 0)
        return max(-_LAST, min(at, _LAST))


def _clock(text: str) -> int:
    """Return Unix ns of a date and time. A plus that was typed into an address comes as a space."""
    try:
        at = datetime.fromisoformat(_ZONE.sub(r"+\1", text.upper()))
        if at.tzinfo is None:
            raise ValueError
        return (at - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise ValueError(
            "a moment: ns since the process's epoch, @UNIX_SECONDS, RFC 3339 with a time zone, -5m, or now"
        ) from None
