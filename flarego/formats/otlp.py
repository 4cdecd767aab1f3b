"""OTLP profiles, written: a request for a collector. State and wait reason are attributes of samples.

A profile of this signal has one value a sample, so that a window is up to three of them: wall time of everything, time
on CPU, goroutines at the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from flarego import __version__
from flarego.formats.otlp_import import OWN
from flarego.formats.otlp_schema import REQUEST, SCHEMA
from flarego.formats.pprof import split
from flarego.formats.recording import Recording
from flarego.model.chunk import ProcessInfo
from flarego.model.frame import Frame
from flarego.model.profile import Group, Profile, Row

_KINDS = (("wall", "nanoseconds"), ("cpu", "nanoseconds"), ("goroutines", "count"))
_STATE, _REASON, _CREATED_BY = OWN
_RUNTIMES = {"python": "cpython", "node": "nodejs"}


def request(recording: Recording) -> bytes:
    """Return the bytes of an ExportProfilesServiceRequest. Raises BadRows."""
    return SCHEMA.write(_Writer(recording).request(), REQUEST)


def resource_of(info: ProcessInfo) -> dict[str, str | int]:
    """Return the attributes of a process, as OpenTelemetry names them."""
    known = {
        "service.name": info.name,
        "service.instance.id": info.process,
        "service.namespace": info.namespace,
        "host.name": info.host,
        "process.command_line": info.command,
        "process.runtime.name": _RUNTIMES.get(info.runtime, info.runtime),
        "process.runtime.version": info.runtime_version,
    }
    found: dict[str, str | int] = {key: value for key, value in known.items() if value}
    return {**info.labels, **({"process.pid": info.pid} if info.pid else {}), **found}


class _Writer:
    """Numbers what samples refer to; index 0 of every table is nothing."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[int, int], int] = {(0, 0): 0}
        self._locations: dict[tuple[Frame, ...], int] = {(): 0}
        self._stacks: dict[tuple[int, ...], int] = {(): 0}
        self._attributes: dict[tuple[int, str], int] = {(0, ""): 0}

    def request(self) -> Mapping[str, Any]:
        info, profile = self._recording.process, self._recording.profile()
        samples = self._samples(profile)
        profiles = [
            self._profile(profile, kind, samples[i]) for i, kind in enumerate(_KINDS) if samples[i]
        ]  # fmt: skip
        attributes = [{"key": key, "value": _value(value)} for key, value in resource_of(info).items()]
        scope = {"scope": {"name": "flarego", "version": __version__}, "profiles": profiles}
        return {
            "resource_profiles": [{"resource": {"attributes": attributes}, "scope_profiles": [scope]}],
            "dictionary": self._tables(),
        }

    def _profile(self, profile: Profile, kind: tuple[str, str], samples: Any) -> Mapping[str, Any]:
        info, (name, unit) = self._recording.process, kind
        start = info.epoch + profile.start
        id = hashlib.sha256(f"{info.namespace} {info.process} {start} {profile.end} {name}".encode()).digest()[:16]
        value_type = {"type_strindex": self._string(name), "unit_strindex": self._string(unit)}
        return {
            "sample_type": value_type,
            "samples": samples,
            "time_unix_nano": start,
            "duration_nano": profile.span,
            "period_type": value_type,
            "period": 1,
            "profile_id": id,
        }

    def _samples(self, profile: Profile) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the samples of each kind."""
        stacks: dict[int, int] = {}
        groups = [self._group(group) for group in profile.groups]
        kinds: tuple[list[Any], list[Any], list[Any]] = [], [], []
        for row in profile.rows:
            stack = stacks.get(row.node)
            if stack is None:
                stack = stacks[row.node] = self._stack(profile.stack(row.node))
            sample = {"stack_index": stack, "attribute_indices": [*self._doing(row), *groups[row.group]]}
            for samples, value in zip(kinds, (round(row.wall), round(row.cpu), row.count), strict=True):
                if value:
                    samples.append({**sample, "values": [value]})
        return kinds

    def _doing(self, row: Row) -> list[int]:
        reason = [self._attribute(_REASON, row.reason)] if row.reason else []
        return [self._attribute(_STATE, row.state), *reason]

    def _group(self, group: Group) -> list[int]:
        created = [self._attribute(_CREATED_BY, group.created_by.function)] if group.created_by else []
        return created + [self._attribute(key, value) for key, value in group.labels.items()]

    def _stack(self, frames: tuple[Frame, ...]) -> int:
        numbers = tuple(self._location(span) for span in split(frames))[::-1]
        return self._stacks.setdefault(numbers, len(self._stacks))

    def _location(self, frames: tuple[Frame, ...]) -> int:
        found = self._locations.get(frames)
        if found is None:
            for frame in frames:
                self._function(frame)
            found = self._locations[frames] = len(self._locations)
        return found

    def _function(self, frame: Frame) -> int:
        key = self._string(frame.function), self._string(frame.file)
        return self._functions.setdefault(key, len(self._functions))

    def _attribute(self, key: str, value: str) -> int:
        return self._attributes.setdefault((self._string(key), value), len(self._attributes))

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _tables(self) -> Mapping[str, Any]:
        return {
            "mapping_table": [{}],
            "location_table": [{"lines": list(self._lines(frames))} for frames in self._locations],
            "function_table": [{"name_strindex": name, "filename_strindex": file} for name, file in self._functions],
            "stack_table": [{"location_indices": numbers} for numbers in self._stacks],
            "attribute_table": [{"key_strindex": key, "value": _value(value)} if key else {}
                                for key, value in self._attributes],
            "string_table": list(self._strings),
        }  # fmt: skip

    def _lines(self, frames: tuple[Frame, ...]) -> Iterable[Mapping[str, int]]:
        """Yield the lines of a location, innermost first."""
        for frame in reversed(frames):
            yield {"function_index": self._function(frame), "line": frame.line}


def _value(value: str | int) -> Mapping[str, Any]:
    return {"int_value": value} if isinstance(value, int) else {"string_value": value}
