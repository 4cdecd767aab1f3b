"""The lines on top: who is watched, its states as sparklines, what the runtime does, what watching costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from flarego.cli.palette import CODES, COLOURS
from flarego.cli.terminal.paint import Line, Span, spread
from flarego.cli.top.book import Picture
from flarego.model.units import duration, number, signed, size

HEIGHT = 5
_STATES = (("running", "runnable", "syscall", "lock", "gc"), ("chan", "select", "io", "sleep", "other"))
_COLUMNS, _WIDE = 4, 100
"""States side by side, and the width from which on there is room for one more."""
_BARS = "▁▂▃▄▅▆▇█"
_NUMBER = 6


def header(picture: Picture, mode: str, own_cost: float, width: int) -> Iterator[Line]:
    """Yield HEIGHT lines. mode: LIVE, PAUSED, ENDED, CLIP; own_cost: of everything we do, as a fraction of one core."""
    info = picture.info
    about = f"  pid {info.pid}  {info.runtime_version}" if info.pid else f"  {info.runtime_version}"
    clock = f"{datetime.fromtimestamp((info.epoch + picture.at) / 1e9):%H:%M:%S}"
    style = {"LIVE": "bold green", "PAUSED": "bold black on yellow", "ENDED": "bold red"}.get(mode, "bold magenta")
    yield spread(
        [Span(info.name, "bold"), Span(about), Span(f"  {info.module}", "dim")],
        [Span(f" {mode} ", style), Span(f" {clock}")],
        width,
    )
    yield from _states(picture, width)
    yield _fitting(_runtime(picture), width)
    yield _watching(picture, own_cost)


def _states(picture: Picture, width: int) -> Iterator[Line]:
    columns = _COLUMNS + (width >= _WIDE)
    room = width // columns
    for names in (_STATES[0][:columns], _STATES[1][:columns]):
        line: list[Span] = []
        for name in names:
            count, history = picture.counts.get(name, 0), picture.history.get(name, ())
            colour = COLOURS[name]
            spark = sparkline(history, room - _NUMBER - 6)
            line += [
                Span(f"{CODES[name]:<4}", f"bold {colour}"),
                Span(spark, colour),
                Span(f" {number(count):>{_NUMBER}} "),
            ]
        yield line


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest values as bars, right-aligned."""
    newest = values[-width:] if width > 0 else ()
    top = 1.25 * max(newest, default=0) or 1.0  # what is steady is no wall
    return "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] for value in newest).rjust(max(width, 0))


def _runtime(picture: Picture) -> Iterator[str]:
    """Yield what there is to say, the most important first."""
    series, rates = picture.series, picture.rates
    total, change = sum(picture.counts.values()), picture.change
    yield f"{number(total)} goroutines {signed(change, number(abs(change)))} in {_watched(picture)}"
    if "heap.used" in series or "heap.live" in series:
        goal = f" of {size(series['heap.goal'])}" if series.get("heap.goal") else ""
        yield f"heap {size(series.get('heap.used', series.get('heap.live', 0)))}{goal}"
    if rates.get("gc.cycles"):
        yield f"GC {rates['gc.cycles']:.1f}/s"
    if series.get("sched.latency.p99"):
        yield f"p99 latency {duration(series['sched.latency.p99'])}"
    if picture.pause:
        yield f"pauses ≤ {duration(picture.pause)}"
    if queued := series.get("runq.global", 0) + series.get("runq.local", 0):
        yield f"queue {number(queued)}"


def _fitting(parts: Iterable[str], width: int) -> Line:
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if len(longer) > width:
            break
        line = longer
    return [Span(line)]


def _watched(picture: Picture) -> str:
    return "1 min" if picture.watched >= 59e9 else duration(picture.watched // 10**9 * 10**9)


def _watching(picture: Picture, own_cost: float) -> Line:
    sampler = picture.sampler
    if not sampler:
        return []
    scans, samples, lost = (_float(sampler.get(key)) for key in ("scan_hz", "oncpu_hz", "lost"))
    text = f"scan {scans:.0f}/s · CPU {samples:.0f}/s by {picture.info.engine}"
    if own_cost:
        text += f" · cost {100 * own_cost:.1f} % of a core"
    return [Span(text + (f" · lost {lost:.0f}" if lost else ""), "dim")]


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
