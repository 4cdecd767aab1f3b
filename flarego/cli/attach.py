"""`flarego attach`: sampler, hub and dashboard in one asyncio program."""

from __future__ import annotations

import asyncio
import signal
import sys
import webbrowser
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

import click

from flarego.agent.find import Found, by_name, by_pid, check_machine, wait_for
from flarego.cli.options import duration_option, listen_option, open_option
from flarego.config import BUDGET, MAX_ONCPU_HZ, MAX_SCAN_HZ, Settings
from flarego.errors import ProcessGone
from flarego.model.chunk import Chunk, Gone, Message, ProcessInfo

if TYPE_CHECKING:
    from flarego.samplers.go import GoSampler


@click.command()
@click.argument("target", metavar="[PID]", type=click.IntRange(min=1), required=False)
@click.option("-p", "--pid", type=click.IntRange(min=1), metavar="PID", help="The process to attach to.")
@click.option("--name", metavar="PATTERN", help="The process with this name or program, e.g. api or 'api*'.")
@open_option
@listen_option
@click.option("-r", "--rate", type=click.FloatRange(min=0.1, max=MAX_ONCPU_HZ), metavar="HZ",
              help="Fix the rate of CPU samples (and of scans, up to 100 Hz); else it adapts.")  # fmt: skip
@click.option("--budget", type=click.FloatRange(min=0.05, max=100), default=100 * BUDGET, envvar="FLAREGO_BUDGET",
              show_default=True, metavar="PCT", help="CPU that watching may cost, per cent of one core.")  # fmt: skip
@duration_option
@click.option("--wait", is_flag=True, help="Wait for the process to start.")
@click.option("--engine", type=click.Choice(["auto", "perf", "ptrace", "memory"]), default="auto", show_default=True,
              help="How running goroutines are sampled; auto takes the best that is permitted.")  # fmt: skip
def command(
    target: int | None, pid: int | None, name: str | None, open_page: bool, listen: str, rate: float | None,
    budget: float, duration: float | None, wait: bool, engine: str,
) -> None:  # fmt: skip
    """Show, live in the browser, what every goroutine of a running process is doing.

    \b
        flarego attach 1234 --open
        flarego attach --name 'api*' --duration 5m
    """
    if sum(given is not None for given in (target, pid, name)) != 1:
        raise click.UsageError("name one process: flarego attach PID, --pid PID or --name PATTERN")
    check_machine()
    wanted = target if target is not None else pid
    watch(_find(wanted, name, wait), Settings(listen, open_page, rate or 0.0, budget / 100, duration, engine))


def _find(pid: int | None, name: str | None, wait: bool) -> Found:
    if wait:
        return wait_for(pid, name)
    return by_pid(pid) if pid is not None else by_name(name or "")


def watch(found: Found, settings: Settings) -> None:
    """Attach to the process and serve until Ctrl-C, the duration, or (nobody looking) the target's end."""
    sampler = make_sampler(found, settings)
    try:
        sampler.start()
        gone = asyncio.run(_serve(sampler, settings))
    finally:
        sampler.stop()
    if gone is not None:
        raise ProcessGone(gone.why, remedy="attach again when it runs; --wait waits for it")


def make_sampler(found: Found, settings: Settings) -> GoSampler:
    """Return a sampler of the process, not started. Raises what attaching to a Go process raises."""
    from flarego.golang import attach
    from flarego.samplers.go import GoSampler

    process = attach(found.pid)
    return GoSampler(
        process,
        name=found.name,
        command=found.command,
        started=found.started,
        budget=settings.budget,
        scan_hz=min(settings.rate, MAX_SCAN_HZ),
        oncpu_hz=settings.rate,
        engine=settings.engine,
    )


class Reporter(Protocol):
    """Hears every message and tells a person some of it."""

    def hear(self, message: Message) -> None: ...


async def _serve(sampler: GoSampler, settings: Settings) -> Gone | None:
    """Return how the target went, when that is why we ended; None otherwise."""
    from flarego.agent.pump import Pump
    from flarego.gateway.server import Gateway

    gateway = Gateway(settings.listen)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    url = await gateway.start()
    if gateway.warning:
        click.echo(f"warning: {gateway.warning}", err=True)
    interactive = sys.stdout.isatty() or settings.open_page
    with _report(url) as reporter:

        def publish(message: Message) -> None:
            gateway.hub.publish(message)
            reporter.hear(message)

        pump = asyncio.ensure_future(Pump(sampler, publish).run())
        if settings.open_page:
            webbrowser.open(url)
        try:
            return await _until(stop, pump, settings.duration, interactive)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            await gateway.stop()


async def _until(
    stop: asyncio.Event, pump: asyncio.Future[Gone], duration: float | None, interactive: bool
) -> Gone | None:
    """Wait for the first of: a signal, the duration, the target's end (then on, when a person looks at the page)."""
    try:
        async with asyncio.timeout(duration):
            pump.add_done_callback(lambda _: stop.set())
            await stop.wait()
            if not pump.done():
                return None
            gone = pump.result()
            if not interactive:
                return gone
            click.echo(f"{gone.why}. The page stays up until Ctrl-C.", err=True)
            stop.clear()
            await stop.wait()
            return None
    except TimeoutError:
        return None


def _report(url: str) -> AbstractContextManager[Reporter]:
    if sys.stderr.isatty():
        from flarego.cli.status import StatusLine

        return StatusLine(url)
    return nullcontext(Lines(url))


class Lines:
    """Prints the target, the engine when it changes, and the URL once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = ("", "")

    def hear(self, message: Message) -> None:
        if not isinstance(message, ProcessInfo):
            return
        if not self._engine[0]:
            click.echo(f"attached to {describe(message)}")
        if (message.engine, message.engine_why) != self._engine:
            self._engine = (message.engine, message.engine_why)
            why = f" ({message.engine_why})" if message.engine_why else ""
            click.echo(f"engine     {message.engine}{why}")
        if self._url:
            click.echo(f"dashboard  {self._url}")
            self._url = ""


def describe(info: ProcessInfo) -> str:
    module = f", {info.module}" if info.module else ""
    return f"{info.name} (pid {info.pid}), {info.runtime_version}{module}"


def one_line(chunk: Chunk) -> str:
    """Return a chunk's most wanted numbers in one line."""
    series, sampler = chunk.series, chunk.sampler
    states = ("running", "runnable", "syscall", "waiting")
    counts = "  ".join(f"{series.get(f'goroutines.{state}', 0):.0f} {state}" for state in states)
    return (
        f"{counts}  |  scans {sampler['scan_hz']:.0f} Hz  on-CPU {sampler['oncpu_hz']:.0f} Hz"
        f"  cost {100 * sampler['cpu']:.1f} %"
    )


__all__ = ["Lines", "command", "describe", "make_sampler", "one_line", "watch"]
