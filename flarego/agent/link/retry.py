"""What to do about a process's stream that the gateway ended."""

from __future__ import annotations

from dataclasses import dataclass

from flarego.agent.link.backoff import Backoff
from flarego.wire.grpc import Status

SLOWLY_S = 30.0
"""Between attempts at what only a person can put right."""
_SLOW = {
    Status.PERMISSION_DENIED: "the gateway does not permit this",
    Status.INVALID_ARGUMENT: "the gateway does not understand us; please report this",
    Status.FAILED_PRECONDITION: "the gateway does not take this process now",
    Status.UNIMPLEMENTED: "there is no gateway",
}
_SOON = {
    Status.UNAUTHENTICATED: "the gateway does not accept our token",
    Status.RESOURCE_EXHAUSTED: "a limit of the gateway is reached",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """When to try again, and what to say."""

    after_s: float
    what: str
    """In one phrase; "" for what is no news."""
    severe: bool
    """Whether somebody has to do something."""


class Retries:
    """Decides for one feed."""

    def __init__(self) -> None:
        self._often = Backoff(0.2, 10.0)
        self._soon = Backoff(1.0, SLOWLY_S)

    def judge(self, status: int, retry_after_s: float, *, token_changed: bool) -> Verdict:
        """Return what follows from a stream's end."""
        if status in _SLOW:
            jitter = Backoff(SLOWLY_S, SLOWLY_S).next()
            return Verdict(max(jitter, retry_after_s), _SLOW[Status(status)], severe=True)
        if status in _SOON:
            if status == Status.UNAUTHENTICATED and token_changed:
                return Verdict(0.0, "", severe=False)
            return Verdict(max(self._soon.next(), retry_after_s), _SOON[Status(status)], severe=True)
        return Verdict(max(self._often.next(), retry_after_s), "" if status == Status.OK else "the stream ended", False)

    def welcomed(self) -> None:
        self._often.reset()
        self._soon.reset()
