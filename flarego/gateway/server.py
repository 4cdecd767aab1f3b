"""Listening: where, and what to do when that is not possible."""

from __future__ import annotations

import errno
import re

from aiohttp import web

from flarego.errors import ListenFailed
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access, hosts_for, new_token
from flarego.gateway.hub import Hub

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[IPv6]:PORT", ":PORT" (all addresses) or "PORT" (this machine only)."""
    if text.isdigit():
        text = f"127.0.0.1:{text}"
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ListenFailed(f"{text!r} is no address to listen on", remedy="write it as HOST:PORT, e.g. 127.0.0.1:4317")
    return match["six"] or match["host"], int(match["port"])


class Gateway:
    """The web server of one process: dashboard and stream on one port."""

    def __init__(self, listen: str, token: str | None = None) -> None:
        self.host, self.port = parse_listen(listen)
        self.token = token or new_token()
        self.hub = Hub()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where a person on this machine opens the dashboard."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        if host == "::":
            host = "::1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/?token={self.token}"

    async def start(self) -> str:
        """Listen, and return the URL. Raises ListenFailed."""
        # The cookie's name has the port in it: browsers do not tell ports of a host apart.
        app = make_app(self.hub, Access(self.token, hosts_for(self.host)), f"flarego-{self.port or id(self)}")
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host or None, self.port).start()
        except (OSError, OverflowError) as e:
            await self.stop()
            raise self._failure(e) from None
        self.port = self._runner.addresses[0][1]
        return self.url

    def _failure(self, e: Exception) -> ListenFailed:
        where = f"{self.host or '*'}:{self.port}"
        match getattr(e, "errno", None):
            case errno.EADDRINUSE:
                return ListenFailed(
                    f"{where} is in use", remedy="choose another with --listen HOST:PORT; port 0 takes any free one"
                )
            case errno.EACCES:
                return ListenFailed(f"listening on {where} is not permitted", remedy="choose a port above 1023")
            case _:
                return ListenFailed(f"cannot listen on {where}: {e}", remedy="choose an address of this machine")

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
