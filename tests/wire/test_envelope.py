"""Our envelopes against the official protocol buffers compiler and library, both ways; and against random bytes."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flarego.wire
from flarego.wire import envelope
from flarego.wire.envelope import Ack, Bye, Data, Encoding, Hello, Listed, Refusal, WatchRequest, Welcome
from flarego.wire.protobuf import Malformed

PROTO = Path(flarego.wire.__file__).parent / "flarego.proto"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SEQUENCES = st.integers(0, 2**64 - 1)
ENCODINGS = st.lists(st.sampled_from([0, 1]), max_size=16).map(tuple)
HELLOS = st.builds(Hello, st.binary(max_size=50), TEXTS, ENCODINGS, TEXTS, TEXTS)
DATA = st.builds(Data, SEQUENCES, st.binary(max_size=50), st.sampled_from([Encoding.RAW, Encoding.ZSTD]), SEQUENCES)
WELCOMES = st.builds(Welcome, TEXTS, st.sampled_from([0, 1]), SEQUENCES, SEQUENCES)
REFUSALS = st.builds(Refusal, TEXTS, TEXTS, SEQUENCES, SEQUENCES)
TIMES = st.floats(0, 1e10)
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=3)
LISTED = st.builds(Listed, *[TEXTS] * 3, st.integers(0, 2**32), *[TEXTS] * 3, LABELS, TIMES, TIMES, TEXTS)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The classes that protoc makes of flarego.proto."""
    from grpc_tools import protoc

    folder = tmp_path_factory.mktemp("proto")
    assert protoc.main(["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", PROTO.name]) == 0
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("flarego_pb2")
    finally:
        sys.path.remove(str(folder))


@given(message=st.one_of(HELLOS, DATA, st.builds(Bye, TEXTS)))
def test_what_agents_say(official: Any, message: envelope.AgentMessage) -> None:
    data = envelope.encode_agent(message)
    assert envelope.decode_agent(data) == message
    theirs = official.AgentMessage.FromString(data)
    part = getattr(theirs, theirs.WhichOneof("message"))
    for name in message.__slots__:
        value = getattr(part, name)
        assert (tuple(value) if name == "encodings" else value) == getattr(message, name)
    assert envelope.decode_agent(theirs.SerializeToString()) == message


@given(message=st.one_of(WELCOMES, st.builds(Ack, SEQUENCES), REFUSALS))
def test_what_gateways_say(official: Any, message: envelope.GatewayMessage) -> None:
    data = envelope.encode_gateway(message)
    assert envelope.decode_gateway(data) == message
    theirs = official.GatewayMessage.FromString(data)
    part = getattr(theirs, theirs.WhichOneof("message"))
    assert all(getattr(part, name) == getattr(message, name) for name in message.__slots__)
    assert envelope.decode_gateway(theirs.SerializeToString()) == message


@given(listed=st.lists(LISTED, max_size=3))
def test_the_list_of_processes(official: Any, listed: list[Listed]) -> None:
    theirs = official.ProcessesReply.FromString(envelope.encode_listed(listed))
    assert len(theirs.processes) == len(listed)
    for process, one in zip(theirs.processes, listed, strict=True):
        assert dict(process.labels) == one.labels
        assert all(getattr(process, name) == getattr(one, name) for name in one.__slots__ if name != "labels")


@given(request=st.builds(WatchRequest, TEXTS, TEXTS, st.floats(allow_nan=False)))
def test_requests_to_watch(official: Any, request: WatchRequest) -> None:
    data = envelope.encode_watch_request(request)
    assert envelope.decode_watch_request(data) == request
    theirs = official.WatchRequest.FromString(data)
    assert (theirs.namespace, theirs.process, theirs.since_s) == (request.namespace, request.process, request.since_s)
    assert envelope.decode_watch_request(theirs.SerializeToString()) == request


def test_what_is_watched(official: Any) -> None:
    assert official.WatchMessage.FromString(envelope.encode_watched(b"abc")).payload == b"abc"
    assert envelope.decode_watched(official.WatchMessage(payload=b"abc").SerializeToString()) == b"abc"
    assert envelope.decode_namespace(official.ProcessesRequest(namespace="x").SerializeToString()) == "x"


READERS = (
    envelope.decode_agent,
    envelope.decode_gateway,
    envelope.decode_watch_request,
    envelope.decode_watched,
    envelope.decode_namespace,
)


@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    for read in READERS:
        with suppress(Malformed):
            read(data)


@given(message=st.one_of(HELLOS, DATA), at=st.integers(0, 1000), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read(message: envelope.AgentMessage, at: int, byte: int) -> None:
    data = bytearray(envelope.encode_agent(message))
    data[at % len(data)] = byte
    with suppress(Malformed):
        envelope.decode_agent(bytes(data))


def test_a_long_text_is_refused() -> None:
    with pytest.raises(Malformed):
        envelope.decode_agent(envelope.encode_agent(Hello(b"", "n" * (envelope.MAX_TEXT + 1))))
