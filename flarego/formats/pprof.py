"""pprof's profile.proto, gzipped: what `go tool pprof` and most profile stores read.

Three sample types, wall, cpu and goroutines; state, wait reason and where the goroutine was created are labels
(`-tagfocus`, `-tagroot=state`), as are the program's own. Source: google/pprof, proto/profile.proto.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from flarego import __version__
from flarego.formats.recording import Recording
from flarego.model.frame import Frame
from flarego.model.profile import Group, Profile, Row
from flarego.wire.protobuf import blob, number, packed, text

SAMPLE_TYPES = {"wall": "nanoseconds", "cpu": "nanoseconds", "goroutines": "count"}
OWN_LABELS = ("state", "reason", "created_by")
_DEFAULT = {"wall": "wall", "cpu": "cpu", "count": "goroutines"}


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording's rows as one profile."""
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as file:
        for part in _Writer(recording).parts():
            file.write(part)


class _Writer:
    """Numbers strings, functions and locations as samples use them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[tuple[Frame, ...], int] = {}
        self._new: list[bytes] = []
        """Functions and locations not yet written."""

    def parts(self) -> Iterator[bytes]:
        """Yield the profile's fields; their order is of no consequence to who reads."""
        info, profile = self._recording.process, self._recording.profile()
        for name, unit in SAMPLE_TYPES.items():
            yield blob(1, number(1, self._string(name)) + number(2, self._string(unit)))
        labels = [self._group_labels(group) for group in profile.groups]
        for row in profile.rows:
            yield self._sample(profile, row, labels[row.group])
            yield from self._take_new()
        known = b"".join(number(flag, 1) for flag in range(7, 11))  # functions, files, lines, inlined frames
        yield blob(
            3, number(1, 1) + number(5, self._string(info.name)) + number(6, self._string(info.build_id)) + known
        )
        yield number(9, info.epoch + profile.start)
        yield number(10, profile.end - profile.start)
        about = f"flarego {__version__}: {info.name}, pid {info.pid} on {info.host}, {info.runtime_version}"
        yield number(13, self._string(about))
        yield number(14, self._string(_DEFAULT[self._recording.weight]))
        yield from (text(6, string) for string in self._strings)

    def _sample(self, profile: Profile, row: Row, labels: bytes) -> bytes:
        locations = [self._location(frames) for frames in split(profile.stack(row.node))]
        values = (round(row.wall), round(row.cpu), row.count)
        own = self._label("state", row.state) + (self._label("reason", row.reason) if row.reason else b"")
        return blob(2, packed(1, reversed(locations)) + packed(2, values) + own + labels)

    def _group_labels(self, group: Group) -> bytes:
        labels = {name if name not in OWN_LABELS else f"label.{name}": value for name, value in group.labels.items()}
        if group.created_by:
            labels["created_by"] = group.created_by.function
        return b"".join(self._label(name, value) for name, value in labels.items())

    def _label(self, name: str, value: str) -> bytes:
        return blob(3, number(1, self._string(name)) + number(2, self._string(value)))

    def _location(self, frames: tuple[Frame, ...]) -> int:
        """Return the id of a frame and what was inlined into it."""
        found = self._locations.get(frames)
        if found is None:
            found = self._locations[frames] = len(self._locations) + 1
            lines = [blob(4, number(1, self._function(f)) + number(2, f.line)) for f in reversed(frames)]
            self._new.append(blob(4, number(1, found) + number(2, 1) + b"".join(lines)))
        return found

    def _function(self, frame: Frame) -> int:
        found = self._functions.get((frame.function, frame.file))
        if found is None:
            found = self._functions[frame.function, frame.file] = len(self._functions) + 1
            name = self._string(frame.function)
            self._new.append(
                blob(5, number(1, found) + number(2, name) + number(3, name) + number(4, self._string(frame.file)))
            )
        return found

    def _string(self, string: str) -> int:
        return self._strings.setdefault(string, len(self._strings))

    def _take_new(self) -> Sequence[bytes]:
        new, self._new = self._new, []
        return new


def split(stack: Sequence[Frame]) -> Iterator[tuple[Frame, ...]]:
    """Yield the locations of a stack: a frame with what was inlined into it."""
    begin = 0
    for end in range(1, len(stack) + 1):
        if end == len(stack) or not stack[end].inlined:
            yield tuple(stack[begin:end])
            begin = end
