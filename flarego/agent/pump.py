"""Drains a sampler five times a second and publishes what it says, until the target has gone."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flarego.agent.space import AddressSpace
from flarego.errors import FlareError
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo
from flarego.samplers.base import Sampler

INTERVAL_S = 0.2
FIRST_S = 0.05
"""The first picture should not wait for a whole interval."""

_log = logging.getLogger(__name__)


class Pump:
    """Publishes one sampler's messages: who is watched first (and again when that changes), then chunks, then Gone.

    The sampler has been started, and stays the caller's to stop.
    """

    def __init__(self, sampler: Sampler, publish: Callable[[Message], None]) -> None:
        self._sampler = sampler
        self._publish = publish
        self._told: ProcessInfo | None = None
        self._end = 0
        self._exited = False
        self._wake = asyncio.Event()

    async def run(self) -> Gone:
        """Pump until the target has gone, and return how. Cancel to stop earlier. Raises nothing else."""
        try:
            with _watch(self._sampler.info.pid, self._note_exit) as space:
                why = await self._drain_until_over(space)
        except ProcessLookupError:
            why = "exited"
        except PermissionError:
            why = "may no longer be read"
        return self._part(why)

    async def _drain_until_over(self, space: AddressSpace) -> str:
        """Return why it is over."""
        loop = asyncio.get_running_loop()
        due = loop.time() + FIRST_S
        while not await self._exits_before(due):
            drained = self._drain()
            if space.is_over():  # and what was drained may be of another program
                exited = await self._exits_before(loop.time() + INTERVAL_S)  # the memory goes first, then the process
                return "exited" if exited else "replaced its program (exec)"
            if isinstance(drained, str):
                return drained
            self._tell()
            self._end = drained.end
            self._publish(drained)
            due = max(due + INTERVAL_S, loop.time())  # late: do not try to catch up
        return "exited"

    async def _exits_before(self, due: float) -> bool:
        """Wait until the time has come or the process has exited."""
        timer = asyncio.get_running_loop().call_at(due, self._wake.set)
        await self._wake.wait()
        timer.cancel()
        if not self._exited:
            self._wake.clear()
        return self._exited

    def _note_exit(self) -> None:
        self._exited = True
        self._wake.set()

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

    def _part(self, why: str) -> Gone:
        self._tell()
        info = self._sampler.info
        text = why if why.startswith("process ") else f"process {info.pid} ({info.name}) {why}"
        gone = Gone(info.process, self._end, text)
        self._publish(gone)
        return gone


@contextmanager
def _watch(pid: int, on_exit: Callable[[], None]) -> Iterator[AddressSpace]:
    """Call `on_exit` when the process exits. Raises ProcessLookupError when it has already, or PermissionError."""
    loop = asyncio.get_running_loop()
    pidfd = os.pidfd_open(pid)
    try:
        space = _open_space(pid)
        try:
            loop.add_reader(pidfd, on_exit)
            yield space
        finally:
            loop.remove_reader(pidfd)
            space.close()
    finally:
        os.close(pidfd)


def _open_space(pid: int) -> AddressSpace:
    try:
        return AddressSpace(pid)
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
