"""One picture, for pipes and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flarego.cli.columns import join, lay_out
from flarego.cli.terminal.paint import Line
from flarego.cli.top.book import Entry, Picture, Wait
from flarego.cli.top.groups import cells, chosen, columns
from flarego.cli.top.header import header
from flarego.model.names import printable
from flarego.model.units import number
from flarego.model.words import frame_json, place_json, suspect_json


def table(picture: Picture, width: int) -> Iterator[str]:
    """Yield the lines of the header and of every group that is not idle."""
    mode = "ENDED" if picture.gone else "ONCE"
    yield from (_text(line).rstrip() for line in header(picture, mode, 0.0, min(width, 100)))
    shown, aside = chosen(picture, "", "count", idle=False)
    yield ""
    yield from (join(row) for row in lay_out(columns(width), [cells(entry, width) for entry in shown], width))
    if aside:
        yield f"{number(sum(entry.count for entry in aside))} more are idle by design or the runtime's own"


def _text(line: Line) -> str:
    return printable("".join(span.text for span in line))


def to_json(picture: Picture) -> Mapping[str, Any]:
    """Return everything in a picture. Durations in ns, times in Unix ns, `cpu` in cores; fields may be added."""
    info = picture.info
    return {
        "process": info.process,
        "pid": info.pid,
        "name": info.name,
        "host": info.host,
        "module": info.module,
        "runtime": info.runtime_version,
        "at": info.epoch + picture.at,
        "gone": picture.gone or None,
        "watched": picture.watched,
        "states": dict(picture.counts),
        "series": dict(picture.series),
        "rates": dict(picture.rates),
        "sampler": dict(picture.sampler),
        "groups": [_entry(entry) for entry in sorted(picture.entries, key=lambda entry: -entry.count) if entry.count],
        "suspects": [suspect_json(suspect, info) for suspect in picture.suspects],
        "waits": [_wait(wait) for wait in picture.waits],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return place_json(entry.place) | {
        "system": entry.place.system,
        "idle": entry.place.idle,
        "count": entry.count,
        "change": entry.change,
        "longest_wait": entry.wait,
        "mean": entry.mean,
        "cpu": entry.cpu,
        "frames": [frame_json(frame) for frame in reversed(entry.stack)],
    }


def _wait(wait: Wait) -> dict[str, Any]:
    return {
        "kind": wait.kind,
        "reason": wait.reason,
        "address": wait.address,
        "count": wait.count,
        "longest_wait": wait.longest,
        "object": dict(wait.about),
        "frames": [frame_json(frame) for frame in reversed(wait.stack)],
    }
