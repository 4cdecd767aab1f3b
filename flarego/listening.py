"""Addresses to listen on: as people write them, and what to say when that is not possible."""

from __future__ import annotations

import errno
import re
import socket

from flarego.errors import ListenFailed

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]/\s]*)):(?P<port>\d{1,5})", re.ASCII)


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPv6]:PORT", ":PORT" (all addresses) or "PORT" (this machine only)."""
    match = _LISTEN.fullmatch(f"127.0.0.1:{text}" if text.isdigit() else text)
    if match is None or int(match["port"]) > 65535:
        raise ListenFailed(f"{text!r} is no address to listen on", remedy="write it as HOST:PORT, e.g. 127.0.0.1:4317")
    return match["six"] or match["host"], int(match["port"])


def written(host: str, port: int) -> str:
    """Return host and port as a person writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}"


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
