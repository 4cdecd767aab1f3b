"""Moments of a recording, as people write them: from its beginning, back from its end, or by the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import click

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}
_DAY_NS = 86_400_000_000_000
_MAX_SECONDS = 1e9


@dataclass(frozen=True)
class Moment:
    """One of: seconds from the beginning (from the end when negative), a date and time, a time of day."""

    text: str
    offset: float | None = None
    at: datetime | time | None = None

    def within(self, start: int, end: int, epoch: int) -> int:
        """Return the moment in ns since `epoch` (Unix ns), for a recording of [start, end); it may lie outside."""
        if self.offset is not None:
            from_end = self.text.startswith("-")
            return (end if from_end else start) + round(self.offset * 1e9)
        if isinstance(self.at, datetime):
            return _unix_ns(self.at) - epoch
        assert self.at is not None
        day = datetime.fromtimestamp((epoch + start) / 1e9).astimezone().date()
        at = _unix_ns(datetime.combine(day, self.at)) - epoch
        return at + _DAY_NS if at < start and at + _DAY_NS < end else at


class MomentType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """12.5s, 1m30s, -10s (before the end), 14:03:07.2 or 2026-11-23T14:03:07."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        text = str(value)
        offset = _offset(text.removeprefix("-"))
        if offset is not None:
            return Moment(text, offset=-offset if text.startswith("-") else offset)
        at = _clock(text)
        if at is None:
            today = f"{datetime.now():%Y-%m-%d}T14:03:07"
            self.fail(f"{text!r} is no moment; write 12.5s, 1m30s, -10s, 14:03:07 or {today}", param, ctx)
        return Moment(text, at=at)


def _clock(text: str) -> datetime | time | None:
    for kind in (time, datetime):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            pass
    return None


def _offset(text: str) -> float | None:
    """Return the seconds that `1m30.5s` stands for, or None."""
    at, seconds = 0, 0.0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or (match[2] is None and match.end() < len(text)):
            return None
        seconds += float(match[1]) * _SECONDS[match[2]]
        at = match.end()
    return seconds if text and seconds < _MAX_SECONDS else None


def _unix_ns(at: datetime) -> int:
    """Return Unix ns of a time; one without a time zone is local."""
    since = at.astimezone() - datetime.fromtimestamp(0).astimezone()
    return since // timedelta(microseconds=1) * 1000
