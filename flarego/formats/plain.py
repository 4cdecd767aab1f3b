"""The recording as JSON, for programs. FORMATS.md says what every key means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from flarego import __version__
from flarego.formats.recording import Recording
from flarego.model.frame import Frame
from flarego.model.profile import Group, Profile

VERSION = 1


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording as one object, a row, stack or frame a line."""
    for part in _parts(recording):
        out.write(part.encode("utf-8", "replace"))


def _parts(recording: Recording) -> Iterator[str]:
    profile, tables = recording.profile(), _Tables()
    rows = [
        {
            "stack": tables.stack(profile, row.node),
            "group": row.group,
            "state": row.state,
            "reason": row.reason,
            "wall_ns": round(row.wall),
            "cpu_ns": round(row.cpu),
            "count": row.count,
            "longest_wait_ns": round(row.wait),
        }
        for row in profile.rows
    ]
    groups = [tables.group(group) for group in profile.groups]
    series, events = _over_time(recording)
    head = {
        "flarego": __version__,
        "version": VERSION,
        "processes": [_process(recording)],
        "start_ns": profile.start,
        "end_ns": profile.end,
        "filters": {"states": [*recording.states], "reasons": [*recording.reasons], "groups": [*recording.groups]},
    }
    yield _json(head)[:-1]
    for name, entries in (("frames", tables.frames()), ("stacks", tables.stacks()), ("groups", groups), ("rows", rows)):
        yield f',\n"{name}":['
        yield from (("\n" if i == 0 else ",\n") + _json(entry) for i, entry in enumerate(entries))
        yield "]"
    yield f',\n"series":{_json(series)},\n"events":{_json(events)}}}\n'


def _process(recording: Recording) -> dict[str, Any]:
    info = recording.process
    return {
        "process": info.process,
        "pid": info.pid,
        "name": info.name,
        "command": info.command,
        "host": info.host,
        "runtime": info.runtime,
        "runtime_version": info.runtime_version,
        "module": info.module,
        "build_id": info.build_id,
        "engine": info.engine,
        "epoch_unix_ns": info.epoch,
    }


@dataclass
class _Tables:
    """Frames and stacks in the order in which rows use them."""

    _frames: dict[Frame, int] = field(default_factory=dict)
    _stacks: dict[int, int] = field(default_factory=dict)
    _found: list[Sequence[int]] = field(default_factory=list)

    def frame(self, frame: Frame) -> int:
        return self._frames.setdefault(frame, len(self._frames))

    def stack(self, profile: Profile, node: int) -> int:
        found = self._stacks.get(node)
        if found is None:
            found = self._stacks[node] = len(self._found)
            self._found.append([self.frame(frame) for frame in profile.stack(node)])
        return found

    def group(self, group: Group) -> dict[str, Any]:
        return {
            "created_by": None if group.created_by is None else self.frame(group.created_by),
            "entry": None if group.entry is None else self.frame(group.entry),
            "labels": dict(group.labels),
            "system": group.system,
        }

    def stacks(self) -> Sequence[Sequence[int]]:
        return self._found

    def frames(self) -> Iterator[dict[str, Any]]:
        for frame in self._frames:
            yield {
                "function": frame.function,
                "file": frame.file,
                "line": frame.line,
                "inlined": frame.inlined,
                "internal": frame.internal,
            }


def _over_time(recording: Recording) -> tuple[dict[str, list[float | None]], list[Any]]:
    """Return series as columns of equal length (`time_ns` among them), and events."""
    columns: dict[str, list[float | None]] = {"time_ns": []}
    events: list[Any] = []
    for i, chunk in enumerate(recording.chunks()):
        columns["time_ns"].append(chunk.end)
        for name, value in chunk.series.items():
            columns.setdefault(name, [None] * i).append(value if math.isfinite(value) else None)
        for column in columns.values():
            column.extend([None] * (i + 1 - len(column)))
        events += map(clean, chunk.events)
    return columns, events


def clean(value: Any) -> Any:
    """Return what JSON can say of an event's value, which anybody may have written."""
    if isinstance(value, dict):
        return {str(key): clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
