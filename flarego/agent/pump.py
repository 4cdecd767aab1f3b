"""Drains a sampler five times a second and publishes what it says, until the target has gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flarego.agent.space import AddressSpace
from flarego.agent.telling import EXITED, FIRST_S, INTERVAL_S, REPLACED, UNREADABLE, Telling
from flarego.model.chunk import Gone, Message
from flarego.samplers.base import Sampler


class Pump:
    """Publishes one sampler's messages, as Telling has it, on an asyncio loop.

    The sampler has been started, and stays the caller's to stop.
    """

    def __init__(self, sampler: Sampler, publish: Callable[[Message], None]) -> None:
        self._pid = sampler.info.pid
        self._telling = Telling(sampler, publish)
        self._exited = False
        self._wake = asyncio.Event()

    async def run(self) -> Gone:
        """Pump until the target has gone, and return how. Cancel to stop earlier. Raises nothing else."""
        try:
            with _watch(self._pid, self._note_exit) as space:
                why = await self._drain_until_over(space)
        except ProcessLookupError:
            why = EXITED
        except PermissionError:
            why = UNREADABLE
        return self._telling.part(why)

    async def _drain_until_over(self, space: AddressSpace) -> str:
        """Return why it is over."""
        loop = asyncio.get_running_loop()
        due = loop.time() + FIRST_S
        while not await self._exits_before(due):
            why = self._telling.drain(space)
            if why == REPLACED and await self._exits_before(loop.time() + INTERVAL_S):
                return EXITED
            if why:
                return why
            due = max(due + INTERVAL_S, loop.time())  # late: do not try to catch up
        return EXITED

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


@contextmanager
def _watch(pid: int, on_exit: Callable[[], None]) -> Iterator[AddressSpace]:
    """Call `on_exit` when the process exits. Raises ProcessLookupError when it has already, or PermissionError."""
    loop = asyncio.get_running_loop()
    pidfd = os.pidfd_open(pid)
    try:
        space = AddressSpace(pid)
        try:
            loop.add_reader(pidfd, on_exit)
            yield space
        finally:
            loop.remove_reader(pidfd)
            space.close()
    finally:
        os.close(pidfd)
