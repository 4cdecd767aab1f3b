"""Where questions are answered: in threads, a few at a time, none for too long, none that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiohttp import web

from flarego.gateway.limits import LimitReached, Meter
from flarego.gateway.query.fold import Check

T = TypeVar("T")
AT_ONCE = 2
"""Questions worked on at the same time; they share the interpreter with what comes in."""
WAITING = 32
"""Questions that may wait for their turn."""
_LOOK_S = 0.1
"""How often it is seen to whether somebody still waits for the answer."""
_SMALLER = "ask for a shorter span or less of it: limit, depth, step, name"


class GoneAway(Exception):
    """Whoever asked does not wait for the answer."""


class Workers:
    """Answers questions of everybody, within the limits."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="query")
        self._asked = 0

    async def answer(self, request: web.Request, namespace: str, work: Callable[[Check], bytes]) -> bytes:
        """Return what work returns in its thread. Raises LimitReached, GoneAway, and what work raises."""
        if self._asked >= AT_ONCE + WAITING:
            self._refuse("query_s", namespace, f"more than {WAITING} questions wait for an answer", None)
        watch = _Watch(self._meter.limits.query_s)
        self._asked += 1
        try:
            answer = await self._wait(request, watch, work)
        except _TooLong:
            self._refuse("query_s", namespace, f"that takes more than {self._meter.limits.query_s:g} s", _SMALLER)
            raise
        finally:
            self._asked -= 1
        limit = self._meter.limits.query_bytes
        if limit and len(answer) > limit:
            self._refuse("query_bytes", namespace, f"the answer has more than {limit:,} bytes", _SMALLER)
        return answer

    async def _wait(self, request: web.Request, watch: _Watch, work: Callable[[Check], bytes]) -> bytes:
        future = asyncio.get_running_loop().run_in_executor(self._threads, watch.run, work)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())  # somebody has looked
        try:
            while not (await asyncio.wait({future}, timeout=_LOOK_S))[0]:
                if request.transport is None or request.transport.is_closing():
                    watch.stop()
            return future.result()
        finally:
            watch.stop()

    def _refuse(self, limit: str, namespace: str, what: str, remedy: str | None) -> None:
        try:
            self._meter.refuse(limit, namespace, what)
        except LimitReached as e:
            e.remedy = remedy or e.remedy
            raise

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Uncollected:
    """No garbage is collected meanwhile. A fold makes many objects and no cycles; to look at all of them, and at all
    that the gateway keeps, each time there are some thousands more doubles what some answers take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._was_on = gc.isenabled()
                gc.disable()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._was_on:
                gc.enable()


_UNCOLLECTED = _Uncollected()


class _TooLong(Exception):
    """The limit of time is used up."""


class _Watch:
    """Ends work that takes too long, or that nobody waits for."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds if seconds else float("inf")
        self._stopped = threading.Event()

    def run(self, work: Callable[[Check], T]) -> T:
        self.check()
        with _UNCOLLECTED:
            return work(self.check)

    def check(self) -> None:
        """Raises when it is to end."""
        if self._stopped.is_set():
            raise GoneAway
        if time.monotonic() > self._deadline:
            raise _TooLong

    def stop(self) -> None:
        self._stopped.set()
