"""What is wrong with Redis now, in words for those who look at a gateway."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TimeoutError,
)

FAILURES = (RedisError, RedisClusterException, OSError, ValueError)
"""What a command may raise, whatever is at the other end."""
_BACKOFF_S, _MAX_BACKOFF_S = 0.2, 2.0


def reason(e: BaseException) -> str:
    """Say what went wrong."""
    match e:
        case OutOfMemoryError():
            return "Redis is out of memory"
        case AuthenticationError() | AuthorizationError() | NoPermissionError():
            return "Redis refuses this gateway's user"
        case ReadOnlyError():
            return "Redis cannot be written to"
        case TimeoutError() | ConnectionError() | BusyLoadingError() | ClusterDownError() | RedisClusterException():
            return "Redis does not answer"
        case OSError():
            return "Redis does not answer"
    return f"Redis does not do what it should ({type(e).__name__})"


class Health:
    """Who does what with Redis, and with what success. Tells when that changes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._troubles: dict[str, str] = {}
        self._again: dict[str, tuple[float, float]] = {}
        self.failures = 0

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong, in words; nothing: all is well."""
        return tuple(sorted(set(self._troubles.values())))

    def failed(self, doing: str, e: BaseException) -> None:
        """Note that something failed, and wait longer each time before it is tried again."""
        self.failures += 1
        wait = min(self._again.get(doing, (0.0, _BACKOFF_S / 2))[1] * 2, _MAX_BACKOFF_S)
        self._again[doing] = time.monotonic() + wait * random.uniform(0.75, 1.25), wait
        self._set(doing, reason(e))

    def succeeded(self, doing: str) -> None:
        """Note that something works (again)."""
        self._again.pop(doing, None)
        self._set(doing, "")

    def ready(self, doing: str) -> bool:
        """Return whether it is time to try."""
        return time.monotonic() >= self._again.get(doing, (0.0, 0.0))[0]

    def ill(self, doing: str) -> bool:
        return doing in self._troubles

    def _set(self, doing: str, trouble: str) -> None:
        if self._troubles.get(doing, "") == trouble:
            return
        if trouble:
            self._troubles[doing] = trouble
        else:
            del self._troubles[doing]
        self._changed()
