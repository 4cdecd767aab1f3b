"""Collapsed stacks, `outer;inner;leaf N`: what flame graph scripts read and most profilers can write.

N is nanoseconds, or goroutines with `--weight count`. The format has no states: a frame `[waiting: chan receive]` says
it, first in the stack, so that a flame graph is divided by state; last, or left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import BinaryIO, TypeVar
from urllib.parse import unquote

from flarego.formats.assembly import About, Assembly
from flarego.formats.recording import Recording
from flarego.formats.source import BadFile, Source
from flarego.formats.states import is_internal, state_frame, take_state
from flarego.model.frame import Frame

_T = TypeVar("_T")
_UNSAFE = re.compile(r"[;\r\n]|%(?=3B|0A|0D|25)")
_ESCAPED = re.compile(r"%(?:3B|0A|0D|25)")
_LINE = re.compile(r"(.*\S)\s+(\d{1,18}(?:\.\d{1,18})?)\s*", re.ASCII)
_MAX_BEGINNING = 1 << 16
_MAX_WRONG = 20
"""Lines that are none of ours, such as a script's complaints, before the file is refused."""


def export(recording: Recording, out: BinaryIO) -> None:
    """Write one line for each stack and state that has weight."""
    profile = recording.profile()
    weights: dict[str, float] = {}
    for row in profile.rows:
        names = [escape(frame.function) for frame in profile.stack(row.node)]
        line = ";".join(with_state(names, escape(state_frame(row.state, row.reason)), recording.state_frame))
        weights[line] = weights.get(line, 0.0) + recording.weigh(row)
    for line, weight in sorted(weights.items()):
        if round(weight):
            out.write(f"{line} {round(weight)}\n".encode("utf-8", "replace"))


def with_state(stack: Sequence[_T], state: _T, where: str) -> Sequence[_T]:
    """Return a stack with the frame that says its state where it is wanted."""
    match where:
        case "first":
            return [state, *stack]
        case "last":
            return [*stack, state]
        case _:
            return stack or [state]


def escape(name: str) -> str:
    """Return a name without what separates names and lines; `unescape` gives it back."""
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", name) or "?"


def unescape(name: str) -> str:
    return _ESCAPED.sub(lambda match: unquote(match[0]), name)


def looks_like(head: bytes) -> bool:
    """Tell whether the first line that is no comment is a stack and a number."""
    lines = head[:_MAX_BEGINNING].decode("utf-8", "replace").splitlines()
    line = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return line.isprintable() and _LINE.fullmatch(line) is not None


def read(source: Source, assembly: Assembly) -> About:
    """Add the stacks. Raises BadFile."""
    locations: dict[str, int] = {}
    total = 0.0
    wrong = 0
    for line in source.lines():
        match = _LINE.fullmatch(line)
        if match is None:
            wrong += bool(line.strip()) and not line.startswith("#")
            if wrong > _MAX_WRONG:
                raise BadFile(f"{source.name} has too many lines that are no collapsed stack, such as {line[:60]!r}")
            continue
        names, (state, reason) = take_state([unescape(name) for name in match[1].split(";")], str)
        for name in names:
            if name not in locations:
                locations[name] = assembly.location(Frame(name, "", 0, internal=is_internal(name)))
        wall = float(match[2]) * source.unit_ns
        total += wall
        state = source.state if state == "other" else state
        cpu = wall if source.state == state == "running" else 0.0
        assembly.add([locations[name] for name in names], state=state, reason=reason, wall=wall, cpu=cpu)
    if not total:
        raise BadFile(f"{source.name} holds no collapsed stacks")
    return About("collapsed stacks", source.stem, max(round(total), 1), command=source.name)
