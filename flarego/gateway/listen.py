"""Addresses to listen on: as people write them, as sockets, and what to say when that is not possible."""

from __future__ import annotations

import asyncio
import errno
import re
import socket

from flarego.errors import ListenFailed

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]/\s]*)):(?P<port>\d{1,5})", re.ASCII)
HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a program on this machine reaches what listens on all addresses."""
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPv6]:PORT", ":PORT" (all addresses) or "PORT" (this machine only)."""
    match = _LISTEN.fullmatch(f"127.0.0.1:{text}" if text.isdigit() else text)
    if match is None or int(match["port"]) > 65535:
        raise ListenFailed(f"{text!r} is no address to listen on", remedy="write it as HOST:PORT, e.g. 127.0.0.1:4317")
    return match["six"] or match["host"], int(match["port"])


def written(host: str, port: int) -> str:
    """Return host and port as a person writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}"


async def bind(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of host, all on one port, also when port is 0. Raises ListenFailed."""
    resolve = asyncio.get_running_loop().getaddrinfo
    sockets: list[socket.socket] = []
    try:
        found = await resolve(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in sorted({(entry[0], entry[4]) for entry in found}):  # IPv4 first
            real_port = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_bound(family, (address[0], real_port, *address[2:])))
            except OSError as e:
                if not sockets or not (port == 0 or e.errno in _NO_SUCH_FAMILY):
                    raise
    except (OSError, UnicodeError) as e:
        for bound in sockets:
            bound.close()
        raise failure(host, port, e) from None
    return sockets


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def failure(host: str, port: int, e: Exception) -> ListenFailed:
    """Return what to tell a person."""
    where = written(host, port)
    match getattr(e, "errno", None):
        case errno.EADDRINUSE:
            return ListenFailed(
                f"{where} is in use", remedy="choose another with --listen HOST:PORT; port 0 takes any free one"
            )
        case errno.EACCES:
            return ListenFailed(f"listening on {where} is not permitted", remedy="choose a port above 1023")
        case errno.EADDRNOTAVAIL:
            return ListenFailed(f"{where} is not an address of this machine", remedy="choose one that is")
    if isinstance(e, socket.gaierror | UnicodeError):
        return ListenFailed(f"{where}: no such host", remedy="choose an address of this machine")
    return ListenFailed(f"cannot listen on {where}: {e}", remedy="choose an address of this machine")
