"""One port: TLS and plain, HTTP/1.1 and gRPC told apart; and what means harm ends, while others go on."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
import trustme
from hyperframe.frame import ContinuationFrame, HeadersFrame
from wire.streams import INFO, Source

from flarego.gateway.limits import Limits
from flarego.gateway.tls import Certificate
from flarego.wire.codec import encode
from flarego.wire.envelope import INGEST, PROCESSES, Hello, encode_agent
from gateway.rpc.conftest import AUTHORIZED, TOKEN, Port

NOISE = random.Random(0).randbytes(4096)
GRPCURL = Path(sys.executable).parent / "grpcurl"
HEAD = [
    (":method", "POST"), (":scheme", "http"), (":path", INGEST), (":authority", "x"), ("te", "trailers"),
    ("content-type", "application/grpc"), ("authorization", f"Bearer {TOKEN}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Certificate, key, and who signed it."""
    write(authority, tmp_path)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"


def write(authority: trustme.CA, folder: Path) -> None:
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")


def secure(port: Port, certificate: Certificate) -> int:
    """Serve what `port` serves under TLS as well; return where."""

    async def listen() -> int:
        server = await port.loop.create_server(port.mux, "127.0.0.1", 0, ssl=certificate.context)
        return int(server.sockets[0].getsockname()[1])

    return int(port.run(listen))


class TestTls:
    def test_browsers_get_http_1_and_grpc_clients_grpc(self, port: Port, files: tuple[Path, Path, Path]) -> None:
        cert, key, ca = files
        where = secure(port, Certificate(cert, key))
        command = [
            "curl",
            "-sS",
            "--http2",
            "--cacert",
            str(ca),
            "-w",
            "\n%{http_version}",
            f"https://localhost:{where}/healthz",
        ]
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        assert said.splitlines()[-1] == "1.1" and json.loads(said.splitlines()[0])["status"] == "ok"
        credentials = grpc.ssl_channel_credentials(ca.read_bytes())
        with grpc.secure_channel(f"localhost:{where}", credentials) as channel:
            assert channel.unary_unary(PROCESSES)(b"", metadata=AUTHORIZED, timeout=10) == b""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_versions(self, port: Port, files: tuple[Path, Path, Path], version: ssl.TLSVersion) -> None:
        cert, key, ca = files
        where = secure(port, Certificate(cert, key))
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = context.maximum_version = version
        assert shaken(where, context)[:4] == "TLSv"

    def test_old_versions_are_refused(self, files: tuple[Path, Path, Path]) -> None:
        cert, key, _ = files
        assert Certificate(cert, key).context.minimum_version is ssl.TLSVersion.TLSv1_2

    def test_mutual(self, port: Port, files: tuple[Path, Path, Path], authority: trustme.CA) -> None:
        cert, key, ca = files
        where = secure(port, Certificate(cert, key, ca))
        client = authority.issue_cert("agent@example.com")
        private, chain = client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes()
        for credentials, status in (
            (grpc.ssl_channel_credentials(ca.read_bytes(), private, chain), None),
            (grpc.ssl_channel_credentials(ca.read_bytes()), grpc.StatusCode.UNAVAILABLE),
        ):
            with grpc.secure_channel(f"localhost:{where}", credentials) as channel:
                call = channel.unary_unary(PROCESSES)
                if status is None:
                    assert call(b"", metadata=AUTHORIZED, timeout=10) == b""
                else:
                    with pytest.raises(grpc.RpcError) as e:
                        call(b"", metadata=AUTHORIZED, timeout=10)
                    assert e.value.code() is status

    def test_a_new_certificate_is_presented_to_those_who_come_next(
        self, port: Port, files: tuple[Path, Path, Path], authority: trustme.CA
    ) -> None:
        cert, key, ca = files
        certificate = Certificate(cert, key)
        where = secure(port, certificate)
        context = ssl.create_default_context(cafile=ca)
        before, again = serial(where, context), serial(where, context)
        write(authority, cert.parent)
        port.run(certificate.reload)
        assert before == again != serial(where, context)


def serial(port: int, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return str((tls.getpeercert() or {})["serialNumber"])


def shaken(port: int, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        return tls.version() or ""


@pytest.mark.skipif(not GRPCURL.exists(), reason="grpcurl is not installed")
def test_grpcurl_lists_and_describes(port: Port) -> None:
    def ask(*what: str) -> str:
        command = [str(GRPCURL), "-plaintext", "-H", f"authorization: Bearer {TOKEN}", port.address, *what]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    assert {"flarego.v1.Ingest", "flarego.v1.Watch", "grpc.health.v1.Health"} <= set(ask("list").split())
    assert "rpc Stream ( stream .flarego.v1.AgentMessage )" in ask("describe", "flarego.v1.Ingest")
    assert "bytes process = 1;" in ask("describe", "flarego.v1.Hello")
    assert json.loads(ask("grpc.health.v1.Health/Check")) == {"status": "SERVING"}
    port.run(port.hub.publish, INFO)
    assert json.loads(ask("flarego.v1.Watch/Processes"))["processes"][0]["process"] == INFO.process


def test_what_reflection_answers_from_is_current() -> None:
    from flarego.gateway.rpc.describe import TARGET, describe

    assert TARGET.read_bytes() == describe(), "run: python -m flarego.gateway.rpc.describe"


@pytest.fixture
def talk(port: Port) -> Iterator[Callable[[], socket.socket]]:
    sockets: list[socket.socket] = []

    def connect() -> socket.socket:
        sockets.append(socket.create_connection(("127.0.0.1", port.port), timeout=20))
        return sockets[-1]

    yield connect
    for one in sockets:
        one.close()


def ended(one: socket.socket) -> float:
    """Return how long it took until the other side had enough."""
    began = time.monotonic()
    with suppress(ConnectionError):
        while one.recv(65536):
            pass
    return time.monotonic() - began


def alive(port: Port) -> None:
    """Everybody else is still served."""
    with urllib.request.urlopen(f"http://{port.address}/healthz", timeout=5) as answer:
        assert answer.status == 200
    with grpc.insecure_channel(port.address) as channel:
        assert channel.unary_unary(PROCESSES)(b"", metadata=AUTHORIZED, timeout=5) is not None


SLOW = [b"", b"P", b"PRI * HT", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: "]


@pytest.mark.parametrize("head", SLOW)
def test_a_head_that_does_not_come_is_not_waited_for(
    port: Port, talk: Callable[[], socket.socket], head: bytes
) -> None:
    one = talk()
    one.sendall(head)
    assert 0.5 < ended(one) < 5
    alive(port)


def test_nor_is_the_second_head_of_a_connection(port: Port, talk: Callable[[], socket.socket]) -> None:
    one = talk()
    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert one.recv(15) == b"HTTP/1.1 200 OK"
    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127")
    assert ended(one) < 5


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),  # TLS, where there is none
        NOISE[:64].replace(b"\n", b"") + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
        b"GET /" + b"a" * 100_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NOISE,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    ],
)
def test_garbage(port: Port, talk: Callable[[], socket.socket], said: bytes) -> None:
    one = talk()
    with suppress(ConnectionError):
        one.sendall(said)
    assert ended(one) < 5
    alive(port)


class Client:
    """HTTP/2 by hand."""

    def __init__(self, one: socket.socket) -> None:
        self.socket = one
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def call(self) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, HEAD)
        return stream

    def status(self) -> str:
        """Read until the trailers come."""
        while data := self.socket.recv(65536):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    headers = dict(event.headers or ())
                    if "grpc-status" in headers:
                        return str(headers["grpc-status"])
        return "closed"


def test_a_long_frame_may_come_along_with_the_acknowledgement_of_our_settings(
    port: Port, talk: Callable[[], socket.socket]
) -> None:
    client = Client(talk())
    stream = client.call()
    while client.h2.max_outbound_frame_size == 1 << 14:
        client.h2.receive_data(client.socket.recv(65536))
    client.h2.send_data(stream, b"\0" + struct.pack(">I", 100_000) + bytes(100_000 - 5))  # no Hello, and no end
    client.h2.send_data(stream, bytes(5))
    client.flush()
    assert client.status() == "3"  # read, and found to be no message
    alive(port)


def test_a_frame_longer_than_any_may_be_is_not_kept(port: Port, talk: Callable[[], socket.socket]) -> None:
    one = talk()
    with suppress(ConnectionError):
        one.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(1 << 20))
    assert ended(one) < 0.5
    alive(port)


def test_streams_begun_and_reset_again_and_again(port: Port, talk: Callable[[], socket.socket]) -> None:
    client = Client(talk())
    with suppress(ConnectionError):
        for _ in range(20_000):
            client.h2.reset_stream(client.call())
            client.flush()
    assert ended(client.socket) < 5
    alive(port)


def test_headers_without_end(port: Port, talk: Callable[[], socket.socket]) -> None:
    client = Client(talk())
    with suppress(ConnectionError):
        client.socket.sendall(HeadersFrame(1, b"\x00\x01a\x01b").serialize())
        for _ in range(100_000):
            client.socket.sendall(ContinuationFrame(1, b"\x00\x01a\x01b" * 1000).serialize())
    assert ended(client.socket) < 5
    alive(port)


def test_a_message_said_to_have_4_gib(port: Port, talk: Callable[[], socket.socket]) -> None:
    client = Client(talk())
    stream = client.call()
    client.h2.send_data(stream, b"\0" + struct.pack(">I", 0xFFFFFFFF) + bytes(1000))
    client.flush()
    assert client.status() == "8"
    alive(port)


def test_more_calls_at_once_than_there_may_be(port: Port, talk: Callable[[], socket.socket]) -> None:
    client = Client(talk())
    with suppress(h2.exceptions.TooManyStreamsError):
        for _ in range(200):
            client.call()
    client.flush()
    alive(port)


def test_a_caller_that_vanishes_in_the_middle_of_a_message(port: Port, talk: Callable[[], socket.socket]) -> None:
    client = Client(talk())
    stream = client.call()
    hello = encode_agent(Hello(encode(INFO)))
    client.h2.send_data(stream, b"\0" + struct.pack(">I", len(hello)) + hello)
    chunk = encode(Source().chunk())
    client.h2.send_data(stream, b"\0" + struct.pack(">I", len(chunk)) + chunk[:10])
    client.flush()
    client.socket.close()
    alive(port)


class TestConnections:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(connections=3, head_s=5)

    def test_one_too_many_of_an_address(self, talk: Callable[[], socket.socket]) -> None:
        held = [talk() for _ in range(3)]
        time.sleep(0.1)
        assert ended(talk()) < 1
        held[0].close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            one = talk()
            with suppress(ConnectionError):
                one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if one.recv(15) == b"HTTP/1.1 200 OK":
                    return
        pytest.fail("the place that was left stays taken")
