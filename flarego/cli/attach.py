"""`flarego attach`: sampler, hub and dashboard in one asyncio program."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from flarego.cli.options import (
    Target,
    budget_option,
    duration_option,
    engine_option,
    listen_option,
    open_option,
    rate_option,
    takes_target,
)  # fmt: skip
from flarego.config import Settings
from flarego.errors import ListenFailed, ProcessGone

if TYPE_CHECKING:
    from flarego.agent.find import Found
    from flarego.cli.recorder import Recorder
    from flarego.model.chunk import Gone, Message
    from flarego.samplers.go import GoSampler


@click.command()
@takes_target(required=True)
@open_option
@listen_option
@rate_option
@budget_option
@duration_option
@click.option("--wait", is_flag=True, help="Wait for the process to start.")
@engine_option
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Also record everything into a clip, FILE.fgo.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite that file if it is there already.")
@click.pass_context
def command(
    ctx: click.Context, target: Target, open_page: bool, listen: str, rate: float | None, budget: float,
    duration: float | None, wait: bool, engine: str, record: Path | None, force: bool,
) -> None:  # fmt: skip
    """Show, live in the browser, what every goroutine of a running process is doing.

    \b
        flarego attach 1234 --open
        flarego attach --name 'api*' --duration 5m

    Ends on Ctrl-C, after --duration, or when the process does; at a terminal, or with --open, the page then stays up.
    """
    from flarego.agent.find import check_machine

    check_machine()
    settings = Settings(listen, open_page, rate or 0.0, budget / 100, duration, engine)
    try:
        found = target.wait() if wait else target.find()
        with _recorder(record, force) as recorder:
            watch(found, settings, recorder)
    except ListenFailed as e:
        if ctx.get_parameter_source("listen") is ParameterSource.ENVIRONMENT:
            e.message += " (FLAREGO_LISTEN says so)"
        raise


def _recorder(path: Path | None, force: bool) -> AbstractContextManager[Recorder | None]:
    if path is None:
        return nullcontext()
    from flarego.cli.recorder import Recorder

    return Recorder(path, force=force)


def watch(found: Found, settings: Settings, recorder: Recorder | None = None) -> None:
    """Attach to the process and serve until Ctrl-C, the duration, or (nobody looking) the target's end.

    Raises ProcessGone for the last.
    """
    from flarego.agent.enter import stays_itself

    sampler = make_sampler(found, settings)
    try:
        with stays_itself(found):
            sampler.start()
        gone = asyncio.run(_serve(found, sampler, settings, recorder))
    finally:
        sampler.stop()
    if gone is not None:
        raise ProcessGone(gone.why)


def make_sampler(found: Found, settings: Settings) -> GoSampler:
    """Return a sampler of the process, not started. Raises what attach_to raises."""
    from flarego.agent import enter

    return enter.make_sampler(found, settings, enter.attach_to(found))


async def _serve(found: Found, sampler: GoSampler, settings: Settings, recorder: Recorder | None) -> Gone | None:
    """Return how the target went, when that is why we ended; None otherwise."""
    from flarego.agent.pump import Pump
    from flarego.cli.report import report
    from flarego.gateway.server import Gateway

    gateway = Gateway(settings.listen)
    stop = stop_event()
    url = await gateway.start()
    stays = sys.stdout.isatty() or settings.open_page
    if gateway.warning:
        click.echo(f"warning: {gateway.warning}", err=True)
    with report(url) as reporter:

        def publish(message: Message) -> None:
            gateway.hub.publish(message)
            reporter.hear(message)
            if recorder is not None:
                _record(recorder, message)

        pump = asyncio.ensure_future(Pump(sampler, publish).run())
        try:
            await asyncio.sleep(0)  # from here on the pump holds on to whoever has the pid
            if not found.state():
                raise ProcessGone(f"process {found.pid} ({found.name}) exited while we looked at it")
            if settings.open_page:
                open_in_browser(url)
            return await until(stop, pump, settings.duration, stays=stays)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            await gateway.stop()


def _record(recorder: Recorder, message: Message) -> None:
    """Record a message; when that fails, say so once and go on watching."""
    if (problem := recorder.hear(message)) is not None:
        click.echo(f"warning: {recorder.path}: {problem.message}; recording has ended", err=True)


def stop_event() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def open_in_browser(url: str) -> None:
    """Open the page without waiting: a browser in the terminal runs until somebody ends it."""
    import threading
    import webbrowser

    def show() -> None:
        if not webbrowser.open(url):
            click.echo("no browser was found here: open the dashboard's address in yours", err=True)

    threading.Thread(target=show, daemon=True).start()


async def until(stop: asyncio.Event, pump: asyncio.Future[Gone], duration: float | None, *, stays: bool) -> Gone | None:
    """Wait for the first of: a signal, the duration, the target's end (and then on, when the page stays)."""
    try:
        async with asyncio.timeout(duration):
            stopped = asyncio.ensure_future(stop.wait())
            try:
                first: list[asyncio.Future[Any]] = [stopped, pump]
                await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    return None
                gone = pump.result()
                if not stays:
                    return gone
                click.echo(f"{gone.why}; the page stays up until Ctrl-C", err=True)
                await stopped
            finally:
                stopped.cancel()
    except TimeoutError:
        pass
    return None
