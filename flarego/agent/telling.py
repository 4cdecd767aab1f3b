"""What one sampler has to tell, and how it ends: decided here, waited for by whoever drains it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flarego.agent.space import AddressSpace
from flarego.errors import FlareError
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo
from flarego.samplers.base import Sampler

INTERVAL_S = 0.2
FIRST_S = 0.05
"""The first picture should not wait for a whole interval."""
EXITED = "exited"
REPLACED = "replaced its program (exec)"
"""Also what an exit looks like for a moment: the memory goes first, then the process."""
UNREADABLE = "may no longer be read"

_log = logging.getLogger(__name__)


class Telling:
    """Publishes one sampler's messages: who is watched first (and again when that changes), then chunks, then Gone."""

    def __init__(self, sampler: Sampler, publish: Callable[[Message], None]) -> None:
        self._sampler = sampler
        self._publish = publish
        self._told: ProcessInfo | None = None
        self._end = 0

    def drain(self, space: AddressSpace) -> str:
        """Drain and publish once. Return "" while it goes on, else why it is over; REPLACED may turn out an exit."""
        drained = self._drain()
        if space.is_over():  # and what was drained may be of another program
            return REPLACED
        if isinstance(drained, str):
            return drained
        self._tell()
        self._end = drained.end
        self._publish(drained)
        return ""

    def part(self, why: str) -> Gone:
        """Publish that it is over, and return that."""
        self._tell()
        info = self._sampler.info
        text = why if why.startswith("process ") else f"process {info.pid} ({info.name}) {why}"
        gone = Gone(info.process, self._end, text)
        self._publish(gone)
        return gone

    def _drain(self) -> Chunk | str:
        """Return the next chunk, or why there is none."""
        try:
            return self._sampler.drain()
        except FlareError as e:
            return e.message
        except OSError as e:
            return f"can no longer be read: {e.strerror or e}"
        except Exception as e:
            _log.exception("the sampler failed")
            return f"is no longer watched: flarego failed ({type(e).__name__}: {e}); please report it"

    def _tell(self) -> None:
        info = self._sampler.info
        if info != self._told:
            self._told = info
            self._publish(info)
