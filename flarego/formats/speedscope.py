"""speedscope's JSON file. Source: its own file-format-schema.json.

The first profile holds everything, divided by state; the others hold one state each, so that speedscope's selector
chooses among states. Nanoseconds, or goroutines with `--weight count`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from flarego import __version__
from flarego.formats.collapsed import with_state
from flarego.formats.recording import Recording
from flarego.formats.states import lane, state_frame
from flarego.model.frame import Frame

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = {"wall": "nanoseconds", "cpu": "nanoseconds", "count": "none"}


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording's stacks."""
    info, profile = recording.process, recording.profile()
    frames = _Frames()
    unit = _UNITS[recording.weight]
    everything = _Sampled(f"{info.name}: every state", unit)
    by_state: dict[str, _Sampled] = {}
    for row in profile.rows:
        weight = recording.weigh(row)
        if not weight:
            continue
        stack = [frames.number(frame) for frame in profile.stack(row.node)]
        name = lane(row.state, row.reason)
        one = by_state.setdefault(name, _Sampled(name, unit))
        state = frames.number(Frame(state_frame(row.state, row.reason), "", 0))
        everything.add(with_state(stack, state, recording.state_frame), weight)
        one.add(stack or [state], weight)
    lanes = sorted(by_state.values(), key=lambda one: -one.total)
    value = {
        "$schema": SCHEMA,
        "exporter": f"flarego {__version__}",
        "name": f"{info.name}, pid {info.pid}",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.to_json()},
        "profiles": [one.to_json() for one in (everything, *lanes)],
    }
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


@dataclass
class _Frames:
    """The frames that all profiles of the file share."""

    _numbers: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def number(self, frame: Frame) -> int:
        return self._numbers.setdefault((frame.function, frame.file, frame.line), len(self._numbers))

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"name": function} | ({"file": file} if file else {}) | ({"line": line} if line else {})
            for function, file, line in self._numbers
        ]


@dataclass
class _Sampled:
    """One profile of the file: stacks with weights, like ones side by side."""

    name: str
    unit: str
    _stacks: dict[tuple[int, ...], float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self._stacks.values())

    def add(self, stack: Sequence[int], weight: float) -> None:
        key = tuple(stack)
        self._stacks[key] = self._stacks.get(key, 0.0) + weight

    def to_json(self) -> dict[str, Any]:
        kept = [(stack, round(weight)) for stack, weight in sorted(self._stacks.items()) if round(weight)]
        return {
            "type": "sampled",
            "name": self.name,
            "unit": self.unit,
            "startValue": 0,
            "endValue": sum(weight for _, weight in kept),
            "samples": [stack for stack, _ in kept],
            "weights": [weight for _, weight in kept],
        }
