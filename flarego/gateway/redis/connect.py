"""Connections to Redis or Valkey: one server or a cluster, whichever answers at the address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from flarego.errors import FlareError

TIMEOUT_S = 2.0
"""For an answer. Whoever waits for one knows how to do without."""
_CONNECTIONS = 64
_KEEPALIVE_S = 15
_PORT = 6379


class Client(Protocol):
    """What we use of Redis' client, of one server or a cluster. What it answers is believed no more than a peer."""

    async def ping(self) -> Any: ...
    async def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...
    async def hmget(self, name: str, *keys: str) -> Any: ...
    async def zrange(self, name: str, start: int, end: int, *, withscores: bool = False) -> Any: ...
    async def zrevrange(self, name: str, start: int, end: int) -> Any: ...
    async def zremrangebyscore(self, name: str, min: float | str, max: float | str) -> Any: ...
    async def xrange(self, name: str, min: str, max: str, *, count: int) -> Any: ...
    async def xread(self, streams: dict[bytes, str], *, count: int, block: int) -> Any: ...
    def pipeline(self, *, transaction: bool) -> Any: ...
    async def aclose(self) -> None: ...


class BadAddress(FlareError):
    """--redis is no address of a Redis."""

    exit_code = 2
    usual_remedy = "write redis://HOST:PORT/DB, or rediss://HOST:PORT for TLS"


@dataclass(frozen=True)
class Address:
    """Where Redis is, and as whom to log in."""

    url: str
    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            valid = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or _PORT)
        except ValueError:
            valid = False
        if not valid or (parts.path.strip("/") and not parts.path.strip("/").isdigit()):
            raise BadAddress("--redis is no address of a Redis")

    @property
    def credentials(self) -> Credentials:
        parts = urlsplit(self.url)
        user = self.user or unquote(parts.username or "") or None
        return Credentials(user, unquote(parts.password or ""), self.password_file)

    @property
    def options(self) -> dict[str, Any]:
        """What both kinds of client are made with."""
        parts = urlsplit(self.url)
        options: dict[str, Any] = {
            "host": parts.hostname,
            "port": parts.port or _PORT,
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": _KEEPALIVE_S,
            "max_connections": _CONNECTIONS,
            "client_name": "flarego",
        }
        if self.user or self.password_file or parts.username or parts.password:
            options["credential_provider"] = self.credentials
        if parts.scheme == "rediss":
            options |= {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
            if self.ca:
                options["ssl_ca_certs"] = str(self.ca)
        return options

    @property
    def database(self) -> int:
        return int(urlsplit(self.url).path.strip("/") or 0)


class Credentials(CredentialProvider):
    """A user and a password; that of a file is read each time anew, so that it can be changed."""

    def __init__(self, user: str | None, password: str, file: Path | None) -> None:
        self._user, self._password, self._file = user, password, file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._file.read_text().strip() if self._file else self._password
        return (self._user, password) if self._user else (password,)


async def connect(address: Address) -> Client:
    """Return a client that has talked to what answers at the address. Raises what Redis' client does."""
    single = Redis(**address.options, db=address.database, retry=Retry(NoBackoff(), 0), single_connection_client=False)
    try:
        info = await single.info("cluster")
    except BaseException:
        await single.aclose()
        raise
    if not info.get("cluster_enabled"):
        return cast(Client, single)
    await single.aclose()
    cluster = RedisCluster(**address.options, require_full_coverage=False, retry=Retry(NoBackoff(), 1))
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            await cluster.initialize()
    except BaseException:
        await cluster.aclose()
        raise
    return cast(Client, cluster)
