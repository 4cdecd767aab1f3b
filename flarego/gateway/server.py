"""The web server of one process: dashboard and stream on one port."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from aiohttp import web

from flarego.gateway.api import add_query
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access, Site, hosts_for, is_loopback, new_token
from flarego.gateway.clips import Replay
from flarego.gateway.hub import Hub
from flarego.gateway.listen import HERE, bind, failure, parse_listen, written
from flarego.gateway.trust import Trust

_SHUTDOWN_S = 0.5


class Gateway:
    """Serves what is published to its `hub`. Start it on the loop that publishes."""

    def __init__(self, listen: str, token: str | None = None, replay: Replay | None = None) -> None:
        """listen is "HOST:PORT", see parse_listen; port 0 takes any free one. A token is made up when none is given.

        With a replay the page is shown clips instead of the hub.
        Raises ListenFailed.
        """
        self.host, self.port = parse_listen(listen)
        self.token = token or new_token()
        self.hub = Hub()
        self._replay = replay
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where a person on this machine opens the dashboard."""
        return f"http://{written(HERE.get(self.host, self.host), self.port)}/?token={quote(self.token, safe='')}"

    @property
    def warning(self) -> str | None:
        """What a person should know who listens beyond this machine; None when nobody else can connect."""
        if is_loopback(self.host):
            return None
        return (
            f"{written(self.host, self.port)} is reachable from other machines: whoever has the token sees this"
            " process's stacks, and without TLS in front the token can be read on the way"
        )

    async def start(self) -> str:
        """Listen, and return the URL. Raises ListenFailed."""
        sockets = await bind(self.host, self.port)
        trust = Trust(Access(self.token), Site(hosts_for(self.host)))
        app = make_app(self.hub, trust, replay=self._replay, parts=[partial(add_query, hub=self.hub)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        try:
            await self._runner.setup()
            for bound in sockets:
                await web.SockSite(self._runner, bound).start()
        except OSError as e:
            await self.stop()
            for bound in sockets:
                bound.close()
            raise failure(self.host, self.port, e) from None
        self.port = sockets[0].getsockname()[1]
        return self.url

    async def stop(self) -> None:
        """Stop listening and end all connections. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
