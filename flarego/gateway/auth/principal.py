"""Who asks, what was shown for it, and what it may do where."""

from __future__ import annotations

import base64
import fnmatch
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from flarego.errors import FlareError, PermissionRefused


class Unauthenticated(FlareError):
    """Nothing was shown that proves who asks. The message says what is wrong, and never what was shown."""

    exit_code = 6
    usual_remedy = "show a valid token"


class Forbidden(PermissionRefused):
    """Who asks is known, and may not."""

    usual_remedy = "ask whoever runs this gateway for a token with that scope"


class Scope(StrEnum):
    """What may be done. It is granted for namespaces."""

    INGEST = "ingest"
    READ = "read"
    CLIP_WRITE = "clip:write"
    RULES_WRITE = "rules:write"
    ADMIN = "admin"
    """Everything, in its namespaces."""


EVERYTHING: Mapping[str, frozenset[Scope]] = MappingProxyType({"*": frozenset({Scope.ADMIN})})


@dataclass(frozen=True)
class Principal:
    """Who asks, as far as it was proved."""

    name: str
    kind: str
    """agent, token, proxy or local."""
    grants: Mapping[str, frozenset[Scope]]
    """Pattern of namespaces ("prod", "team-*", "*") → what may be done there."""
    expires: float | None = None
    """Seconds since 1970; None: never."""
    key: str = ""
    """What can be revoked: the id of a token or a session."""

    def may(self, scope: Scope, namespace: str | None) -> bool:
        """Tell whether this is granted in a namespace; None: in any."""
        return any(
            (scope in scopes or Scope.ADMIN in scopes)
            and (namespace is None or fnmatch.fnmatchcase(namespace, pattern))
            for pattern, scopes in self.grants.items()
        )

    def expired(self, now: float | None = None) -> bool:
        return self.expires is not None and (time.time() if now is None else now) >= self.expires

    def only_namespace(self, scope: Scope) -> str | None:
        """Return the one namespace in which this is granted; None when there are several."""
        found = {pattern for pattern, scopes in self.grants.items() if scope in scopes or Scope.ADMIN in scopes}
        only = found.pop() if len(found) == 1 else "*"
        return None if set(only) & set("*?[") else only


NOBODY = Principal("nobody", "none", MappingProxyType({}))
"""Who asks for what is public, and shows nothing."""


@dataclass(frozen=True)
class Credentials:
    """What came with a request or a stream."""

    bearer: str = ""
    cookie: str = ""
    peer: str = ""
    """Address of whoever connected to us, without port."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Tell where from, not what: this may end up in a log."""
        return f"Credentials(peer={self.peer!r})"


class Authenticator(Protocol):
    """A way of proving who asks."""

    async def authenticate(self, credentials: Credentials) -> Principal:
        """Return who it is. Raises Unauthenticated."""
        ...

    def holds(self, principal: Principal) -> bool:
        """Tell whether what was proved still holds: not expired, not revoked, not logged out. Asked every second."""
        ...


class Entrance(Authenticator, Protocol):
    """What browsers come in by as well: they change what they show for a cookie."""

    async def exchange(self, principal: Principal, credentials: Credentials) -> str:
        """Return what the cookie of a browser that showed this is to hold. Raises Unauthenticated."""
        ...

    async def leave(self, credentials: Credentials) -> None:
        """Make the cookie worth nothing."""
        ...

    def login(self) -> bool:
        """Tell whether a person without a token is to be shown the page that asks for one."""
        ...


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header; "" when it has none.

    Of Basic it is the password: that is where what cannot send Bearer (Pyroscope's clients) has room for a token.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return token.strip() if scheme.lower() == "bearer" else ""
