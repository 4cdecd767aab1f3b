"""grpc.reflection: what services there are and what their messages look like, for grpcurl and its kin.

Answers from descriptors.bin, see describe.py. Who may not call anything learns nothing: it asks for a valid token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from flarego.gateway.auth.principal import Scope
from flarego.gateway.policy import Rule
from flarego.gateway.rpc.server import Call, Rpc
from flarego.wire.grpc import Status
from flarego.wire.protobuf import Malformed, blob, fields, number, text

PATHS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
_BY_NAME, _BY_SYMBOL, _EXTENSION, _EXTENSIONS, _LIST = 3, 4, 5, 6, 7
"""Fields of a ServerReflectionRequest."""
_MAX_TEXT = 1 << 10


class Descriptors:
    """The files there are, by name and by the symbols they define."""

    def __init__(self, data: bytes) -> None:
        self.files: dict[str, bytes] = {}
        self._needs: dict[str, list[str]] = {}
        self._homes: dict[str, str] = {}
        for name, value in fields(memoryview(data)):
            if name == 1 and not isinstance(value, int):
                self._add(bytes(value))

    def _add(self, file: bytes) -> None:
        found = list(fields(memoryview(file)))
        name, package = (next((_text(v) for n, v in found if n == field), "") for field in (1, 2))
        self.files[name] = file
        self._needs[name] = [_text(v) for n, v in found if n == 3]
        for symbol in _symbols(found, package):
            self._homes[symbol] = name

    def with_needs(self, name: str) -> Sequence[bytes]:
        """Return a file and those it builds on; [] when there is none of that name."""
        names: list[str] = []
        due = [name]
        while due:
            one = due.pop(0)
            if one in self.files and one not in names:
                names.append(one)
                due.extend(self._needs[one])
        return [self.files[one] for one in names]

    def home(self, symbol: str) -> str:
        """Return the file that defines a message, an enum, a service or one of its methods; "" when none does."""
        return self._homes.get(symbol, "")


class Reflection:
    """Answers ServerReflectionInfo, in either version: they differ by name only."""

    rule = Rule(Scope.READ, namespaced=False, audited=False)

    def __init__(self, path: str, services: Callable[[], Sequence[str]]) -> None:
        self.path = path
        self._services = services

    async def call(self, call: Call) -> None:
        async for request in call:
            await call.send(self.answer(request))

    def answer(self, request: bytes) -> bytes:
        """Return a ServerReflectionResponse. Raises Malformed."""
        kind, wanted = 0, ""
        for name, value in fields(memoryview(request)):
            if not isinstance(value, int) and name in (_BY_NAME, _BY_SYMBOL, _LIST):
                kind, wanted = name, _text(value)
            elif name in (_EXTENSION, _EXTENSIONS):
                kind = name
        return blob(2, request) + self._answer(kind, wanted)

    def _answer(self, kind: int, wanted: str) -> bytes:
        if kind == _LIST:
            return blob(6, b"".join(blob(1, text(1, name)) for name in self._services()))
        files: Sequence[bytes] = ()
        if kind == _BY_NAME:
            files = descriptors().with_needs(wanted)
        elif kind == _BY_SYMBOL:
            files = descriptors().with_needs(descriptors().home(wanted))
        if files:
            return blob(4, b"".join(blob(1, file) for file in files))
        return blob(7, number(1, Status.NOT_FOUND) + text(2, "there is nothing of that name"))


def reflection(paths: Callable[[], Sequence[str]]) -> Sequence[Rpc]:
    """Return what answers for reflection; `paths` are those of all methods there are."""

    def services() -> Sequence[str]:
        return sorted({path.split("/")[1] for path in paths()})

    return [Reflection(path, services) for path in PATHS]


@cache
def descriptors() -> Descriptors:
    """Return what we were built with."""
    return Descriptors(Path(__file__).with_name("descriptors.bin").read_bytes())


def _text(value: int | memoryview) -> str:
    if isinstance(value, int) or len(value) > _MAX_TEXT:
        raise Malformed("a name should be a short text")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise Malformed("a name should be UTF-8") from None


def _symbols(file: Sequence[tuple[int, int | memoryview]], package: str) -> Iterator[str]:
    prefix = f"{package}." if package else ""
    for kind, value in file:
        if isinstance(value, int):
            continue
        if kind == 4:
            yield from _nested(value, prefix, {3: True, 4: False})
        elif kind == 5:
            yield from _nested(value, prefix, {})
        elif kind == 6:
            yield from _nested(value, prefix, {2: False})


def _nested(data: memoryview, prefix: str, parts: Mapping[int, bool]) -> Iterator[str]:
    """Yield the name of what is defined, and of what is within: field → whether that has the same parts."""
    found = list(fields(data))
    name = prefix + next((_text(value) for kind, value in found if kind == 1), "")
    yield name
    for kind, value in found:
        if kind in parts and not isinstance(value, int):
            yield from _nested(value, f"{name}.", parts if parts[kind] else {})
