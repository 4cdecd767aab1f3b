"""The thread that drains every sampler five times a second, and notices how each process ends."""

from __future__ import annotations

import logging
import math
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flarego.agent.feed import Feed
from flarego.agent.find import Found
from flarego.agent.space import AddressSpace
from flarego.agent.telling import EXITED, FIRST_S, INTERVAL_S, REPLACED, Telling
from flarego.samplers.base import Sampler

RENEWAL_S = 5.0
"""A generation that was lost is begun anew at most so often."""
_LEAST_S = 0.05
"""Between two drains."""
_log = logging.getLogger(__name__)


class Watched:
    """One process that is being watched. The sampler has been started; closing stops it."""

    def __init__(self, found: Found, sampler: Sampler, feed: Feed) -> None:
        """Raises ProcessLookupError, PermissionError."""
        self.found, self.sampler, self.feed = found, sampler, feed
        self.telling = Telling(sampler, feed.publish)
        self.due = 0.0
        self.suspect = False
        """Its memory is gone: it has exited or replaced its program, and a moment will tell."""
        self.renewed = -math.inf
        self.pidfd = os.pidfd_open(found.pid)
        try:
            self._space = AddressSpace(found.pid)
        except BaseException:
            os.close(self.pidfd)
            raise

    def drain(self, now: float) -> str:
        """Drain once. Return "" while it goes on, else why it is over."""
        if self.suspect:
            return REPLACED
        if self.feed.spool.wants_renewal and now - self.renewed > RENEWAL_S:
            self.renewed = now
            self.sampler.renew()
        why = self.telling.drain(self._space)
        self.suspect = why == REPLACED
        return "" if self.suspect else why

    def close(self) -> None:
        self.sampler.stop()
        self._space.close()
        os.close(self.pidfd)


class Watcher(threading.Thread):
    """Drains everything that is watched. `on_over` is told, by this thread, of each process that is no more."""

    def __init__(self, on_over: Callable[[Watched, str], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self.watched: dict[int, Watched] = {}
        """By pidfd."""
        self.at = time.monotonic()
        """When it last did something."""
        self.late_s = 0.0
        """How late the last drains were."""
        self._on_over = on_over
        self._coming: list[Watched] = []
        self._poller = select.poll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poller.register(self._wake, select.POLLIN)
        self._leaving = ""

    @property
    def count(self) -> int:
        """How many processes are watched, or about to be."""
        return len(self.watched) + len(self._coming)

    def add(self, watched: Watched) -> None:
        watched.due = time.monotonic() + FIRST_S
        self._coming.append(watched)
        os.eventfd_write(self._wake, 1)

    def leave(self, why: str) -> None:
        """Tell everything that is still to be told, and end."""
        self._leaving = why
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        while not self._leaving:
            due = min((watched.due for watched in self.watched.values()), default=math.inf)
            patience = min(max(due - time.monotonic(), 0.0), 1.0)
            ready = [fd for fd, _ in self._poller.poll(math.ceil(patience * 1000))]
            self.at = time.monotonic()
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)
            for fd in ready:
                if fd != self._wake:
                    self._part(self.watched[fd], EXITED)
            self._take_in()
            self._drain_due()
        self._take_in()
        for watched in list(self.watched.values()):
            why = watched.drain(time.monotonic()) or f"is no longer watched: {self._leaving}"
            watched.telling.part(why)
        for watched in list(self.watched.values()):
            watched.close()

    def _take_in(self) -> None:
        while self._coming:
            watched = self._coming[-1]
            self.watched[watched.pidfd] = watched
            self._coming.pop()
            self._poller.register(watched.pidfd, select.POLLIN)

    def _drain_due(self) -> None:
        now = time.monotonic()
        for watched in [w for w in self.watched.values() if w.due <= now]:
            self.late_s = now - watched.due
            if why := watched.drain(time.monotonic()):
                self._part(watched, why)
            # All on one beat, so that we wake up five times a second and not five times for each.
            watched.due = (math.floor((now + _LEAST_S) / INTERVAL_S) + 1) * INTERVAL_S

    def _part(self, watched: Watched, why: str) -> None:
        del self.watched[watched.pidfd]
        self._poller.unregister(watched.pidfd)
        gone = watched.telling.part(why)
        watched.close()
        self._on_over(watched, gone.why)
