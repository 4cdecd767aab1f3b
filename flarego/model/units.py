"""Numbers as people read them: the page's own way (static/model/format.js)."""

from __future__ import annotations

import math

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE, _HOUR, _DAY = 60, 60 * 60, 24 * 60 * 60


def significant(value: float) -> str:
    """Return three significant digits at most, without an exponent."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.{1 if value >= 10 else 2}f}".rstrip("0").rstrip(".")


def duration(ns: float) -> str:
    """Return `312 ms`, `1.5 s`, `4 min 12 s`, `3 h 5 min`."""
    if not ns > 0:
        return "0"
    for limit, unit, name in ((1e3, 1, "ns"), (999.5e3, 1e3, "µs"), (999.5e6, 1e6, "ms"), (59.95e9, 1e9, "s")):
        if ns < limit:
            return f"{significant(ns / unit)} {name}"
    if ns == math.inf:
        return "∞"
    seconds = round(ns / 1e9)
    if seconds < _HOUR:
        return _two(seconds, _MINUTE, "min", 1, "s")
    if seconds < _DAY:
        return _two(seconds, _HOUR, "h", _MINUTE, "min")
    return _two(seconds, _DAY, "d", _HOUR, "h")


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def size(n_bytes: float) -> str:
    if not n_bytes > 0:
        return "0 B"
    step = min(len(_UNITS) - 1, max(int(math.log2(n_bytes) / 10), 0))
    return f"{significant(n_bytes / 1024**step)} {_UNITS[step]}"


def number(value: float) -> str:
    """Return a whole number with thousands apart: `12 418`."""
    return f"{value:,.0f}".replace(",", " ")


def mean(value: float) -> str:
    """Return a mean number of goroutines: `12.4`, `0.031`, `12 418`."""
    if value >= 100:
        return number(value)
    if value >= 10:
        return f"{value:.1f}"
    if value >= 1 or value <= 0:
        return f"{value:.2f}" if value > 0 else "0"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}" if value >= 1e-3 else "<0.001"


def share(part: float, whole: float) -> str:
    if not (whole > 0 and part > 0):
        return "0 %"
    percent = 100 * part / whole
    if percent < 0.01:
        return "<0.01 %"
    return f"{percent:.{0 if percent > 99.995 else 1 if percent >= 10 else 2}f} %"


def signed(value: float, text: str) -> str:
    """Return the text of a change, given that of its size: `+3`, `-1.5 s` (with a true minus), `0`."""
    return f"+{text}" if value > 0 else f"\N{MINUS SIGN}{text}" if value < 0 else text
