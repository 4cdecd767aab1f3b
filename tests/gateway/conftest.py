"""A gateway on a free port, and a browser-like client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from yarl import URL

from flarego.gateway.server import Gateway

HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Client:
    """Asks one gateway. Keeps no cookies between requests, and follows no redirects unless told."""

    gateway: Gateway
    session: aiohttp.ClientSession

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def cookies(self) -> dict[str, str]:
        return {f"flarego-{self.gateway.port}": self.gateway.token}

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.gateway.token}"}

    async def get(
        self, path: str, *, method: str = "GET", token: bool = True, headers: dict[str, str] | None = None
    ) -> aiohttp.ClientResponse:
        """Ask for a path as it is written, dots and all."""
        headers = (self.bearer if token else {}) | (headers or {})
        url = URL(self.origin + path, encoded=True)
        response = await self.session.request(method, url, headers=headers, allow_redirects=False)
        await response.read()
        return response

    async def stream(
        self, path: str = "/stream", *, headers: dict[str, str] | None = None
    ) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(
            self.origin + path, headers=self.bearer if headers is None else headers, max_msg_size=0
        )


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway("127.0.0.1:0")
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(gateway, session)
