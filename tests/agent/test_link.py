"""The link against a gateway that grpcio serves: the protocol, refusals, lost connections, tokens, TLS."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st
from wire.streams import INFO, Reader, Source
from wire.test_envelope import REFUSALS, SEQUENCES, WELCOMES

from agent.gateways import Told, free_port, refuse, until
from flarego.agent.feed import Feed
from flarego.agent.link import retry
from flarego.agent.link.address import Addresses, Gateway, parse_gateway
from flarego.agent.link.credentials import Security, Token
from flarego.agent.link.link import Link, Terms
from flarego.agent.link.session import Closed, Ended, Refused, Session, Welcomed
from flarego.agent.spool import Spool
from flarego.errors import BadSettings
from flarego.model.chunk import Gone, ProcessInfo
from flarego.wire.codec import encode
from flarego.wire.envelope import Ack, Refusal, encode_gateway
from flarego.wire.grpc import frame
from flarego.wire.packing import Packer


class Sending:
    """A link, and a feed of random chunks that know what they mean."""

    def __init__(self, link: Link, info: ProcessInfo = INFO, *, large: bool = False) -> None:
        """large: so that nothing fits into a window of HTTP/2."""
        self.link, self.source, self.info = link, Source(), info
        self.feed = Feed(Spool(32 << 20), link.wake, None if large else Packer())
        self.feed.publish(info)
        link.add(self.feed)

    def chunk(self, **options: Any) -> None:
        self.feed.publish(replace(self.source.chunk(**options), process=self.info.process))

    def settled(self) -> None:
        until(lambda: self.feed.spool.acknowledged == self.feed.spool.sequence, "acknowledgement")


Connect = Callable[..., Link]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A function that starts a link to ports of this machine."""
    links: list[Link] = []

    def start(*ports: int, security: Security | None = None, token: Path | None = None) -> Link:
        addresses = Addresses([Gateway("127.0.0.1", port) for port in ports])
        link = Link(Terms(addresses, security, Token(token), "", "me"))
        links.append(link)
        link.start()
        return link

    yield start
    for link in links:
        for feed in list(link.feeds):
            feed.end("the test is over")
            feed.spool.acknowledge(1 << 60)
        link.abandon()
        link.join(10)
        assert not link.is_alive()


def meanings(told: Told) -> Reader:
    """Read strictly what a gateway has got."""
    reader = Reader()
    reader.feed(encode(INFO))
    for sequence in sorted(told.data):
        reader.feed(encode(told.data[sequence]))
    return reader


def test_everything_arrives_once_and_in_order_and_can_be_read(connect: Connect) -> None:
    told = Told()
    with told.serving() as port:
        sending = Sending(connect(port))
        for n in range(30):
            sending.chunk(filling=400 if n % 10 == 0 else 5)
        sending.settled()
        assert told.times == list(range(1, 31))
        assert meanings(told).meanings == sending.source.meanings
        sending.feed.publish(replace(INFO, engine="memory"))
        sending.feed.publish(Gone(INFO.process, 7, "exited"))
        assert sending.feed.delivered.wait(10)
        assert told.data[31] == replace(INFO, engine="memory") and told.data[32] == Gone(INFO.process, 7, "exited")
        assert told.byes == 1 and not sending.link.feeds
        hello, authorization = told.hellos[0]
        assert (hello.agent, list(hello.encodings), authorization) == ("me", [0, 1], "")


def test_a_gateway_that_unpacks_nothing_gets_it_unpacked(connect: Connect) -> None:
    told = Told()
    told.encoding = 0
    with told.serving() as port:
        sending = Sending(connect(port))
        for _ in range(5):
            sending.chunk(filling=300)
        sending.settled()
        assert meanings(told).meanings == sending.source.meanings


def test_a_message_larger_than_every_window(connect: Connect) -> None:
    told = Told()
    with told.serving() as port:
        sending = Sending(connect(port), large=True)
        sending.chunk(filling=1_000_000)
        sending.chunk()
        sending.settled()
        assert meanings(told).meanings == sending.source.meanings


def test_many_processes_share_a_connection(connect: Connect) -> None:
    told, n = Told(), 5
    with told.serving() as port:
        link = connect(port)
        for i in range(n):
            Sending(link, info=replace(INFO, process=f"{i}-1"))
        until(lambda: len(told.hellos) == n and link.active == n, "all are welcome")
        assert link.connections == 1


def test_what_was_not_acknowledged_is_sent_again_after_the_connection_was_lost(connect: Connect) -> None:
    told, port = Told(), free_port()
    told.acknowledges = False
    with told.serving(port=port):
        sending = Sending(connect(port))
        for _ in range(5):
            sending.chunk()
        until(lambda: len(told.times) == 5, "five messages")
    assert sending.feed.spool.acknowledged == 0
    for _ in range(3):
        sending.chunk()
    again = Told()
    again.last = 3
    with again.serving(port=port):
        sending.settled()
        assert again.times == [4, 5, 6, 7, 8]
        assert sending.feed.resent == 2


def test_a_gateway_that_lost_everything_is_told_a_generation_it_can_read(connect: Connect) -> None:
    port = free_port()
    with Told().serving(port=port):
        sending = Sending(connect(port))
        for _ in range(5):
            sending.chunk()
        sending.settled()
    again = Told()
    with again.serving(port=port):
        until(lambda: again.hellos, "another hello")
        until(lambda: sending.feed.spool.wants_renewal, "a new generation is wanted")
        sending.chunk()  # of the generation that is lost
        sending.source.begin_generation()
        sending.chunk()
        sending.chunk()
        sending.settled()
        assert sorted(again.data) == [7, 8]
        reader = meanings(again)
        assert reader.meanings == {n: sending.source.meanings[n] for n in reader.meanings}


def test_the_next_gateway_is_taken_when_one_fails(connect: Connect) -> None:
    told = Told()
    with told.serving() as port:
        sending = Sending(connect(free_port(), free_port(), port))
        sending.chunk()
        sending.settled()


def test_moved_means_elsewhere(connect: Connect) -> None:
    first, second = Told(), Told()
    with first.serving() as one, second.serving() as two:
        sending = Sending(connect(one, two))
        sending.chunk()
        sending.settled()
        here, there = (first, second) if first.data else (second, first)
        here.replies.put(Refusal("moved", "this gateway stops"))
        until(lambda: there.hellos, "a hello elsewhere")


def test_a_port_that_accepts_and_says_nothing_is_left_again(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flarego.agent.link.link.PING_S", 0.1)
    monkeypatch.setattr("flarego.agent.link.link.SILENCE_S", 0.3)
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as mute, told.serving() as port:
        sending = Sending(connect(mute.getsockname()[1], port))
        sending.chunk()
        sending.settled()


def test_a_port_that_speaks_something_else_is_left_again(connect: Connect) -> None:
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as web, told.serving() as port:

        def answer() -> None:
            while True:
                try:
                    connection, _ = web.accept()
                except OSError:
                    return
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        sending = Sending(connect(web.getsockname()[1], port))
        sending.chunk()
        sending.settled()
        web.shutdown(socket.SHUT_RDWR)


class TestRefusals:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is slow is a fifth of a second here."""
        monkeypatch.setattr(retry, "SLOWLY_S", 0.2)

    @pytest.mark.parametrize("status", ["UNAVAILABLE", "INTERNAL", "PERMISSION_DENIED", "FAILED_PRECONDITION"])
    def test_of_a_stream_is_told_and_tried_again(
        self, connect: Connect, status: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        told = Told()
        for _ in range(2):
            told.answers.put(refuse(grpc.StatusCode[status], "not you"))
        with told.serving() as port:
            sending = Sending(connect(port))
            sending.chunk()
            sending.settled()
            assert len(told.hellos) == 3
        assert sum("not you" in record.getMessage() for record in caplog.records) == 1, "said once"

    def test_of_a_message_that_is_wrong_leaves_it_out(self, connect: Connect) -> None:
        told = Told()
        told.acknowledges = False
        with told.serving() as port:
            sending = Sending(connect(port))
            for _ in range(3):
                sending.chunk()
            until(lambda: len(told.times) == 3, "three messages")
            told.replies.put(Refusal("invalid", "no", 0, 2))
            until(lambda: len(sending.feed.spool) == 1, "the message is forgotten")
            assert sending.feed.spool.wants_renewal

    def test_with_a_time_to_wait_sends_again_then(self, connect: Connect) -> None:
        told = Told()
        told.acknowledges = False
        with told.serving() as port:
            sending = Sending(connect(port))
            for _ in range(3):
                sending.chunk()
            until(lambda: len(told.times) == 3, "three messages")
            began = time.monotonic()
            told.replies.put(Refusal("limit", "slower", 300, 2))
            until(lambda: told.times == [1, 2, 3, 2, 3], "both again")
            assert time.monotonic() - began > 0.25


class TestToken:
    def test_is_shown_and_read_again_when_the_gateway_wants_another(self, connect: Connect, tmp_path: Path) -> None:
        told, path = Told(), tmp_path / "token"
        path.write_text("old\n")
        told.answers.put(lambda _, context: path.write_text("new") and context.abort(
            grpc.StatusCode.UNAUTHENTICATED, "it has expired"))  # fmt: skip
        with told.serving() as port:
            sending = Sending(connect(port, token=path))
            sending.chunk()
            sending.settled()
            assert [authorization for _, authorization in told.hellos] == ["Bearer old", "Bearer new"]

    def test_that_is_removed_is_used_on(self, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.write_text("old")
        token = Token(path)
        path.unlink()
        assert token.current() == "old"

    @pytest.mark.parametrize("text", ["", "two words", "a\nb", "x" * 20_000, "ü"])
    def test_that_is_none(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "token"
        path.write_text(text)
        with pytest.raises(BadSettings, match="token"):
            Token(path)

    def test_is_not_logged(self, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        path = tmp_path / "token"
        path.write_text("a-very-secret-token")
        told = Told()
        told.answers.put(refuse(grpc.StatusCode.UNAUTHENTICATED, "no"))
        with told.serving() as port:
            sending = Sending(connect(port, token=path))
            sending.chunk()
            sending.settled()
        assert "a-very-secret-token" not in caplog.text


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem; server.pem of gateway.example and 127.0.0.1; agent.pem of an agent."""
    folder = tmp_path_factory.mktemp("tls")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, hosts in (("server", ("gateway.example", "127.0.0.1")), ("agent", ("agent.example",))):
        issued = ca.issue_cert(*hosts)
        issued.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        for pem in issued.cert_chain_pems:
            pem.write_to_path(str(folder / f"{name}.pem"), append=True)
    return folder


class TestTls:
    def credentials(self, files: Path, *, mutual: bool = False) -> grpc.ServerCredentials:
        pair = (files / "server.key").read_bytes(), (files / "server.pem").read_bytes()
        ca = (files / "ca.pem").read_bytes() if mutual else None
        return grpc.ssl_server_credentials([pair], ca, mutual)

    @pytest.mark.parametrize("name", [None, "gateway.example"])
    def test_streams_through_it(self, connect: Connect, files: Path, name: str | None) -> None:
        told = Told()
        with told.serving(self.credentials(files)) as port:
            sending = Sending(connect(port, security=Security(ca=files / "ca.pem", server_name=name)), large=True)
            sending.chunk(filling=1_000_000)
            sending.settled()
            assert meanings(told).meanings == sending.source.meanings

    @pytest.mark.parametrize(
        "options, problem", [({}, "not trusted"), ({"server_name": "other.example"}, "not trusted.*other.example")]
    )
    def test_verifies_whom_it_speaks_to(
        self, connect: Connect, files: Path, options: dict[str, Any], problem: str
    ) -> None:
        ca = {"ca": files / "ca.pem"} if options else {}
        told = Told()
        with told.serving(self.credentials(files)) as port:
            link = connect(port, security=Security(**ca, **options))
            until(lambda: link.problem, "a problem")
            assert re.search(problem, link.problem), link.problem
            assert not told.hellos

    def test_shows_who_we_are_when_the_gateway_wants_to_know(self, connect: Connect, files: Path) -> None:
        told = Told()
        with told.serving(self.credentials(files, mutual=True)) as port:
            mine = Security(ca=files / "ca.pem", certificate=files / "agent.pem", key=files / "agent.key")
            sending = Sending(connect(port, security=mine))
            sending.chunk()
            sending.settled()

    def test_without_a_certificate_of_ours_nothing_passes(self, connect: Connect, files: Path) -> None:
        told = Told()
        with told.serving(self.credentials(files, mutual=True)) as port:
            link = connect(port, security=Security(ca=files / "ca.pem"))
            Sending(link)
            until(lambda: link.problem, "a problem")
            assert not told.hellos

    def test_plain_talk_with_a_port_that_wants_it(self, connect: Connect, files: Path) -> None:
        with Told().serving(self.credentials(files)) as port:
            link = connect(port)
            until(lambda: link.problem, "a problem")

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("no")
        for options in ({"ca": tmp_path / "ca.pem"}, {"ca": tmp_path / "x"}, {"certificate": tmp_path / "ca.pem"}):
            with pytest.raises(BadSettings, match="cannot be used"):
                Security(**options)


@pytest.mark.parametrize(
    "text, meant",
    [
        ("gateway.example:99", Gateway("gateway.example", 99)),
        ("gateway.example", Gateway("gateway.example", 4317)),
        ("10.0.0.7:1", Gateway("10.0.0.7", 1)),
        ("[fd00::7]:99", Gateway("fd00::7", 99)),
        ("[::1]", Gateway("::1", 4317)),
    ],
)
def test_addresses_as_people_write_them(text: str, meant: Gateway) -> None:
    assert parse_gateway(text) == meant
    assert parse_gateway(str(meant)) == meant


@pytest.mark.parametrize(
    "text", ["", ":1", "a:0", "a:65536", "a:b", "a b:1", "fd00::7", "[fd00::7", "http://a:1", "a/b"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_gateway(text)


@pytest.mark.parametrize(
    "host, here", [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True), ("10.0.0.1", False),
                   ("localhost.example", False), ("0.0.0.0", False)],
)  # fmt: skip
def test_what_is_on_this_machine(host: str, here: bool) -> None:
    assert Gateway(host).is_loopback is here


def test_names_are_looked_up_anew_and_unknown_ones_said() -> None:
    addresses = Addresses([Gateway("localhost", 5)])
    assert addresses.next().at[1] == 5
    with pytest.raises(OSError, match=r"nowhere\.invalid cannot be found"):
        Addresses([Gateway("nowhere.invalid", 5)]).next()


class TestAHostileGateway:
    """Whatever it says ends in a closed connection or a failed stream, never in an error of ours."""

    def session(self) -> tuple[Session, Feed]:
        session = Session("gateway.example", "http", lambda: 0.0)
        feed = Feed(Spool(1 << 20), lambda: None, Packer())
        feed.publish(INFO)
        feed.publish(Source().chunk())
        session.open(feed, b"hello", "")
        return session, feed

    @given(data=st.binary(max_size=400))
    def test_no_http2(self, data: bytes) -> None:
        session, _ = self.session()
        list(session.receive(data))
        session.take()

    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=60),
                st.builds(lambda m: frame(encode_gateway(m)), st.one_of(WELCOMES, REFUSALS, st.builds(Ack, SEQUENCES))),
            ),
            max_size=8,
        ),
        st.booleans(),
    )
    def test_no_grpc(self, pieces: list[bytes], ends: bool) -> None:
        session, feed = self.session()
        peer = H2Connection(H2Configuration(client_side=False))
        peer.initiate_connection()
        peer.receive_data(session.take())
        peer.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
        for piece in pieces:
            peer.send_data(1, piece)
        if ends:
            peer.send_headers(1, [("grpc-status", "x" * 3)], end_stream=True)
        for event in session.receive(peer.data_to_send()):
            assert isinstance(event, Closed | Ended | Refused | Welcomed)
        session.fill(1 << 16)
        session.take()
        assert feed.spool.sequence < 1 << 63
