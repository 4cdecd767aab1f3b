"""Drains a sampler five times a second and publishes what it says, until the target has gone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flarego.errors import FlareError, PermissionRefused, ProcessGone
from flarego.model.chunk import Gone, Message, ProcessInfo
from flarego.samplers.base import Sampler

INTERVAL_S = 0.2
FIRST_S = 0.05
"""The first picture should not wait for a whole interval."""


class AddressSpace:
    """A process's memory as it is now: `is_current` turns false when it exits or replaces its program (exec).

    /proc/PID/mem stays bound to the address space it was opened on: afterwards it reads as empty.
    """

    def __init__(self, pid: int, address: int | None = None) -> None:
        self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self._address = first_mapping(pid) if address is None else address

    def is_current(self) -> bool:
        try:
            return bool(os.pread(self._fd, 1, self._address))
        except OSError:
            return False

    def close(self) -> None:
        os.close(self._fd)


def first_mapping(pid: int) -> int:
    """Return an address that is mapped in the process for as long as it runs its program."""
    with Path(f"/proc/{pid}/maps").open() as maps:
        return int(maps.readline().partition("-")[0], 16)


class Pump:
    """Publishes one sampler's messages: who is watched first (and again when that changes), then chunks, then Gone."""

    def __init__(self, sampler: Sampler, publish: Callable[[Message], None]) -> None:
        self._sampler = sampler
        self._publish = publish
        self._told: ProcessInfo | None = None
        self._end = 0

    async def run(self) -> Gone:
        """Pump until the target has gone, and return how. Cancel to stop earlier; the sampler stays the caller's."""
        loop = asyncio.get_running_loop()
        pid = self._sampler.info.pid
        exited = asyncio.Event()
        try:
            space, pidfd = AddressSpace(pid), os.pidfd_open(pid)
        except OSError:
            return self._gone("exited")
        loop.add_reader(pidfd, exited.set)
        try:
            return await self._drain_until(exited, space)
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            space.close()

    async def _drain_until(self, exited: asyncio.Event, space: AddressSpace) -> Gone:
        loop = asyncio.get_running_loop()
        due = loop.time() + FIRST_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await exited.wait()
            if exited.is_set():
                return self._gone("exited")
            if not space.is_current():
                return self._gone(await self._exit_or_exec(exited))
            try:
                self._step()
            except (ProcessGone, PermissionRefused, OSError) as e:
                return self._gone(e.message if isinstance(e, FlareError) else "can no longer be read")
            due = max(due + INTERVAL_S, loop.time())  # late: do not try to catch up

    @staticmethod
    async def _exit_or_exec(exited: asyncio.Event) -> str:
        """A process that exits loses its memory a moment before its pidfd says so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL_S):
                await exited.wait()
        return "exited" if exited.is_set() else "replaced its program (exec)"

    def _step(self) -> None:
        chunk = self._sampler.drain()
        if self._sampler.info is not self._told:
            self._told = self._sampler.info
            self._publish(self._told)
        self._end = chunk.end
        self._publish(chunk)

    def _gone(self, why: str) -> Gone:
        info = self._sampler.info
        text = why if why.startswith("process ") else f"process {info.pid} ({info.name}) {why}"
        gone = Gone(info.process, self._end, text)
        self._publish(gone)
        return gone
