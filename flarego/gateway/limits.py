"""How much of everything there may be: each limit configured, each counted when it is reached, and said so."""

from __future__ import annotations

from flarego.errors import FlareError


class LimitReached(FlareError):
    """There is too much of something. HTTP: 429; gRPC: RESOURCE_EXHAUSTED."""

    usual_remedy = "try again later, or ask whoever runs this gateway to raise the limit"

    def __init__(self, message: str, retry_after_s: float = 1.0, *, limit: str = "", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s
        self.limit = limit
