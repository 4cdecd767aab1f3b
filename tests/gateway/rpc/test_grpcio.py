"""grpcio, the official client, against our port: it streams in, watches, and is told what is wrong."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
import zstandard
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wire.streams import INFO, Reader, Source

from flarego.gateway.auth.proxy import Proxies
from flarego.gateway.limits import Limits
from flarego.model.chunk import Gone
from flarego.wire.codec import decode, encode
from flarego.wire.envelope import INGEST
from gateway.rpc.conftest import AUTHORIZED, Port


class Agent:
    """An agent made of the official stubs."""

    def __init__(self, channel: grpc.Channel, pb: Any, stubs: Any, **options: Any) -> None:
        self.pb = pb
        self._out: queue.Queue[Any] = queue.Queue()
        options.setdefault("metadata", AUTHORIZED)
        self.replies = stubs.IngestStub(channel).Stream(iter(self._out.get, None), timeout=20, **options)

    def say(self, **message: Any) -> None:
        self._out.put(self.pb.AgentMessage(**message))

    def hello(self, **fields: Any) -> Any:
        self.say(hello=self.pb.Hello(**({"process": encode(INFO), "encodings": [1]} | fields)))
        return next(self.replies).welcome

    def data(self, sequence: int, payload: bytes, pack: bool = True) -> None:
        raw_size = len(payload)
        if pack:
            payload = zstandard.compress(payload)
        data = self.pb.Data(sequence=sequence, payload=payload, encoding=int(pack), raw_size=raw_size)
        self.say(data=data)

    def acked(self, sequence: int) -> None:
        while next(self.replies).ack.sequence < sequence:
            pass

    def end(self) -> None:
        self._out.put(None)

    def status(self) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as e:
            list(self.replies)
        return e.value.code(), e.value.details()


@pytest.fixture
def agent(channel: grpc.Channel, pb: Any, stubs: Any) -> Iterator[Agent]:
    agent = Agent(channel, pb, stubs)
    yield agent
    agent.end()


def test_chunks_stream_in_and_are_acknowledged_and_watched(
    port: Port, channel: grpc.Channel, agent: Agent, stubs: Any, pb: Any
) -> None:
    source = Source()
    welcome = agent.hello()
    assert (welcome.namespace, welcome.last, welcome.encoding) == ("default", 0, 1)
    watch = stubs.WatchStub(channel)
    messages = watch.Stream(pb.WatchRequest(process=INFO.process), metadata=AUTHORIZED, timeout=20)
    reader = Reader()
    reader.feed(next(messages).payload)
    for n in range(1, 21):
        agent.data(n, encode(source.chunk(filling=400)), pack=n % 2 == 0)
        reader.feed(next(messages).payload)
    agent.acked(20)
    assert reader.info == INFO and list(reader.meanings.items()) == list(source.meanings.items())
    processes = watch.Processes(pb.ProcessesRequest(), metadata=AUTHORIZED).processes
    assert [(p.process, p.name, p.pid) for p in processes] == [(INFO.process, INFO.name, INFO.pid)]
    agent.data(21, encode(Gone(INFO.process, 1, "exited")))
    assert decode(next(messages).payload) == Gone(INFO.process, 1, "exited")
    agent.say(bye=pb.Bye(why="exited"))
    list(agent.replies)
    assert agent.replies.code() is grpc.StatusCode.OK


def test_what_was_sent_again_is_taken_once(
    port: Port, channel: grpc.Channel, agent: Agent, pb: Any, stubs: Any
) -> None:
    source = Source()
    chunks = [encode(source.chunk()) for _ in range(4)]
    agent.hello()
    for n, chunk in enumerate(chunks[:3], 1):
        agent.data(n, chunk)
    agent.acked(3)
    again = Agent(channel, pb, stubs)
    assert again.hello().last == 3
    for n, chunk in enumerate(chunks, 1):
        again.data(n, chunk)
    again.acked(4)
    again.end()
    history = port.run(port.hub.history)
    assert list(history.chunks) == chunks


@pytest.mark.parametrize(
    "metadata, status",
    [((), "UNAUTHENTICATED"), ((("authorization", "Bearer wrong"),), "UNAUTHENTICATED")],
)
def test_without_a_token_nothing(channel: grpc.Channel, pb: Any, stubs: Any, metadata: Any, status: str) -> None:
    agent = Agent(channel, pb, stubs, metadata=metadata)
    agent.say(hello=pb.Hello(process=encode(INFO)))
    assert agent.status()[0].name == status
    agent.end()
    with pytest.raises(grpc.RpcError) as e:
        stubs.WatchStub(channel).Processes(pb.ProcessesRequest(), metadata=metadata)
    assert e.value.code().name == status


def test_a_first_message_that_is_no_hello(agent: Agent) -> None:
    agent.data(1, b"")
    assert agent.status() == (grpc.StatusCode.INVALID_ARGUMENT, "the first message should be Hello")


@pytest.mark.parametrize("process", [b"", b"\xc1", encode(Gone("1-1", 0, "")), encode(replace(INFO, process="../x"))])
def test_a_hello_without_a_process(agent: Agent, pb: Any, process: bytes) -> None:
    agent.say(hello=pb.Hello(process=process))
    assert agent.status()[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_a_wrong_message_is_refused_and_the_rest_goes_on(port: Port, agent: Agent) -> None:
    source = Source()
    agent.hello()
    agent.data(1, encode(source.chunk()))
    agent.data(2, b"\xc1", pack=False)
    refusal = next(m.refusal for m in agent.replies if m.HasField("refusal"))
    assert (refusal.code, refusal.sequence) == ("invalid", 2)
    agent.data(3, encode(replace(source.chunk(), process="other")))
    assert next(m.refusal for m in agent.replies if m.HasField("refusal")).sequence == 3
    agent.data(4, encode(source.chunk()))
    agent.acked(4)
    assert len(port.run(port.hub.history).chunks) == 2


def test_a_bomb_is_refused_unopened(port: Port, agent: Agent) -> None:
    agent.hello()
    bomb = zstandard.compress(bytes(1 << 30))
    agent.say(data=agent.pb.Data(sequence=1, payload=bomb, encoding=1, raw_size=1000))
    assert next(agent.replies).refusal.code == "invalid"
    agent.say(data=agent.pb.Data(sequence=2, payload=bomb, encoding=1, raw_size=1 << 30))
    assert next(m.refusal for m in agent.replies if m.HasField("refusal")).sequence == 2


class TestLimits:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(agents=1, request_bytes=1 << 20)

    def test_one_agent_too_many(self, channel: grpc.Channel, agent: Agent, pb: Any, stubs: Any) -> None:
        agent.hello()
        second = Agent(channel, pb, stubs)
        second.say(hello=pb.Hello(process=encode(INFO)))
        assert second.status()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        second.end()

    def test_a_message_too_large_once_unpacked(self, agent: Agent) -> None:
        assert agent.hello().max_message == 1 << 20
        agent.data(1, bytes(2 << 20))
        assert next(agent.replies).refusal.code == "invalid"


def test_gzip_from_the_client(channel: grpc.Channel, pb: Any, stubs: Any, port: Port) -> None:
    agent = Agent(channel, pb, stubs, compression=grpc.Compression.Gzip)
    agent.hello()
    agent.data(1, encode(Source().chunk(filling=3000)), pack=False)
    agent.acked(1)
    agent.end()


def test_what_a_proxy_of_ours_says_of_the_caller(port: Port, channel: grpc.Channel, pb: Any, stubs: Any) -> None:
    trust = port.trust
    trust.proxies = Proxies.of(["127.0.0.1"])
    seen: list[str] = []
    ask = trust.check
    trust.check = lambda *shown: (seen.append(shown[5]), ask(*shown))  # type: ignore[method-assign, assignment]
    metadata = (*AUTHORIZED, ("x-forwarded-for", "203.0.113.7, 127.0.0.1"))
    stubs.WatchStub(channel).Processes(pb.ProcessesRequest(), metadata=metadata)
    assert seen == ["203.0.113.7"]


def test_a_method_nobody_has(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as e:
        channel.unary_unary("/flarego.v1.Watch/Nothing")(b"", metadata=AUTHORIZED)
    assert e.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_what_takes_longer_than_the_caller_waits(channel: grpc.Channel, pb: Any, stubs: Any) -> None:
    with pytest.raises(grpc.RpcError) as e:
        list(stubs.WatchStub(channel).Stream(pb.WatchRequest(), metadata=AUTHORIZED, timeout=0.5))
    assert e.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_no_such_process(channel: grpc.Channel, pb: Any, stubs: Any) -> None:
    with pytest.raises(grpc.RpcError) as e:
        list(stubs.WatchStub(channel).Stream(pb.WatchRequest(process="9-9"), metadata=AUTHORIZED, timeout=5))
    assert e.value.code() is grpc.StatusCode.NOT_FOUND


def test_health(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
    assert stub.Check(health_pb2.HealthCheckRequest(service="flarego.v1.Ingest")).status == 1
    with pytest.raises(grpc.RpcError) as e:
        stub.Check(health_pb2.HealthCheckRequest(service="x"))
    assert e.value.code() is grpc.StatusCode.NOT_FOUND
    assert next(stub.Watch(health_pb2.HealthCheckRequest(service="x"))).status == 3


def test_a_gateway_that_stops_says_moved(port: Port, channel: grpc.Channel, agent: Agent) -> None:
    source = Source()
    agent.hello()
    agent.data(1, encode(source.chunk()))
    agent.acked(1)
    port.run(port.mux.drain)
    assert next(m.refusal for m in agent.replies if m.HasField("refusal")).code == "moved"
    list(agent.replies)
    assert agent.replies.code() is grpc.StatusCode.OK


def test_a_large_message_passes_every_window(
    port: Port, agent: Agent, channel: grpc.Channel, pb: Any, stubs: Any
) -> None:
    """Greater than any window, both ways."""
    import random

    noise = random.Random(0).randbytes(5 << 20).hex()
    info = replace(INFO, reasons=tuple(noise[i : i + 4096] for i in range(0, len(noise), 4096)))
    agent.hello(process=encode(info))
    with grpc.insecure_channel(port.address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        watching = stubs.WatchStub(channel).Stream(pb.WatchRequest(), metadata=AUTHORIZED, timeout=20)
        assert decode(next(watching).payload) == info


def test_the_method_is_called_as_the_contract_says() -> None:
    assert INGEST == "/flarego.v1.Ingest/Stream"
