"""One port for everything: what speaks HTTP/2 is gRPC, what speaks HTTP/1.1 is the dashboard and its API.

Under TLS the two agree by ALPN; without it, gRPC begins with HTTP/2's connection preface. Python lets the server's
order decide, so HTTP/1.1 comes first: browsers and curl, which offer both, get the dashboard, and gRPC clients, which
offer only h2, get gRPC. Measured: shared/facts/GATEWAY.md, part 2.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from flarego.gateway.limits import LimitReached, Meter
from flarego.gateway.rpc.connection import GrpcConnection

ALPN = ("http/1.1", "h2")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_TLS_HELLO = 0x16


class Mux:
    """Makes the protocol of each connection, and knows those that are open."""

    def __init__(
        self, http: Callable[[], asyncio.Protocol], grpc: Callable[[str], GrpcConnection], meter: Meter | None = None
    ) -> None:
        """`http` makes the protocol of an HTTP/1.1 connection, `grpc` that of an address's gRPC connection."""
        self.http, self.grpc = http, grpc
        self.meter = meter or Meter()
        self.quiet = asyncio.Event()
        """Set while nobody speaks gRPC."""
        self.quiet.set()
        self._connections: set[GrpcConnection] = set()

    def __call__(self) -> asyncio.Protocol:
        return _Sniffer(self)

    def opened(self, connection: GrpcConnection) -> None:
        """Know a connection that speaks gRPC."""
        self._connections.add(connection)
        self.quiet.clear()

    def closed(self, connection: GrpcConnection) -> None:
        """Know it no more."""
        self._connections.discard(connection)
        if not self._connections:
            self.quiet.set()

    def drain(self) -> None:
        """Tell every gRPC peer to go elsewhere."""
        for connection in tuple(self._connections):
            connection.drain()

    def abort(self) -> None:
        """End every gRPC connection now."""
        for connection in tuple(self._connections):
            connection.abort()


class _Sniffer(asyncio.Protocol):
    """Waits for the first bytes, and hands the connection to whoever speaks that."""

    def __init__(self, mux: Mux) -> None:
        self._mux = mux
        self._head = b""
        self._address = ""
        self._counted = False
        self._timer: asyncio.TimerHandle | None = None
        self._inner: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._address = address_of(transport)
        try:
            self._mux.meter.enter("connections", self._address)
        except LimitReached:
            transport.abort()
            return
        self._counted = True
        tls = transport.get_extra_info("ssl_object")
        chosen = tls.selected_alpn_protocol() if tls is not None else None
        if chosen is not None:
            self._hand_over(chosen == "h2")
            return
        seconds = self._mux.meter.limits.head_s
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._mux.meter.count("head_s")
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._head += data
        if PREFACE.startswith(self._head[: len(PREFACE)]):
            if len(self._head) >= len(PREFACE):
                self._hand_over(grpc=True)
        elif self._head[0] == _TLS_HELLO:
            self._transport.abort()
        else:
            self._hand_over(grpc=False)

    def _hand_over(self, grpc: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        inner: asyncio.Protocol
        if grpc:
            inner = connection = self._mux.grpc(self._address)
            self._mux.opened(connection)
        else:
            inner = self._mux.http()
        self._inner = inner
        inner.connection_made(self._transport)
        if self._head:
            head, self._head = self._head, b""
            inner.data_received(head)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._counted:
            self._mux.meter.leave("connections", self._address)
        if self._inner is not None:
            self._inner.connection_lost(exc)
        if isinstance(self._inner, GrpcConnection):
            self._mux.closed(self._inner)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return the address of the peer, an IPv4 one as such however it came; "" when it has none."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return ""
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class PatientHandler(RequestHandler):  # type: ignore[type-arg, unused-ignore]
    """aiohttp's protocol, which would wait for the end of a request's head forever.

    From the first byte of a head on, the rest has limits.head_s to come; on a connection that is kept alive too.
    """

    __slots__ = ("_head_timer", "_meter")

    def __init__(self, server: web.Server, meter: Meter, **options: Any) -> None:  # type: ignore[type-arg, unused-ignore]
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._meter = meter
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        busy = self._current_request is not None or bool(self._messages)
        if busy and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        elif not busy and self._head_timer is None and (seconds := self._meter.limits.head_s) and data:
            self._head_timer = asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if self._current_request is None and not self._messages:
            self._meter.count("head_s")
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)


def http_protocols(server: web.Server, meter: Meter) -> Callable[[], asyncio.Protocol]:  # type: ignore[type-arg, unused-ignore]
    """Return what makes the protocol of an HTTP/1.1 connection."""
    return lambda: PatientHandler(server, meter, **server._kwargs)
