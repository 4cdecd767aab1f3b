"""`flarego record`: a running process into a clip."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flarego.cli.options import Target, budget_option, duration_option, engine_option, rate_option, takes_target
from flarego.config import Settings
from flarego.errors import ProcessGone

if TYPE_CHECKING:
    from flarego.agent.find import Found
    from flarego.cli.recorder import Recorder
    from flarego.model.chunk import Gone, Message

_EVERY_S = 10.0
"""Between two lines when there is no terminal for a bar."""


@click.command()
@takes_target(required=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
              help="The clip to write, FILE.fgo.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@duration_option
@rate_option
@budget_option
@engine_option
@click.option("--wait", is_flag=True, help="Wait for the process to start.")
def command(
    target: Target, output: Path, force: bool, duration: float | None, rate: float | None, budget: float, engine: str,
    wait: bool,
) -> None:  # fmt: skip
    """Record what every goroutine of a running process does into a clip.

    \b
        flarego record --pid 1234 -d 30s -o slow.fgo
        flarego replay slow.fgo --open

    Ends after --duration, on Ctrl-C, or when the process does; the clip is complete in each case.
    """
    from flarego.agent.find import check_machine
    from flarego.cli.recorder import Recorder

    check_machine()
    settings = Settings(rate=rate or 0.0, budget=budget / 100, duration=duration, engine=engine)
    found = target.wait() if wait else target.find()
    with Recorder(output, force=force) as recorder:
        gone = _record(found, settings, recorder)
    if recorder.problem is not None:
        raise recorder.problem
    if gone is not None and (duration is not None or not recorder.chunks):
        raise ProcessGone(gone.why, remedy=f"{output} has what came before" if recorder.chunks else None)
    click.echo(f"{output}: {recorder.span / 1e9:.1f} s, {_size(recorder.size)}", err=True)


def _record(found: Found, settings: Settings, recorder: Recorder) -> Gone | None:
    """Record until it is over; return how the target went, when that is why."""
    from flarego.agent.enter import stays_itself
    from flarego.cli.attach import make_sampler, until
    from flarego.cli.report import describe

    sampler = make_sampler(found, settings)

    async def run() -> Gone | None:
        from flarego.agent.pump import Pump
        from flarego.cli.attach import stop_event

        stop = stop_event()
        with _progress(settings.duration, recorder) as advance:

            def hear(message: Message) -> None:
                recorder.hear(message)
                advance()
                if recorder.problem is not None:
                    stop.set()

            pump = asyncio.ensure_future(Pump(sampler, hear).run())
            try:
                return await until(stop, pump, settings.duration, stays=False)
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)

    try:
        with stays_itself(found):
            sampler.start()
        click.echo(f"recording {describe(sampler.info)} into {recorder.path}", err=True)
        return asyncio.run(run())
    finally:
        sampler.stop()


class _Lines:
    """A line now and then, where nobody watches a bar."""

    def __init__(self, duration: float | None, recorder: Recorder) -> None:
        self._duration, self._recorder = duration, recorder
        self._due = time.monotonic() + _EVERY_S

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self) -> None:
        if time.monotonic() >= self._due:
            self._due += _EVERY_S
            of = f" of {self._duration:.0f}" if self._duration else ""
            click.echo(f"{self._recorder.span / 1e9:.0f}{of} s, {_size(self._recorder.size)}", err=True)


class _Bar:
    """A bar that fills, or one that moves when there is no end to fill towards."""

    def __init__(self, duration: float | None, recorder: Recorder) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._recorder = recorder
        columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
        if duration is not None:
            columns += [TextColumn("left"), TimeRemainingColumn()]
        self._progress = Progress(*columns, console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._task = self._progress.add_task(_size(0), total=duration)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self) -> None:
        self._progress.update(
            self._task, completed=self._recorder.span / 1e9, description=f"{_size(self._recorder.size):>9}"
        )


def _progress(duration: float | None, recorder: Recorder) -> _Bar | _Lines:
    return (_Bar if sys.stderr.isatty() else _Lines)(duration, recorder)


def _size(size: int) -> str:
    from flarego.model.units import size as written

    return written(size)
