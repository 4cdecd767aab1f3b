"""Fetching a JWKS: over HTTPS, in bounded time and size, from the host that was named and no other."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from flarego.errors import BadSettings
from flarego.gateway.auth.keys import MAX_BYTES
from flarego.gateway.auth.site import is_loopback

TIMEOUT_S = 5.0
_MAX_REDIRECTS = 3


def fetcher(url: str, ca: Path | None = None) -> Callable[[], Awaitable[bytes]]:
    """Return what fetches the URL. Raises BadSettings where the way there could be listened to, and changed."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise BadSettings(f"{url}: keys are fetched over https only", remedy="or name a file: --jwt-jwks-file")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as e:
        raise BadSettings(f"{ca} has no certificates: {e.strerror}") from None

    async def fetch() -> bytes:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            return await _get(session, url)

    return fetch


async def _get(session: object, url: str) -> bytes:
    """Return the body. Raises ValueError, aiohttp.ClientError, TimeoutError."""
    import aiohttp
    from yarl import URL

    assert isinstance(session, aiohttp.ClientSession)
    here = URL(url)
    for _ in range(_MAX_REDIRECTS + 1):
        async with session.get(here, allow_redirects=False) as response:
            if response.status in (301, 302, 303, 307, 308):
                there = here.join(URL(response.headers.get("Location", "")))
                if there.origin() != here.origin():
                    raise ValueError("it redirects to another host")
                here = there
                continue
            response.raise_for_status()
            data = await response.content.read(MAX_BYTES + 1)
            while len(data) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                data += more
            if len(data) > MAX_BYTES:
                raise ValueError("it is too large")
            return data
    raise ValueError("it redirects for ever")
