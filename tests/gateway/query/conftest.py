"""A gateway with a program in it, and somebody who asks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from flarego.gateway.server import Gateway
from flarego.model.chunk import Chunk
from gateway.query.programs import INFO, Program


@dataclass
class Api:
    """Asks one gateway's API."""

    gateway: Gateway
    session: aiohttp.ClientSession

    async def get(self, path: str, **query: Any) -> tuple[int, Mapping[str, str], bytes]:
        """Ask for api/v1/PATH."""
        status, headers, body = await self.raw(f"{path}?{urlencode(query, doseq=True)}" if query else path)
        return status, headers, body

    async def raw(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Ask for a path as it is written."""
        url = URL(f"http://127.0.0.1:{self.gateway.port}/api/v1/{path}", encoded=True)
        headers = {"Authorization": f"Bearer {self.gateway.token}"}
        async with self.session.get(url, headers=headers) as response:
            return response.status, response.headers, await response.read()

    async def one(self, what: str, **query: Any) -> Any:
        """Return what is answered about the program."""
        status, headers, body = await self.get(f"processes/{INFO.process}/{what}", **query)
        assert status == 200, body
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        return json.loads(body)

    async def refused(self, path: str, **query: Any) -> tuple[int, str]:
        """Return the status and the error."""
        status, _, body = await self.get(path, **query)
        answer = json.loads(body)
        assert set(answer) == {"error", "remedy"}
        return status, answer["error"]


@pytest.fixture
def program() -> Program:
    return Program(stacks=60, generation=100)


@pytest.fixture
def chunks(program: Program) -> list[Chunk]:
    """Eighty seconds."""
    return list(program.chunks(400))


@pytest.fixture
async def api(chunks: list[Chunk]) -> AsyncIterator[Api]:
    gateway = Gateway("127.0.0.1:0")
    await gateway.start()
    gateway.hub.publish(INFO)
    for chunk in chunks:
        gateway.hub.publish(chunk)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Api(gateway, session)
    await gateway.stop()
