"""A server in a thread that says exactly what a test wants said."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import msgpack
from aiohttp import web

from browser.synthetic import Source, application, live, messages

PREFIX = "/under/a/prefix/"
TIMEOUT_S = 10


class Stage:
    """Serves the page; every socket is sent the opening, then what `say` says."""

    def __init__(self) -> None:
        self.token = ""
        self.opening: list[bytes] = []
        self.playing: Source | None = None
        self.connections = 0
        self._sockets: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        query = f"?token={self.token}" if self.token else ""
        return f"http://127.0.0.1:{self._port}{PREFIX}{query}"

    def open(self) -> None:
        """Listen, on the same port as before."""
        self._do(self._open())

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._do(self._close())

    def end(self) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)

    def prepare(self, source: Source, seconds: float) -> Source:
        """Open every connection with that many seconds of a source."""
        self.opening = list(messages(source, seconds))
        return source

    def play(self, source: Source, history: float = 30) -> Source:
        """Open every connection with `history` seconds of a source and go on live."""
        source.started -= history
        self.opening = list(messages(source, history))
        self.playing = source
        return source

    def say(self, *said: dict[str, Any] | bytes) -> None:
        """Send messages on all open sockets."""
        packed = [one if isinstance(one, bytes) else msgpack.packb(one) for one in said]
        self._do(self._say(packed))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    async def _say(self, packed: list[bytes]) -> None:
        for socket in list(self._sockets):
            for message in packed:
                await socket.send_bytes(message)

    async def _open(self) -> None:
        self._runner = web.AppRunner(application(self._play, lambda: self.token), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        assert site._server is not None
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def _close(self) -> None:
        for socket in list(self._sockets):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def _play(self, socket: web.WebSocketResponse) -> None:
        self.connections += 1
        self._sockets.add(socket)
        try:
            for message in self.opening:
                await socket.send_bytes(message)
            if self.playing is not None:
                await live(socket, self.playing)
            await asyncio.Event().wait()
        finally:
            self._sockets.discard(socket)
