"""What lasts, and ends when the right to it does: a stream of a token that is revoked, expired or logged out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flarego.gateway.auth.principal import Principal

PERIOD_S = 1.0

End = Callable[[str], None]


class Leases:
    """Asks every second whether those who hold something may still have it."""

    def __init__(self, holds: Callable[[Principal], bool]) -> None:
        self._holds = holds
        self._held: dict[int, tuple[Principal, End]] = {}
        self._next = 0

    @contextmanager
    def hold(self, principal: Principal, end: End) -> Iterator[None]:
        """Call `end` with the reason, once, if the right ends before the context does."""
        key = self._next = self._next + 1
        self._held[key] = principal, end
        try:
            yield
        finally:
            self._held.pop(key, None)

    def check(self) -> None:
        """End what has to end."""
        holds: dict[Principal | str, bool] = {}
        for key, (principal, end) in list(self._held.items()):
            asked = principal.key or str(id(principal))
            if asked not in holds:
                holds[asked] = self._holds(principal)
            if not holds[asked]:
                self._held.pop(key, None)
                end("the token has expired" if principal.expired() else "the token was revoked")

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self.check()
