"""What a clip comes to, for people without a browser and for programs: read from its index and summaries only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from flarego.cli.columns import Cell, Column, join, lay_out, text
from flarego.cli.palette import colour_of
from flarego.model.chunk import ProcessInfo
from flarego.model.leaks import Suspect
from flarego.model.names import forms, place, printable
from flarego.model.places import Place, Standing
from flarego.model.profile import Profile
from flarego.model.summary import Summary, summarise
from flarego.model.units import duration, mean, number, share, size
from flarego.model.words import frame_json, place_json, suspect_json

if TYPE_CHECKING:
    from flarego.wire.clip import Clip

TOP = 10
"""Lines of each table that people get."""
_TOP_JSON = 100
_MAX_WINDOWS = 16
_IMPORTED_NS = 10**18
"""Unix ns, in 2001: an epoch before it is none."""
WHOLE = 200
"""Columns when no terminal limits them."""


def summaries_of(clip: Clip) -> Iterator[Summary]:
    """Yield the summary of each process of a clip."""
    for info in filter(lambda info: clip.generations_of(info.process), clip.processes):
        profile = Profile.read(info, clip.overview(info.process))
        timeline, events = clip.timeline(info.process), clip.events(info.process)
        yield summarise(profile, _windows(clip, info), timeline.end, timeline.series, events)


def _windows(clip: Clip, info: ProcessInfo) -> Iterator[Profile]:
    """Yield the generations of a process, some of them when there are many: enough to see what only grows."""
    generations = clip.generations_of(info.process)
    step = -(-len(generations) // _MAX_WINDOWS)
    for generation in [*generations[::-1][:: max(step, 1)]][::-1]:
        for chunk in clip.summaries(info.process, generation.end - 1, generation.end):
            yield Profile.read(info, chunk)


def print_summary(clip: Clip) -> None:
    """Print what a clip comes to; whole when a program reads it, as wide as the terminal when a person does."""
    console = make_console()
    if clip.problem:
        console.print(f"note: {printable(clip.problem)}")
    for count, summary in enumerate(summaries_of(clip)):
        if count:
            console.print()
        for line in render(summary, console.width):
            console.print(line)


class _Console(Console):
    """rich ends the program when nobody reads any more; main() is to say how."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console as wide as the terminal; of a width that cuts nothing when the output is no terminal."""
    console = _Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not sys.stdout.isatty():
        console.width = WHOLE
    return console


def render(summary: Summary, width: int) -> Iterator[Text]:
    """Yield the lines of a summary."""
    yield from _head(summary)
    yield from _states(summary, width)
    yield from _busy(summary, width)
    yield from _waits(summary, width)
    yield from _suspects(summary, width)
    yield from _runtime(summary, width)


def _head(summary: Summary) -> Iterator[Text]:
    info = summary.process
    yield Text.assemble((printable(info.name), "bold"), "  ", about(info))
    when = f" from {clock(info, summary.start)}" if info.epoch > _IMPORTED_NS else ""  # some profiles tell no time
    parts = [f"{duration(summary.span)}{when}"]
    parts.append(f"{number(sum(state.count for state in summary.states))} goroutines at the end")
    for wall, what in ((summary.idle, "idle"), (summary.system, "the runtime's own")):
        if wall:
            parts.append(f"{mean(wall / summary.span)} {what}")
    yield Text(", ".join(parts), "dim")


def about(info: ProcessInfo) -> str:
    parts = [f"pid {info.pid}" if info.pid else "", info.runtime_version, info.module, info.host]
    return printable("  ".join(part for part in parts if part))


def clock(info: ProcessInfo, at: int) -> str:
    return f"{datetime.fromtimestamp((info.epoch + at) / 1e9):%Y-%m-%d %H:%M:%S}"


Styled = tuple[str, Sequence[Cell]]
"""A row of a table, and its style."""


def table(title: str, columns: Sequence[Column], rows: Sequence[Styled], width: int) -> Iterator[Text]:
    """Yield a headline, the columns' titles and the rows; nothing without rows."""
    if not rows:
        return
    yield Text()
    yield Text(title, "bold")
    titles, *cells = lay_out(columns, [row for _, row in rows], width)
    yield Text(join(titles), "dim")
    for (style, _), row in zip(rows, cells, strict=True):
        yield Text(join(row), style)


def _states(summary: Summary, width: int) -> Iterator[Text]:
    whole = sum(state.wall for state in summary.states)
    columns = (text("state"), Column("mean"), Column("share"), Column("on CPU"), Column("now"), text(""))
    rows = [
        (
            colour_of(state.state, state.reason),
            (
                printable(state.reason if state.state == "waiting" and state.reason else state.state),
                mean(state.wall / summary.span),
                share(state.wall, whole),
                duration(state.cpu) if state.cpu else "",
                number(state.count),
                bar(state.wall / whole if whole else 0, min(width - 60, 40)),
            ),
        )
        for state in summary.states[:TOP]
    ]
    yield from table("Goroutines by state", columns, rows, width)


def bar(part: float, width: int) -> str:
    """Return a bar of eighths of a column."""
    eighths = round(part * max(width, 0) * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _busy(summary: Summary, width: int) -> Iterator[Text]:
    whole = sum(standing.wall for standing in summary.busy)
    columns = (Column("mean"), Column("share"), Column("on CPU"), *_WHERE)
    rows = [
        _placed(
            standing.place,
            mean(standing.wall / summary.span),
            share(standing.wall, whole),
            duration(standing.cpu) if standing.cpu else "",
        )
        for standing in summary.busy[:TOP]
    ]
    yield from table("Where goroutines were, without the idle", columns, rows, width)


def _waits(summary: Summary, width: int) -> Iterator[Text]:
    columns = (Column("longest"), Column("count"), *_WHERE)
    rows = [
        _placed(standing.place, duration(standing.wait), number(standing.count)) for standing in summary.waits[:TOP]
    ]
    yield from table("Longest waits at the end, without the idle", columns, rows, width)


_WHERE = (text("state"), text("function", 1.7), text("line", 0.8), text("created by", 1.2))


def _placed(place_: Place, *numbers: str) -> Styled:
    cells = (printable(place_.lane), forms(place_.own.function), place(place_.own), creator(place_))
    return colour_of(place_.state, place_.reason), (*numbers, *cells)


def creator(place_: Place) -> Sequence[str]:
    """Return forms of the name of who created goroutines that stand there."""
    return forms(place_.created_by.function) if place_.created_by else ("",)


def _suspects(summary: Summary, width: int) -> Iterator[Text]:
    columns = (Column("per min"), Column("longest"), text("counts"), *_WHERE)
    rows = [
        _placed(suspect.place, f"+{mean(suspect.per_minute)}", duration(suspect.wait), evidence(suspect))
        for suspect in summary.suspects[:TOP]
    ]
    yield from table("Leak suspects: only ever more of them", columns, rows, width)


def evidence(suspect: Suspect) -> str:
    """Return the counts that make a group suspect: `12 → 18 → 25`."""
    return " → ".join(map(number, suspect.counts))


def _runtime(summary: Summary, width: int) -> Iterator[Text]:
    lines = [*_memory(summary), *_scheduler(summary)]
    if not lines:
        return
    yield Text()
    yield Text("Runtime", "bold")
    for head, about in lines:
        yield Text.assemble((f"{head:<10}", "dim"), about)


def _memory(summary: Summary) -> Iterator[tuple[str, str]]:
    collections, seconds = summary.collections, summary.span / 1e9
    if collections.cycles:
        at = clock(summary.process, collections.at).partition(" ")[2]
        yield "GC", f"{number(collections.cycles)} cycles, {mean(collections.cycles / seconds)} per second"
        yield "pauses", f"{duration(collections.paused)} in all, at most {duration(collections.longest)} (at {at})"
    series = summary.series
    if live := series.get("heap.live"):
        said = f"{size(live.least)} to {size(live.most)} live, {size(live.last)} at the end"
        if goal := series.get("heap.goal"):
            said += f"; goal {size(goal.last)}"
        if limit := series.get("heap.limit"):
            said += f", limit {size(limit.last)}"
        yield "heap", said
    if (rate := summary.rates.get("heap.total_alloc")) is not None:
        yield "allocated", f"{size(rate)}/s"


def _scheduler(summary: Summary) -> Iterator[tuple[str, str]]:
    series = summary.series
    queues = [series[name] for name in ("runq.global", "runq.local") if name in series]
    if queues:
        average, most = sum(queue.mean for queue in queues), max(queue.most for queue in queues)
        yield "run queue", f"{mean(average)} in the mean, at most {number(most)}"
    p50, p99 = series.get("sched.latency.p50"), series.get("sched.latency.p99")
    if p50 and p99:
        yield "latency", f"median {duration(p50.mean)}, 99 % {duration(p99.mean)}, at worst {duration(p99.most)}"
    if (created := summary.rates.get("goroutines.created")) is not None:
        yield "created", f"{mean(created)} goroutines/s"
    if (wait := summary.rates.get("mutex.wait")) is not None and wait > 0:
        yield "mutexes", f"{duration(wait)} waited for them each second"


def summary_json(clip: Clip) -> Mapping[str, Any]:
    """Return what a clip comes to, for programs. Fields may be added; those that are there stay.

    Durations are in ns, times in Unix ns, sizes in bytes; `mean` is a number of goroutines over the whole span,
    `count` one at its end.
    """
    return {
        "problem": clip.problem,
        "processes": [to_json(summary) for summary in summaries_of(clip)],
    }


def to_json(summary: Summary) -> dict[str, Any]:
    info, span = summary.process, summary.span
    return {
        "process": info.process,
        "pid": info.pid,
        "name": info.name,
        "host": info.host,
        "module": info.module,
        "runtime": info.runtime_version,
        "start": info.epoch + summary.start,
        "end": info.epoch + summary.end,
        "idle_mean": summary.idle / span,
        "system_mean": summary.system / span,
        "states": [
            {
                "state": state.state,
                "reason": state.reason,
                "mean": state.wall / span,
                "cpu": state.cpu,
                "count": state.count,
            }
            for state in summary.states
        ],
        "stacks": [standing_json(standing, summary) for standing in summary.busy[:_TOP_JSON]],
        "waits": [standing_json(standing, summary) for standing in summary.waits[:_TOP_JSON]],
        "suspects": [suspect_json(suspect, info) for suspect in summary.suspects],
        "gc": {
            "cycles": summary.collections.cycles,
            "paused": summary.collections.paused,
            "longest": summary.collections.longest,
        },
        "series": {
            name: {key: getattr(course, key) for key in ("first", "last", "least", "most", "mean")}
            for name, course in summary.series.items()
        },
        "rates": dict(summary.rates),
    }


def standing_json(standing: Standing, summary: Summary) -> dict[str, Any]:
    return place_json(standing.place) | {
        "mean": standing.wall / summary.span,
        "cpu": standing.cpu,
        "count": standing.count,
        "longest_wait": standing.wait,
        "frames": [frame_json(frame) for frame in reversed(summary.profile.stack(standing.node))],
    }
