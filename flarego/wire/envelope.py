"""The envelopes that agents and gateways exchange, as flarego.proto defines them, to bytes and back.

What comes from the other side is bounded by the size of its message; fields this version does not know are stepped
over, as protocol buffers have it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from flarego.wire.protobuf import Malformed, blob, double, fields, number, numbers, packed, text

INGEST = "/flarego.v1.Ingest/Stream"
WATCH = "/flarego.v1.Watch/Stream"
PROCESSES = "/flarego.v1.Watch/Processes"
MAX_TEXT = 1 << 12
"""Bytes of a text field."""
_MAX_ENCODINGS = 16
_Value = int | memoryview
_T = TypeVar("_T")


class Encoding(IntEnum):
    """How the payload of a Data message is packed."""

    RAW = 0
    ZSTD = 1


@dataclass(frozen=True, slots=True)
class Hello:
    """An agent begins to tell of a process."""

    process: bytes
    namespace: str = ""
    encodings: Sequence[int] = ()
    agent: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """One message of FORMAT.md."""

    sequence: int
    payload: bytes
    encoding: int = Encoding.RAW
    raw_size: int = 0


@dataclass(frozen=True, slots=True)
class Bye:
    """Nothing more comes of this process."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The gateway takes what comes, after `last`."""

    namespace: str
    encoding: int = Encoding.RAW
    last: int = 0
    max_message: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """All up to it is safe."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gateway does not take one message (sequence), or the stream (0)."""

    code: str
    message: str
    retry_after_ms: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One process that can be watched."""

    process: str
    namespace: str
    name: str = ""
    pid: int = 0
    host: str = ""
    runtime: str = ""
    runtime_version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    first_seen: float = 0.0
    """Unix seconds."""
    last_seen: float = 0.0
    gone: str = ""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a program wants to watch; "" of process: all of the namespace."""

    namespace: str = ""
    process: str = ""
    since_s: float = 0.0


AgentMessage = Hello | Data | Bye
GatewayMessage = Welcome | Ack | Refusal


def encode_agent(message: AgentMessage) -> bytes:
    """Return an AgentMessage."""
    match message:
        case Hello():
            body = blob(1, message.process) + text(2, message.namespace) + packed(3, message.encodings)
            return blob(1, body + text(4, message.agent) + text(5, message.version))
        case Data():
            head = number(1, message.sequence) + number(2, message.encoding) + number(4, message.raw_size)
            return blob(2, head + blob(3, message.payload))
        case Bye():
            return blob(3, text(1, message.why))


def decode_agent(data: bytes) -> AgentMessage | None:
    """Return what an agent said, None for what this version does not know. Raises Malformed."""
    kinds: Mapping[int, Callable[[memoryview], AgentMessage]] = {1: _hello, 2: _data, 3: _bye}
    return _one_of(data, kinds)


def encode_gateway(message: GatewayMessage) -> bytes:
    """Return a GatewayMessage."""
    match message:
        case Welcome():
            body = text(1, message.namespace) + number(2, message.encoding)
            return blob(1, body + number(3, message.last) + number(4, message.max_message))
        case Ack():
            return blob(2, number(1, message.sequence))
        case Refusal():
            body = text(1, message.code) + text(2, message.message)
            return blob(3, body + number(3, message.retry_after_ms) + number(4, message.sequence))


def decode_gateway(data: bytes) -> GatewayMessage | None:
    """Return what a gateway said, None for what this version does not know. Raises Malformed."""
    kinds: Mapping[int, Callable[[memoryview], GatewayMessage]] = {1: _welcome, 2: _ack, 3: _refusal}
    return _one_of(data, kinds)


def encode_listed(listed: Sequence[Listed]) -> bytes:
    """Return a ProcessesReply."""
    return b"".join(blob(1, _encode_process(process)) for process in listed)


def decode_namespace(data: bytes) -> str:
    """Return the namespace that a ProcessesRequest names. Raises Malformed."""
    return _text(_last(memoryview(data)), 1)


def encode_watch_request(request: WatchRequest) -> bytes:
    """Return a WatchRequest."""
    return text(1, request.namespace) + text(2, request.process) + double(3, request.since_s)


def decode_watch_request(data: bytes) -> WatchRequest:
    """Return a WatchRequest. Raises Malformed."""
    found = _last(memoryview(data))
    (since_s,) = struct.unpack("<d", _number(found, 3).to_bytes(8, "little"))
    return WatchRequest(_text(found, 1), _text(found, 2), since_s)


def encode_watched(payload: bytes) -> bytes:
    """Return a WatchMessage."""
    return blob(1, payload)


def decode_watched(data: bytes) -> bytes:
    """Return the payload of a WatchMessage. Raises Malformed."""
    return _bytes(_last(memoryview(data)), 1)


def _encode_process(process: Listed) -> bytes:
    labels = b"".join(blob(8, text(1, name) + text(2, value)) for name, value in process.labels.items())
    about = text(1, process.process) + text(2, process.namespace) + text(3, process.name) + number(4, process.pid)
    runs = text(5, process.host) + text(6, process.runtime) + text(7, process.runtime_version)
    seen = double(9, process.first_seen) + double(10, process.last_seen) + text(11, process.gone)
    return about + runs + labels + seen


def _one_of(data: bytes, kinds: Mapping[int, Callable[[memoryview], _T]]) -> _T | None:
    """Return the last of the fields that is known, as a oneof has it."""
    found: _T | None = None
    for name, value in fields(memoryview(data)):
        if name in kinds:
            if isinstance(value, int):
                raise Malformed(f"field {name} should be a message")
            found = kinds[name](value)
    return found


def _hello(body: memoryview) -> Hello:
    encodings: list[int] = []
    for name, value in fields(body):
        if name == 3:
            encodings.extend(numbers(value))
            if len(encodings) > _MAX_ENCODINGS:
                raise Malformed("more encodings than there are")
    found = _last(body)
    return Hello(_bytes(found, 1), _text(found, 2), tuple(encodings), _text(found, 4), _text(found, 5))


def _data(body: memoryview) -> Data:
    found = _last(body)
    return Data(_number(found, 1), _bytes(found, 3), _number(found, 2), _number(found, 4))


def _bye(body: memoryview) -> Bye:
    return Bye(_text(_last(body), 1))


def _ack(body: memoryview) -> Ack:
    return Ack(_number(_last(body), 1))


def _welcome(body: memoryview) -> Welcome:
    found = _last(body)
    return Welcome(_text(found, 1), _number(found, 2), _number(found, 3), _number(found, 4))


def _refusal(body: memoryview) -> Refusal:
    found = _last(body)
    return Refusal(_text(found, 1), _text(found, 2), _number(found, 3), _number(found, 4))


def _last(body: memoryview) -> dict[int, _Value]:
    """Return the fields; of one that is repeated, the last."""
    return dict(fields(body))


def _number(found: Mapping[int, _Value], name: int) -> int:
    value = found.get(name, 0)
    if not isinstance(value, int):
        raise Malformed(f"field {name} should be a number")
    return value


def _bytes(found: Mapping[int, _Value], name: int) -> bytes:
    value = found.get(name, b"")
    if isinstance(value, int):
        raise Malformed(f"field {name} should be bytes")
    return bytes(value)


def _text(found: Mapping[int, _Value], name: int) -> str:
    data = _bytes(found, name)
    if len(data) > MAX_TEXT:
        raise Malformed(f"field {name} is a text of {len(data)} bytes; {MAX_TEXT} are the most")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed(f"field {name} should be UTF-8") from None
