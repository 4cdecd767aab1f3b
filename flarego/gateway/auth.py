"""Who may look: a random token, and the Host and Origin headers checked against where we listen.

As Jupyter does: the printed URL carries the token; the first page load swaps it for a cookie and a clean URL. The Host
check is against DNS rebinding, the Origin check against other pages opening our WebSocket.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def new_token() -> str:
    """Return 192 random bits as URL-safe text."""
    return secrets.token_urlsafe(24)


def split_host(netloc: str) -> str:
    """Return the host of "host:port", "[::1]:port" or "host", lower case; "" when it is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header; "" when it has none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Access:
    """What a request must show."""

    token: str
    hosts: Collection[str] = field(default=_LOCAL)
    """Names under which we are reached; empty: any."""

    def knows_token(self, *shown: str | None) -> bool:
        """Tell whether any of what was shown is the token, in constant time."""
        token = self.token.encode()
        return any(hmac.compare_digest(text.encode(errors="surrogateescape"), token) for text in shown if text)

    def knows_host(self, netloc: str) -> bool:
        return not self.hosts or split_host(netloc) in self.hosts

    def knows_origin(self, origin: str | None, netloc: str) -> bool:
        """Browsers send Origin with every WebSocket; programs need not."""
        if origin is None:
            return True
        scheme, _, shown = origin.partition("://")
        return scheme in ("http", "https") and shown.lower() == netloc.lower()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens on host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosts_for(host: str) -> Collection[str]:
    """Return the Host names to accept when listening on `host`.

    On all addresses we cannot know by which names we are reached. There the token alone decides: a rebound name does
    not help an attacker to it, because the browser keeps the cookie for the name it was set under.
    """
    if host in ("", "0.0.0.0", "::"):
        return frozenset()
    if host in _LOCAL:
        return _LOCAL
    own = {host.lower()}
    return own if is_loopback(host) else own | {socket.gethostname().lower()}
