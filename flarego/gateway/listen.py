"""Addresses to listen on: as people write them, as sockets, and what to say when that is not possible."""

from __future__ import annotations

import asyncio
import errno
import socket

from flarego.listening import failure, parse_listen, written

HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a program on this machine reaches what listens on all addresses."""
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


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


__all__ = ["HERE", "bind", "failure", "parse_listen", "written"]
