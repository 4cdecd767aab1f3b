"""Reading speedscope files, sampled and evented, flarego's own and those of any other profiler."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flarego.formats.assembly import INSTANT_NS, About, Assembly, Origin
from flarego.formats.source import BadFile, Source
from flarego.formats.states import is_internal, take_state
from flarego.model.frame import Frame

_UNITS = {"nanoseconds": 1.0, "microseconds": 1e3, "milliseconds": 1e6, "seconds": 1e9}
_MAX_OPEN = 4096
"""Frames open at once in an evented profile."""


def looks_like(head: bytes) -> bool:
    """Tell whether a file says that it is speedscope's."""
    return head.lstrip()[:1] == b"{" and (b"speedscope" in head[:4096] or (b'"shared"' in head and b'"frames"' in head))


def read(source: Source, assembly: Assembly) -> About:
    """Add all profiles of the file; each is a group by its name. Raises BadFile.

    Of one that flarego wrote, only the first profile is read: it holds everything, the others parts of it.
    """
    value = source.json()
    total = 0.0
    frames = _frames(_get(_get(value, "shared", dict), "frames", list))
    numbers = [assembly.location(frame) for frame in frames]
    profiles = _get(value, "profiles", list)
    ours = str(value.get("exporter", "")).startswith("flarego ")
    for profile in profiles[:1] if ours else profiles:
        name = _get(profile, "name", str)
        origin = Origin(labels=(("profile", name),) if name and not ours and len(profiles) > 1 else ())
        counts = ours and _get(profile, "unit", str) == "none"
        one = INSTANT_NS if counts else _UNITS.get(_get(profile, "unit", str), source.unit_ns)
        for stack, weight in _samples(profile, len(frames)):
            kept, (state, reason) = take_state(stack, lambda i: frames[i].function)
            total += weight * one
            assembly.add([numbers[i] for i in kept], state=state, reason=reason, origin=origin,
                         wall=weight * one, count=round(weight) if counts else 0)  # fmt: skip
    if not math.isfinite(total):
        raise BadFile(f"{source.name} has more time in it than there is")
    name = value.get("name")
    return About("speedscope", name if isinstance(name, str) and name else source.stem, max(round(total), 1),
                 command=source.name)  # fmt: skip


def _frames(values: Sequence[Any]) -> list[Frame]:
    frames = []
    for value in values:
        name, file, line = _get(value, "name", str), value.get("file"), value.get("line")
        frames.append(
            Frame(
                name,
                file if isinstance(file, str) else "",
                max(line, 0) if isinstance(line, int) else 0,
                internal=is_internal(name),
            )
        )
    return frames


def _samples(profile: Mapping[str, Any], frames: int) -> Iterator[tuple[Sequence[int], float]]:
    """Yield stacks of frame numbers, outermost first, and their weights. Raises BadFile."""
    match _get(profile, "type", str):
        case "sampled":
            pairs = _sampled(profile)
        case "evented":
            pairs = _evented(profile)
        case other:
            raise BadFile(f"a speedscope profile of the unknown type {other[:40]!r}")
    for stack, weight in pairs:
        if not 0 <= weight < math.inf:
            raise BadFile("a speedscope profile with a weight below 0")
        if not all(isinstance(frame, int) and 0 <= frame < frames for frame in stack):
            raise BadFile("a speedscope profile that refers to a frame it does not hold")
        yield stack, weight


def _sampled(profile: Mapping[str, Any]) -> Iterator[tuple[Sequence[int], float]]:
    samples, weights = _get(profile, "samples", list), _get(profile, "weights", list)
    if len(samples) != len(weights):
        raise BadFile("a speedscope profile without a weight for each sample")
    for sample, weight in zip(samples, weights, strict=True):
        if not isinstance(sample, list):
            raise BadFile("a speedscope profile with a sample that is no list of frames")
        yield sample, _number(weight)


def _evented(profile: Mapping[str, Any]) -> Iterator[tuple[Sequence[int], float]]:
    """Yield the time between two events, and the stack that was open."""
    open_frames: list[int] = []
    at = _number(profile.get("startValue", 0))
    for event in _get(profile, "events", list):
        kind, frame, now = _get(event, "type", str), _get(event, "frame", int), _number(event.get("at"))
        if now < at:
            raise BadFile("a speedscope profile whose events are not in order")
        if open_frames and now > at:
            yield open_frames, now - at
        at = now
        if kind == "O" and len(open_frames) < _MAX_OPEN:
            open_frames.append(frame)
        elif kind == "C" and open_frames and open_frames[-1] == frame:
            open_frames.pop()
        else:
            raise BadFile("a speedscope profile that closes a frame it did not open")
    end = _number(profile.get("endValue", at))
    if open_frames and end > at:
        yield open_frames, end - at


def _get(value: Any, key: str, kind: type) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise BadFile(f"no speedscope file: {key!r} should be a {kind.__name__}")
    return found


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise BadFile("a speedscope profile with a time that is no number")
    return float(value)
