"""Sessions of browsers: a cookie holds a random id, we hold what it stands for.

Several gateways behind one address keep them together on a shelf (Redis), and each remembers for a few seconds what it
saw there. While the shelf cannot be reached, each goes by what it remembers, and what was opened is put there later.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

REMEMBERED_S = 3.0
"""How long what is on the shelf may have changed without our knowing."""
_MAX = 10_000
_AT_ONCE = 500
_ON_SHELF = re.compile(r"([0-9a-f]{12}) (\d{1,12})", re.ASCII)


class Shelf(Protocol):
    """Where gateways keep sessions together. Nothing raises: what cannot be done now is not done."""

    async def put(self, key: str, text: str, seconds: int) -> bool: ...

    async def get(self, keys: Sequence[str]) -> Sequence[str | None] | None:
        """Return what lies there, for each key; None when the shelf cannot be reached."""
        ...

    async def delete(self, key: str) -> None: ...


@dataclass(frozen=True)
class Session:
    """A browser that showed a token."""

    token: str
    """The id of the token; what it may do is looked up each time."""
    expires: float
    seen: float = 0.0
    """On the shelf, by time.monotonic(); 0: it was never there."""


class Sessions:
    """Those that are open, by the hash of their ids."""

    def __init__(self, lasts_s: float, shelf: Shelf | None = None) -> None:
        self.lasts_s = lasts_s
        self.shelf = shelf
        self._open: OrderedDict[str, Session] = OrderedDict()

    async def open(self, token: str, expires: float | None) -> str:
        """Return the id of a new session, which ends no later than its token."""
        id = secrets.token_urlsafe(32)
        end = time.time() + self.lasts_s
        session = Session(token, min(end, expires) if expires is not None else end)
        self._keep(digest(id), await self._put(digest(id), session))
        return id

    async def find(self, key: str) -> Session | None:
        """Return the session with that digest, if it is open."""
        known = self.known(key)
        if self.shelf is not None and (known is None or time.monotonic() - known.seen > REMEMBERED_S):
            await self._look([key])
        return self.known(key)

    def known(self, key: str) -> Session | None:
        """Return the session with that digest, if it is open as far as is remembered here."""
        session = self._open.get(key)
        if session is not None and time.time() >= session.expires:
            del self._open[key]
            return None
        return session

    async def close(self, key: str) -> None:
        self._open.pop(key, None)
        if self.shelf is not None:
            await self.shelf.delete(key)

    async def refresh(self) -> None:
        """See which of those that are known here were closed elsewhere."""
        due = time.monotonic() - REMEMBERED_S
        keys = [key for key in list(self._open) if (session := self.known(key)) is not None and session.seen < due]
        if self.shelf is not None and keys:
            await self._look(keys[:_AT_ONCE])

    async def _look(self, keys: Sequence[str]) -> None:
        """Take over what the shelf says."""
        assert self.shelf is not None
        found = await self.shelf.get(keys)
        for key, text in zip(keys, found or (), strict=False):
            known = self.known(key)
            match = _ON_SHELF.fullmatch(text) if text is not None else None
            if match is not None:
                self._keep(key, Session(match[1], float(match[2]), time.monotonic()))
            elif known is not None and not known.seen:
                self._keep(key, await self._put(key, known))
            else:
                self._open.pop(key, None)

    async def _put(self, key: str, session: Session) -> Session:
        """Put it on the shelf, if there is one; return it as it is to be remembered."""
        left = int(session.expires - time.time())
        if (
            self.shelf is None
            or left <= 0
            or not await self.shelf.put(key, f"{session.token} {session.expires:.0f}", left)
        ):
            return session
        return replace(session, seen=time.monotonic())

    def _keep(self, key: str, session: Session) -> None:
        self._open[key] = session
        while len(self._open) > _MAX:
            self._open.popitem(last=False)


def digest(id: str) -> str:
    """Return what is kept of an id. A dictionary finds it in a time that tells nothing of the id."""
    return hashlib.sha256(id.encode(errors="surrogateescape")).hexdigest()
