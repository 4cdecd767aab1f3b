"""A whole gateway on a free port, as `flarego gateway` runs it, and those who knock."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from yarl import URL

from flarego.config import GatewaySettings, load
from flarego.gateway.auth.tokens import TokenFile
from flarego.gateway.policy import Scope
from flarego.gateway.service import Service

SECRET = "a secret that is long enough for HS256: 0123456789"
ISSUER = "https://issuer.example"


@dataclass
class Served:
    """One gateway, and its files."""

    service: Service
    folder: Path
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"

    @property
    def tokens(self) -> TokenFile:
        return TokenFile(self.folder / "tokens.json")

    def token(self, *scopes: Scope, namespace: str = "default", name: str = "ann", expires: float | None = None) -> str:
        return self.tokens.create(name, {namespace: frozenset(scopes or {Scope.READ})}, expires)[0]

    async def ask(
        self,
        path: str,
        token: str | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """Return the answer, read."""
        sent = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=sent, data=data, allow_redirects=False) as response:
            await response.read()
            return response

    async def login(self, token: str, **headers: str) -> aiohttp.ClientResponse:
        async with self.session.post(f"{self.url}/session/login", json={"token": token}, headers=headers) as response:
            await response.read()
            return response

    def audited(self) -> list[dict[str, Any]]:
        import json

        return [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]


def agent_token(key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **claims: Any) -> str:
    """Return a JWT that is right, but for what is said; a claim that is None is left out."""
    said = {
        "iss": ISSUER, "aud": "flarego", "sub": "agent-7", "exp": time.time() + 600, "ns": "default", "scope": "ingest",
    } | claims  # fmt: skip
    left = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(left, key, algorithm, headers={"kid": kid} if kid else None)


@asynccontextmanager
async def serve(folder: Path, **flags: object) -> AsyncIterator[Served]:
    """Serve with tokens, agents' secret and audit log in a folder, and what flags say."""
    (folder / "secret").write_text(SECRET)
    said: dict[str, object] = {
        "listen": "127.0.0.1:0",
        "drain": "100ms",
        "tokens": str(folder / "tokens.json"),
        "audit": str(folder / "audit.log"),
        "jwt_secret_file": str(folder / "secret"),
        "jwt_issuer": ISSUER,
    }
    loaded = load(
        GatewaySettings, {k: v for k, v in (said | flags).items() if v is not None}, config=_no_file(folder), environ={}
    )
    service = Service(loaded)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await service.start()
        try:
            yield Served(service, folder, session)
        finally:
            await service.stop()


def _no_file(folder: Path) -> Path:
    """Return a file without settings: this machine's are not to be read."""
    path = folder / "flarego.toml"
    if not path.exists():
        path.write_text("")
    return path
