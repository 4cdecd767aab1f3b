"""Sessions of browsers: a cookie holds a random id, we hold what it stands for."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

_MAX = 10_000


@dataclass(frozen=True)
class Session:
    """A browser that showed a token."""

    token: str
    """The id of the token; what it may do is looked up each time."""
    expires: float


class Sessions:
    """Those that are open, by the hash of their ids."""

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s
        self._open: OrderedDict[str, Session] = OrderedDict()

    def open(self, token: str, expires: float | None) -> str:
        """Return the id of a new session, which ends no later than its token."""
        id = secrets.token_urlsafe(32)
        end = time.time() + self.lasts_s
        self._open[digest(id)] = Session(token, min(end, expires) if expires is not None else end)
        while len(self._open) > _MAX:
            self._open.popitem(last=False)
        return id

    def find(self, key: str) -> Session | None:
        """Return the session with that digest, if it is open."""
        session = self._open.get(key)
        if session is not None and time.time() >= session.expires:
            del self._open[key]
            return None
        return session

    def close(self, key: str) -> None:
        self._open.pop(key, None)


def digest(id: str) -> str:
    """Return what is kept of an id. A dictionary finds it in a time that tells nothing of the id."""
    return hashlib.sha256(id.encode(errors="surrogateescape")).hexdigest()
