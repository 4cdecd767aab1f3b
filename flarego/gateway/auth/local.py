"""The one random token of `attach` and `replay`, as Jupyter has it: whoever was shown the address may do everything."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from flarego.gateway.auth.principal import EVERYTHING, Credentials, Principal, Unauthenticated

LOCAL = Principal("local", "local", EVERYTHING)


def new_token() -> str:
    """Return 192 random bits as URL-safe text."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, repr=False)
class Access:
    """Authenticates whoever has the token."""

    token: str

    async def authenticate(self, credentials: Credentials) -> Principal:
        if not self.knows_token(credentials.bearer, credentials.cookie):
            raise Unauthenticated("no token, or a wrong one", remedy="use the URL that flarego printed")
        return LOCAL

    def holds(self, principal: Principal) -> bool:
        return True

    async def exchange(self, principal: Principal, credentials: Credentials) -> str:
        return self.token

    async def leave(self, credentials: Credentials) -> None:
        """The token stays what it is as long as flarego runs."""

    def login(self) -> bool:
        """No: whoever started flarego was shown the address."""
        return False

    def knows_token(self, *shown: str | None) -> bool:
        """Tell whether any of what was shown is the token, in constant time."""
        token = self.token.encode()
        return any(hmac.compare_digest(text.encode(errors="surrogateescape"), token) for text in shown if text)
