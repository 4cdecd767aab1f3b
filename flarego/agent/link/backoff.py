"""How long to wait before the next attempt."""

from __future__ import annotations

import random


class Backoff:
    """Doubles with every failure, between two bounds; jittered, so that a fleet does not come back as one."""

    def __init__(self, first_s: float = 0.2, most_s: float = 10.0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._failures = 0

    def next(self) -> float:
        """Return seconds: between half of what it has come to and all of it."""
        full: float = min(self._first_s * 2**self._failures, self._most_s)
        self._failures = min(self._failures + 1, 32)
        return full * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went well."""
        self._failures = 0
