"""The pump, on real processes: its cadence, and all the ways in which it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent.clock import VirtualLoop
from agent.watched import Counting, child, until_named
from flarego.agent.pump import Pump
from flarego.agent.space import AddressSpace
from flarego.agent.telling import FIRST_S, INTERVAL_S
from flarego.errors import PermissionRefused, ProcessGone
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo


class Published(list[Message]):
    """What came out; `reached` waits for a number of chunks."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def append(self, message: Message) -> None:
        super().append(message)
        self._more.set()

    @property
    def chunks(self) -> list[Chunk]:
        return [message for message in self if isinstance(message, Chunk)]

    async def reached(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.chunks) < count:
                self._more.clear()
                await self._more.wait()


@pytest.fixture(autouse=True)
def no_fd_is_left() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def drained_at(loop: VirtualLoop, seconds: float, work: Callable[[int], float] = lambda n: 0) -> list[float]:
    """Return when the pump drained; `work` says how long each drain takes."""
    times: list[float] = []

    class Timed(Counting):
        def drain(self) -> Chunk:
            times.append(round(loop.time(), 3))
            loop.pass_time(work(len(times)))
            return super().drain()

    async def run() -> None:
        with child("sleep", "60") as process:
            pump = asyncio.ensure_future(Pump(Timed(process.pid), lambda message: None).run())
            await asyncio.sleep(seconds)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    loop.run_until_complete(run())
    return times


def test_it_drains_early_first_and_then_five_times_a_second_without_drift(loop: VirtualLoop) -> None:
    times = drained_at(loop, 60, work=lambda n: 0.03)
    assert times == [pytest.approx(FIRST_S + n * INTERVAL_S, abs=0.001) for n in range(300)]


def test_a_slow_drain_delays_and_is_not_made_up_for(loop: VirtualLoop) -> None:
    times = drained_at(loop, 4, work=lambda n: 1.0 if n == 3 else 0)
    assert times[:6] == pytest.approx([0.05, 0.25, 0.45, 1.45, 1.65, 1.85], abs=0.001)


async def test_the_process_is_told_first_and_again_only_when_it_changes() -> None:
    published = Published()
    with child("sleep", "60") as process:
        sampler = Counting(process.pid)
        pump = asyncio.ensure_future(Pump(sampler, published.append).run())
        await published.reached(2)
        sampler.info = replace(sampler.info)
        await published.reached(3)
        sampler.info = replace(sampler.info, engine="memory")
        await published.reached(4)
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
    assert [type(message) for message in published] == [ProcessInfo, Chunk, Chunk, Chunk, ProcessInfo, Chunk]


async def test_an_exit_is_noticed_at_once() -> None:
    published = Published()
    with child("cat") as process:
        pump = asyncio.ensure_future(Pump(Counting(process.pid), published.append).run())
        await published.reached(1)
        assert process.stdin is not None
        process.stdin.close()
        gone = await asyncio.wait_for(pump, 2)
    assert gone.why == f"process {process.pid} (child) exited"
    assert published[-1] == gone
    assert gone.at == published.chunks[-1].end


async def test_a_kill_is_an_exit() -> None:
    published = Published()
    with child("sleep", "60") as process:
        pump = asyncio.ensure_future(Pump(Counting(process.pid), published.append).run())
        await published.reached(1)
        process.send_signal(signal.SIGKILL)
        assert "exited" in (await asyncio.wait_for(pump, 2)).why


async def test_another_program_in_the_same_process_is_noticed_and_not_shown() -> None:
    published = Published()
    with child("sh", "-c", "read line; exec sleep 60") as process:
        sampler = Counting(process.pid)
        pump = asyncio.ensure_future(Pump(sampler, published.append).run())
        await published.reached(1)
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        gone = await asyncio.wait_for(pump, 2)
        assert process.poll() is None
    assert gone.why == f"process {process.pid} (child) replaced its program (exec)"
    assert len(published.chunks) == sampler.drained - 1, "what was drained last may be of the other program"


@pytest.mark.parametrize(
    "failure, why",
    [
        (ProcessGone("process 5 has exited"), "process 5 has exited"),
        (PermissionRefused("process 5 may no longer be read"), "process 5 may no longer be read"),
        (OSError(5, "Input/output error"), "can no longer be read: Input/output error"),
        (ZeroDivisionError("division by zero"), "flarego failed (ZeroDivisionError: division by zero)"),
    ],
)
async def test_whatever_the_sampler_raises_is_told_and_ends_it(failure: Exception, why: str) -> None:
    published = Published()
    with child("sleep", "60") as process:
        gone = await asyncio.wait_for(Pump(Counting(process.pid, failure, good=2), published.append).run(), 5)
    assert why in gone.why
    assert gone.why.startswith("process ") and "\n" not in gone.why
    assert len(published.chunks) == 2 and isinstance(published[-1], Gone)


async def test_who_has_exited_before_we_began_is_gone_and_named() -> None:
    with child("true") as process:
        process.wait()
    published = Published()
    gone = await Pump(Counting(process.pid), published.append).run()
    assert "exited" in gone.why
    assert [type(message) for message in published] == [ProcessInfo, Gone]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_who_may_not_be_read_is_told_so() -> None:
    published = Published()
    with child("sleep", "60") as process:
        until_named(process.pid, "sleep")
        os.seteuid(65534)
        try:
            gone = await Pump(Counting(process.pid), published.append).run()
        finally:
            os.seteuid(0)
    assert "may no longer be read" in gone.why


async def test_cancelling_leaves_the_target_as_it_was() -> None:
    published = Published()
    with child("sleep", "60") as process:
        pump = asyncio.ensure_future(Pump(Counting(process.pid), published.append).run())
        await published.reached(1)
        pump.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pump
        assert process.poll() is None
        assert psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING
    assert not isinstance(published[-1], Gone)


def test_an_address_space_ends_with_exec_and_exit() -> None:
    with child("sh", "-c", "read line; exec sleep 60") as process:
        first = AddressSpace(process.pid)
        assert not first.is_over()
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        until_named(process.pid, "sleep")
        second = AddressSpace(process.pid)
        assert first.is_over() and not second.is_over()
        process.kill()
        process.wait()
        assert second.is_over()
        first.close()
        second.close()
