"""Reading pprof profiles: goroutine, CPU, block, mutex and wall-clock ones of any program, and flarego's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from flarego.formats.assembly import About, Assembly, Labels, Origin
from flarego.formats.meaning import meaning_of
from flarego.formats.pprof import OWN_LABELS
from flarego.formats.source import BadFile, Source
from flarego.formats.states import guess, is_internal
from flarego.model.chunk import STATES
from flarego.model.frame import Frame
from flarego.wire.protobuf import Malformed, fields, numbers, signed

_NUMBERS, _LAST_FIELD = (9, 10, 12, 14), 15
"""Fields of a profile that are numbers, and the greatest there is."""
_MAX_FIRST = 8
_MAX_LINES = 255
_MAX_STACK = 100_000


def looks_like(head: bytes) -> bool:
    """Tell whether a file begins with the fields of a profile, a sample type among the first."""
    try:
        for number, value in islice(fields(memoryview(head)), _MAX_FIRST):
            if number > _LAST_FIELD or isinstance(value, int) != (number in _NUMBERS):
                return False
            if number == 1 and not isinstance(value, int):
                return all(isinstance(part, int) and name in (1, 2) for name, part in fields(value))
    except Malformed:
        pass
    return False


def read(source: Source, assembly: Assembly) -> About:
    """Add the profile. Raises BadFile."""
    try:
        return _Profile(memoryview(source.read()), source.max_entries).add(source, assembly)
    except Malformed as e:
        raise BadFile(e.message) from None


@dataclass(slots=True)
class _Sample:
    locations: Sequence[int]
    """Ids, innermost first."""
    values: Sequence[int]
    labels: Labels


@dataclass
class _Profile:
    """The tables of one profile; strings may come after what refers to them, so they are looked up last."""

    data: memoryview
    max_entries: int
    types: list[tuple[str, str]] = field(default_factory=list)
    default: str = ""
    period: tuple[tuple[str, str], int] = (("", ""), 0)
    time: int = 0
    duration: int = 0
    build_id: str = ""
    _strings: list[str] = field(default_factory=list)
    _tables: dict[int, list[memoryview]] = field(default_factory=lambda: {1: [], 2: [], 3: [], 4: [], 5: [], 11: []})
    _scalars: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entries, (number, value) in enumerate(fields(self.data)):
            if entries >= self.max_entries:
                raise BadFile(f"a profile of more than {self.max_entries:,} entries")
            if isinstance(value, int):
                self._scalars[number] = value
            elif number == 6:
                self._strings.append(str(value, "utf-8", "replace"))
            elif number in self._tables:
                self._tables[number].append(value)
        self.types = [self._type(data) for data in self._tables[1]]
        if not self.types:
            raise BadFile("no pprof profile: it does not say what its samples are")
        self.default = self._string(self._scalars.get(14, 0))
        self.time = max(signed(self._scalars.get(9, 0)), 0)
        self.duration = max(signed(self._scalars.get(10, 0)), 0)
        if self._tables[11]:
            self.period = (self._type(self._tables[11][0]), signed(self._scalars.get(12, 0)))

    def add(self, source: Source, assembly: Assembly) -> About:
        """Add all samples. Raises BadFile, NoTime."""
        meaning = meaning_of(
            self.types,
            default=self.default,
            period=self.period,
            duration=self.duration or source.span_ns,
            unit_ns=source.unit_ns,
        )
        locations = self._locations(assembly)
        total = 0.0
        for sample in self._samples():
            found = [locations[i] for i in reversed(sample.locations) if i in locations]
            functions = (name for _, names in reversed(found) for name in names)
            state, reason, origin = _describe(sample.labels, functions)
            for part in meaning.parts(sample.values, state):
                total += part.wall
                assembly.add([number for number, _ in found], state=part.state, reason=reason, origin=origin,
                             wall=part.wall, cpu=part.cpu, count=part.count, wait=part.wait)  # fmt: skip
        name, build_id = self._binary()
        return About("pprof", name or source.stem, self.duration or meaning.span or max(round(total), 1), self.time,
                     source.name, build_id, meaning.kind)  # fmt: skip

    def _string(self, number: int) -> str:
        if number >= len(self._strings):
            raise BadFile("a profile that refers to a text it does not hold")
        return self._strings[number]

    def _type(self, data: memoryview) -> tuple[str, str]:
        found = _scalars(data)
        return self._string(found.get(1, 0)), self._string(found.get(2, 0))

    def _binary(self) -> tuple[str, str]:
        """Return name and build id of the program, "" where the profile does not tell them."""
        for data in self._tables[3][:1]:
            found = _scalars(data)
            return self._string(found.get(5, 0)).rpartition("/")[2], self._string(found.get(6, 0))
        return "", ""

    def _functions(self) -> dict[int, tuple[str, str]]:
        functions = {}
        for data in self._tables[5]:
            found = _scalars(data)
            name = self._string(found.get(2, 0)) or self._string(found.get(3, 0))
            functions[found.get(1, 0)] = name, self._string(found.get(4, 0))
        return functions

    def _locations(self, assembly: Assembly) -> dict[int, tuple[int, Sequence[str]]]:
        """Return, by id, the assembly's number of each location, and its functions, innermost first."""
        functions = self._functions()
        locations: dict[int, tuple[int, Sequence[str]]] = {}
        for data in self._tables[4]:
            scalars: dict[int, int] = {}
            lines: list[dict[int, int]] = []
            for number, value in fields(data):
                if isinstance(value, int):
                    scalars[number] = value
                elif number == 4 and len(lines) < _MAX_LINES:
                    lines.append(_scalars(value))
            frames = [_frame(functions, line, inlined=i < len(lines) - 1) for i, line in enumerate(lines)]
            if not frames:
                frames = [Frame(f"{scalars.get(3, 0):#x}", "", 0)]
            names = tuple(frame.function for frame in frames)
            locations[scalars.get(1, 0)] = assembly.location(*reversed(frames)), names
        return locations

    def _samples(self) -> Iterator[_Sample]:
        for data in self._tables[2]:
            locations: list[int] = []
            values: list[int] = []
            labels: list[tuple[str, str]] = []
            for number, value in fields(data):
                if number == 1:
                    locations.extend(islice(numbers(value), _MAX_STACK + 1))
                    if len(locations) > _MAX_STACK:
                        raise BadFile(f"a profile with a stack of more than {_MAX_STACK:,} frames")
                elif number == 2:
                    values.extend(map(signed, islice(numbers(value), len(self.types) + 1)))
                elif number == 3 and not isinstance(value, int):
                    labels.append(self._label(value))
            if len(values) != len(self.types):
                raise BadFile("a profile with a sample that does not have a value of each type")
            if min(values) < 0:
                raise BadFile("the difference of two profiles: import each of them, and `flarego diff` the clips")
            yield _Sample(locations, values, tuple(sorted(labels)))

    def _label(self, data: memoryview) -> tuple[str, str]:
        found = _scalars(data)
        value = self._string(found.get(2, 0))
        if not value and 3 in found:
            value = f"{signed(found[3])} {self._string(found.get(4, 0))}".rstrip()
        return self._string(found.get(1, 0)), value


def _describe(labels: Labels, functions: Iterator[str]) -> tuple[str, str, Origin]:
    """Return state, wait reason and origin of a sample."""
    own = {name: value for name, value in labels if name in OWN_LABELS}
    others = tuple((name.removeprefix("label."), value) for name, value in labels if name not in OWN_LABELS)
    created_by = Frame(own["created_by"], "", 0) if "created_by" in own else None
    if own.get("state") in STATES:
        state, reason = own["state"], own.get("reason", "")
    else:
        others = tuple((name, value) for name, value in labels if name != "created_by")
        state, reason = guess(functions)
    return state, reason, Origin(created_by=created_by, labels=others)


def _frame(functions: dict[int, tuple[str, str]], line: dict[int, int], *, inlined: bool) -> Frame:
    name, file = functions.get(line.get(1, 0), ("?", ""))
    return Frame(name or "?", file, max(signed(line.get(2, 0)), 0), inlined, is_internal(name))


def _scalars(data: memoryview) -> dict[int, int]:
    return {number: value for number, value in fields(data) if isinstance(value, int)}
