"""Who asks. Each way of showing it is an Authenticator; what it proves is a Principal; what that may do: policy.py.

Agents show signed tokens of somebody else's making (JWT), people and programs opaque ones of ours, of which we keep
hashes; a browser swaps its token once for a cookie, so that no page and no address ever holds it. Passwords and OIDC
are left to a proxy in front, that tells who it is in a header.
"""

from __future__ import annotations

from flarego.gateway.auth.local import Access, new_token
from flarego.gateway.auth.principal import (
    Authenticator,
    Credentials,
    Forbidden,
    Principal,
    Scope,
    Unauthenticated,
    bearer,
)
from flarego.gateway.auth.site import Site, hosts_for, is_loopback, split_host

__all__ = [
    "Access",
    "Authenticator",
    "Credentials",
    "Forbidden",
    "Principal",
    "Scope",
    "Site",
    "Unauthenticated",
    "bearer",
    "hosts_for",
    "is_loopback",
    "new_token",
    "split_host",
]
