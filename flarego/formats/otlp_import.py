"""Reading OTLP profiles: a request's dictionary and samples, as one profile for each process and kind.

A collector sends many services' profiles at once, and the profiler of a whole host puts the process into the attributes
of each sample. So a profile is divided by what its attributes say of the process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flarego.formats.assembly import Assembly, Labels, Origin
from flarego.formats.meaning import Meaning, meaning_of
from flarego.formats.otlp_schema import REQUEST, SCHEMA
from flarego.formats.pushed import Pushed, new_assembly, new_budget, source
from flarego.formats.source import BadFile
from flarego.formats.states import guess, is_internal
from flarego.model.chunk import STATES
from flarego.model.frame import Frame
from flarego.wire.protobuf import Malformed

FORMAT = "OTLP profiles"
OWN = ("flarego.state", "flarego.reason", "flarego.created_by")
"""Attributes of samples that say what flarego's own rows say."""
_OF_PROCESS = ("process.", "service.", "container.", "k8s.", "host.")
_NOISE = frozenset({"thread.id", "cpu.logical_number"})
"""What differs from sample to sample without telling goroutines or threads apart for anybody."""
_FRAME_TYPE = "profile.frame.type"
_NO_RUNTIME = frozenset({"", "native", "kernel"})
_MAX_PROCESSES = 1024
_MAX_LINES = 255
_MAX_LABELS = 32


@dataclass(frozen=True)
class Found:
    """What a request held."""

    profiles: Sequence[Pushed]
    rejected: int
    """Profiles that were not taken."""
    why: str


def read_bytes(data: bytes) -> Found:
    """Return the profiles of a request's bytes. Raises BadFile."""
    try:
        return _read(SCHEMA.read(memoryview(data), REQUEST))
    except Malformed as e:
        raise BadFile(e.message) from None


def read_json(data: bytes) -> Found:
    """Return the profiles of a request's JSON. Raises BadFile."""
    try:
        return _read(SCHEMA.from_json(source(data, "the request").json(), REQUEST))
    except Malformed as e:
        raise BadFile(e.message) from None


def _read(request: Mapping[str, Any]) -> Found:
    dictionary = _Dictionary(request.get("dictionary", {}))
    profiles: list[Pushed] = []
    refusals: list[str] = []
    for resource in request.get("resource_profiles", ()):
        attributes = dictionary.attributes_of(resource.get("resource", {}).get("attributes", ()))
        for scope in resource.get("scope_profiles", ()):
            for profile in scope.get("profiles", ()):
                try:
                    profiles.extend(_Profile(dictionary, attributes, profile).divided())
                except BadFile as e:
                    refusals.append(e.message)
                if len(profiles) > _MAX_PROCESSES:
                    raise BadFile(f"profiles of more than {_MAX_PROCESSES:,} processes at once")
    return Found(profiles, len(refusals), "; ".join(dict.fromkeys(refusals[:8])))


class _Dictionary:
    """The tables that all profiles of a request refer to, resolved as they are asked for."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        self.budget = new_budget()
        self._strings: Sequence[str] = tables.get("string_table", ())
        self._locations: dict[int, tuple[tuple[Frame, ...], str]] = {}

    def _entry(self, table: str, index: int) -> Any:
        entries = self._tables.get(table, ())
        if not 0 <= index < len(entries):
            raise BadFile(f"a profile that refers to an entry of {table} that there is not")
        return entries[index]

    def string(self, index: int) -> str:
        if not index and not self._strings:
            return ""
        if not 0 <= index < len(self._strings):
            raise BadFile("a profile that refers to a text it does not hold")
        return self._strings[index]

    def value_type(self, value: Mapping[str, int] | None) -> tuple[str, str]:
        value = value or {}
        return self.string(value.get("type_strindex", 0)), self.string(value.get("unit_strindex", 0))

    def attributes_of(self, pairs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Return attributes that are written out, as texts."""
        return {
            pair.get("key") or self.string(pair.get("key_strindex", 0)): self._text(pair.get("value"))
            for pair in pairs[:256]
        }

    def attributes(self, indices: Sequence[int]) -> Labels:
        """Return attributes of the table."""
        entries = (self._entry("attribute_table", index) for index in indices if index)
        return tuple((self.string(e.get("key_strindex", 0)), self._text(e.get("value"))) for e in entries)

    def _text(self, value: Mapping[str, Any] | None) -> str:
        for kind, one in (value or {}).items():
            if kind == "string_value_strindex":
                return self.string(one)
            return ("true" if one else "false") if kind == "bool_value" else str(one)
        return ""

    def stack(self, index: int) -> Sequence[int]:
        """Return locations, innermost first. A long one may be referred to again and again: each time costs."""
        locations: Sequence[int] = self._entry("stack_table", index).get("location_indices", ()) if index else ()
        if len(locations) > self.budget.frames:
            raise BadFile("more frames to add up than flarego takes at once")
        return locations

    def location(self, index: int) -> tuple[tuple[Frame, ...], str]:
        """Return a frame with what was inlined into it, outermost first, and what kind of code it is."""
        found = self._locations.get(index)
        if found is None:
            entry = self._entry("location_table", index)
            frames = tuple(self._frames(entry)) or (Frame(self._place(entry), "", 0),)
            kind = dict(self.attributes(entry.get("attribute_indices", ()))).get(_FRAME_TYPE, "")
            found = self._locations[index] = frames, kind
        return found

    def _frames(self, location: Mapping[str, Any]) -> Iterator[Frame]:
        for i, line in enumerate(reversed(location.get("lines", ())[:_MAX_LINES])):
            function = self._entry("function_table", line.get("function_index", 0))
            name = self.string(function.get("name_strindex", 0)) or self.string(function.get("system_name_strindex", 0))
            file = self.string(function.get("filename_strindex", 0))
            yield Frame(name or "?", file, max(line.get("line", 0), 0), i > 0, is_internal(name))

    def _place(self, location: Mapping[str, Any]) -> str:
        """Return what to call code without symbols: the binary, and where in it."""
        mapping = self._entry("mapping_table", index) if (index := location.get("mapping_index", 0)) else {}
        file = self.string(mapping.get("filename_strindex", 0)).rpartition("/")[2]
        address = f"{location.get('address', 0):#x}"
        return f"{file}+{address}" if file else address


@dataclass
class _Share:
    """What one process has of a profile."""

    attributes: dict[str, str]
    assembly: Assembly
    locations: dict[int, int] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    """Of code in its stacks: go, cpython, jvm …"""


class _Profile:
    """One profile, divided by process."""

    def __init__(self, dictionary: _Dictionary, attributes: Mapping[str, str], profile: Mapping[str, Any]) -> None:
        self._dictionary, self._attributes, self._profile = dictionary, attributes, profile
        self._shares: dict[Labels, _Share] = {}
        self._meant: dict[tuple[int, ...], tuple[_Share, str, str, Origin]] = {}

    def divided(self) -> Iterator[Pushed]:
        """Yield a profile for each process in it. Raises BadFile, NoTime."""
        profile = self._profile
        start, span = profile.get("time_unix_nano", 0), profile.get("duration_nano", 0)
        meaning = meaning_of(
            [self._dictionary.value_type(profile.get("sample_type"))],
            period=(self._dictionary.value_type(profile.get("period_type")), profile.get("period", 0)),
            duration=span,
            unit_ns=0,
        )
        for sample in profile.get("samples", ()):
            self._add(sample, meaning)
        span = span or meaning.span or 1
        name = profile.get("profile_id", b"").hex()
        for share in self._shares.values():
            runtime = next((kind for kind, _ in share.kinds.most_common() if kind not in _NO_RUNTIME), "")
            if runtime:
                share.attributes.setdefault("process.runtime.name", runtime)
            yield Pushed(share.attributes, share.assembly, meaning.kind, start, start + span if start else 0,
                         FORMAT, name)  # fmt: skip

    def _add(self, sample: Mapping[str, Any], meaning: Meaning) -> None:
        values, indices = sample.get("values", ()), tuple(sample.get("attribute_indices", ()))
        value = sum(values) if values else len(sample.get("timestamps_unix_nano", ()))
        if not 0 <= value < 1 << 63:
            raise BadFile("a profile with a value below 0")
        found = self._meant.get(indices)
        if found is None:
            found = self._meant[indices] = self._meaning_of(indices)
        share, state, reason, origin = found
        stack, functions = [], []
        for index in self._dictionary.stack(sample.get("stack_index", 0)):
            frames, kind = self._dictionary.location(index)
            number = share.locations.get(index)
            if number is None:
                number = share.locations[index] = share.assembly.location(*frames)
                share.kinds[kind] += 1
            stack.append(number)
            functions.append(frames[-1].function)
        if not state:
            state, reason = guess(functions)
        stack.reverse()
        for part in meaning.parts((value,), state):
            share.assembly.add(stack, state=part.state, reason=reason, origin=origin, wall=part.wall, cpu=part.cpu,
                               count=part.count, wait=part.wait)  # fmt: skip

    def _meaning_of(self, indices: Sequence[int]) -> tuple[_Share, str, str, Origin]:
        """Return whose a sample with these attributes is, its state and wait reason if they say it, and its origin."""
        attributes = self._dictionary.attributes(indices)
        of_process = tuple(sorted(pair for pair in attributes if pair[0].startswith(_OF_PROCESS)))
        own = {name: value for name, value in attributes if name in OWN}
        labels = [pair for pair in attributes
                  if pair[0] not in _NOISE and pair[0] not in OWN and not pair[0].startswith(_OF_PROCESS)]  # fmt: skip
        share = self._shares.get(of_process)
        if share is None:
            if len(self._shares) >= _MAX_PROCESSES:
                raise BadFile(f"a profile of more than {_MAX_PROCESSES:,} processes")
            share = self._shares[of_process] = _Share(
                {**self._attributes, **dict(of_process)}, new_assembly(self._dictionary.budget)
            )
        state, created_by = own.get("flarego.state", ""), own.get("flarego.created_by")
        origin = Origin(Frame(created_by, "", 0) if created_by else None, labels=tuple(sorted(labels[:_MAX_LABELS])))
        return share, state if state in STATES else "", own.get("flarego.reason", ""), origin


def reader(content_type: str) -> Callable[[bytes], Found] | None:
    """Return what reads a body of that type; None when nothing does."""
    match content_type:
        case "application/x-protobuf" | "application/protobuf":
            return read_bytes
        case "application/json":
            return read_json
        case _:
            return None
