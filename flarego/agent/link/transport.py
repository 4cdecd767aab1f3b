"""A connection's socket, plain or with TLS: connected with patience, then read and written without waiting."""

from __future__ import annotations

import select
import socket

from flarego.agent.link.address import Address
from flarego.agent.link.credentials import Security
from flarego.errors import FlareError

CONNECT_S = 5.0
"""For the connection, and for the TLS handshake."""
_PIECE = 1 << 16


class ConnectFailed(FlareError):
    """There was no connection to be had from one address."""


class Transport:
    """A connected socket that never blocks."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._out = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the socket."""
        return len(self._out)

    @property
    def interest(self) -> int:
        """What to poll for."""
        return select.POLLIN | (select.POLLOUT if self._out else 0)

    def read(self) -> bytes | None:
        """Return what has come, None when nothing has. Raises OSError when nothing more will."""
        try:
            data = self._socket.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as e:
            if _wants(e):
                return None
            raise
        if not data:
            raise ConnectionResetError("the gateway closed the connection")
        return data

    def write(self, data: bytes = b"") -> None:
        """Send that after what is still to be sent, as far as the socket takes it. Raises OSError."""
        self._out += data
        while self._out:
            try:
                sent = self._socket.send(self._out[:_PIECE])
            except (BlockingIOError, InterruptedError):
                return
            except OSError as e:
                if _wants(e):
                    return
                raise
            del self._out[:sent]

    def close(self) -> None:
        self._socket.close()


def _wants(e: OSError) -> bool:
    """TLS has to read or write something of its own first."""
    return type(e).__name__ in ("SSLWantReadError", "SSLWantWriteError")


def connect(address: Address, security: Security | None, patience_s: float = CONNECT_S) -> Transport:
    """Return a connection to that address, secured unless `security` is None. Raises ConnectFailed."""
    plain = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        plain.settimeout(patience_s)
        plain.connect(address.at)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Transport(plain if security is None else _secured(plain, address, security, patience_s))
    except OSError as e:
        plain.close()
        raise ConnectFailed(_told(e, address, tls=security is not None)) from None
    except BaseException:
        plain.close()
        raise


def _secured(plain: socket.socket, address: Address, security: Security, patience_s: float) -> socket.socket:
    name = security.server_name or address.gateway.host
    secured = security.context().wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
    try:
        secured.settimeout(patience_s)
        secured.do_handshake()
        if secured.selected_alpn_protocol() != "h2":
            raise ConnectFailed(f"{address} speaks TLS, but not HTTP/2: is it a gateway?")
        return secured
    except BaseException:
        secured.close()
        raise


def _told(e: OSError, address: Address, *, tls: bool) -> str:
    if isinstance(e, TimeoutError):
        return f"{address} does not answer"
    if tls and type(e).__name__ == "SSLCertVerificationError":
        return f"the certificate of {address} is not trusted: {getattr(e, 'verify_message', e)} (--ca, --server-name)"
    if tls and type(e).__name__ == "SSLError":
        return f"no TLS with {address}: {getattr(e, 'reason', '') or e}"
    return f"no connection to {address}: {e.strerror or e}"
