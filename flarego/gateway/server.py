"""Listening: where, and what to do when that is not possible."""

from __future__ import annotations

import errno
import re
import socket
from urllib.parse import quote

from aiohttp import web

from flarego.errors import ListenFailed
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access, hosts_for, is_loopback, new_token
from flarego.gateway.hub import Hub

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]/\s]*)):(?P<port>\d{1,5})", re.ASCII)
_SHUTDOWN_S = 0.5


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPv6]:PORT", ":PORT" (all addresses) or "PORT" (this machine only)."""
    match = _LISTEN.fullmatch(f"127.0.0.1:{text}" if text.isdigit() else text)
    if match is None or int(match["port"]) > 65535:
        raise ListenFailed(f"{text!r} is no address to listen on", remedy="write it as HOST:PORT, e.g. 127.0.0.1:4317")
    return match["six"] or match["host"], int(match["port"])


class Gateway:
    """The web server of one process: dashboard and stream on one port.

    Publish messages to `hub`. `token` is made up when it is not given. Start it on the loop that publishes.
    """

    def __init__(self, listen: str, token: str | None = None) -> None:
        """listen is "HOST:PORT", see parse_listen; port 0 takes any free one. Raises ListenFailed."""
        self.host, self.port = parse_listen(listen)
        self.token = token or new_token()
        self.hub = Hub()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where a person opens the dashboard."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/?token={quote(self.token, safe='')}"

    @property
    def warning(self) -> str | None:
        """What a person should know who listens beyond this machine."""
        if is_loopback(self.host):
            return None
        return (
            f"{_where(self.host, self.port)} is reachable from other machines: whoever has the token sees this"
            " process's stacks, and without TLS in front the token can be read on the way"
        )

    async def start(self) -> str:
        """Listen, and return the URL. Raises ListenFailed."""
        app = make_app(self.hub, Access(self.token, hosts_for(self.host)))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host or None, self.port).start()
        except (OSError, UnicodeError) as e:
            await self.stop()
            raise _failure(_where(self.host, self.port), e) from None
        self.port = self._runner.addresses[0][1]
        return self.url

    async def stop(self) -> None:
        """Stop listening and end all connections. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()


def _where(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}"


def _failure(where: str, e: Exception) -> ListenFailed:
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
