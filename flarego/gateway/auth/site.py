"""Where we are reached, against which Host and Origin are checked.

The Host check is against DNS rebinding, the Origin check against other pages using a person's cookie.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def split_host(netloc: str) -> str:
    """Return the host of "host:port", "[::1]:port" or "host", lower case; "" when it is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").lower()
    except ValueError:
        return ""


@dataclass(frozen=True)
class Site:
    """The names we answer to, and the pages that may ask us."""

    hosts: Collection[str] = field(default=LOCAL)
    """Names under which we are reached; empty: any."""
    origins: Collection[str] = frozenset()
    """Other pages' origins, as browsers write them: https://tools.example."""

    def knows_host(self, netloc: str, own: str = "") -> bool:
        """Tell whether a Host header is one of ours. The address that was connected to (`own`) always is: a probe or a
        scraper uses it, and no name that somebody rebinds is an address."""
        host = split_host(netloc)
        return not self.hosts or host in self.hosts or (bool(host) and host == own)

    def knows_origin(self, origin: str | None, netloc: str) -> bool:
        """Browsers send Origin with every WebSocket and every change; programs need not."""
        if origin is None or origin in self.origins:
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
    if host in LOCAL:
        return LOCAL
    own = {host.lower()}
    return own if is_loopback(host) else own | {socket.gethostname().lower()}
