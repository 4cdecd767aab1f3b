"""Who may look: a random token, the Host and Origin headers checked against where we listen.

As Jupyter does: the printed URL carries the token; the first page load swaps it for a cookie and a clean URL. The Host
check is against DNS rebinding, the Origin check against other pages opening our WebSocket.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def new_token() -> str:
    return secrets.token_urlsafe(24)


def split_host(netloc: str) -> str:
    """Return the host of "host:port", "[::1]:port" or "host", lower case; "" when it is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


@dataclass(frozen=True)
class Access:
    """What a request must show."""

    token: str
    hosts: Collection[str] = field(default=_LOCAL)
    """Names under which we are reached; empty: any (listening on all addresses)."""

    def knows_token(self, *shown: str | None) -> bool:
        """Tell whether any of what was shown is the token, in constant time."""
        return any(hmac.compare_digest(text.encode(), self.token.encode()) for text in shown if text)

    def knows_host(self, netloc: str) -> bool:
        return not self.hosts or split_host(netloc) in self.hosts

    def knows_origin(self, origin: str | None, netloc: str) -> bool:
        """Browsers send Origin with every WebSocket; programs need not."""
        if origin is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == netloc.lower()


def hosts_for(address: str) -> Collection[str]:
    """Return the Host names to accept when listening on `address`."""
    if address in ("", "0.0.0.0", "::"):
        return frozenset()
    return _LOCAL | {address.lower()} if address in _LOCAL else frozenset({address.lower()})
