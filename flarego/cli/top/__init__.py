"""`flarego top`: what the page shows, in a terminal."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flarego.cli.options import Target, budget_option, duration_option, engine_option, json_option, rate_option
from flarego.config import Settings
from flarego.errors import FlareError, ProcessGone

if TYPE_CHECKING:
    from flarego.agent.find import Found
    from flarego.cli.top.book import Book, Picture
    from flarego.samplers.base import Sampler

_ONCE_S = 1.5
"""Long enough for rates and on-CPU samples to mean something."""
_WHOLE = 200
"""Columns when no terminal limits them."""


@click.command()
@click.argument("what", metavar="[PID|CLIP]", required=False)
@click.option("-p", "--pid", type=click.IntRange(min=1), metavar="PID", help="The process to look at.")
@click.option("--name", metavar="PATTERN", help="The process with this name or program: api, 'api*', a part of it.")
@rate_option
@budget_option
@duration_option
@click.option("--wait", is_flag=True, help="Wait for the process to start.")
@engine_option
@click.option("--once", is_flag=True, help="Print one table and end; what happens anyway when nobody sees the screen.")
@json_option
def command(
    what: str | None, pid: int | None, name: str | None, rate: float | None, budget: float, duration: float | None,
    wait: bool, engine: str, once: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show in the terminal, live, what every goroutine of a running process is doing.

    \b
        flarego top 1234
        flarego top --name api --once --json
        flarego top slow.fgo

    ? lists the keys, q quits. Over ssh, 80 columns and 24 rows will do.
    """
    from flarego.cli.top.book import Book

    if sum(part is not None for part in (what, pid, name)) != 1:
        raise click.UsageError("Name one process or clip: PID, --pid PID, --name PATTERN or a file.")
    once = once or as_json or not sys.stdout.isatty()
    book = Book()
    if what is not None and not what.isdecimal():
        _show_clip(Path(what), book, once=once, as_json=as_json)
        return
    from flarego.agent.find import check_machine

    check_machine()
    target = Target(int(what) if what else pid, name)
    settings = Settings(rate=rate or 0.0, budget=budget / 100, duration=duration, engine=engine)
    _watch(target.wait() if wait else target.find(), settings, book, once=once, as_json=as_json)


def _watch(found: Found, settings: Settings, book: Book, *, once: bool, as_json: bool) -> None:
    """Attach and show until the end. Raises ProcessGone when the target goes while nobody looks."""
    from flarego.agent.enter import stays_itself
    from flarego.cli.attach import make_sampler

    sampler = make_sampler(found, settings)
    try:
        with stays_itself(found):
            sampler.start()
        if once:
            picture = asyncio.run(_glance(sampler, book, settings.duration or _ONCE_S))
            _print(picture, as_json=as_json)
        else:
            _on_screen(book, sampler, settings.duration)
    finally:
        sampler.stop()


def _on_screen(book: Book, sampler: Sampler | None, duration: float | None) -> None:
    from flarego.cli.top.live import show
    from flarego.gateway.hub import Hub

    hub = Hub() if sampler else None
    said = asyncio.run(show(book, hub, "LIVE" if sampler else "CLIP", sampler, duration))
    if said:
        click.echo(said)


async def _glance(sampler: Sampler, book: Book, seconds: float) -> Picture:
    """Watch for a little while. Raises ProcessGone when the target did not last as long."""
    from flarego.agent.pump import Pump

    pump = asyncio.ensure_future(Pump(sampler, book.hear).run())
    try:
        done, _ = await asyncio.wait([pump], timeout=seconds)
        if done:
            raise ProcessGone(pump.result().why)
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
    picture = book.picture()
    if picture is None:
        raise FlareError("nothing was seen in so short a time", remedy="give --duration more")
    return picture


def _show_clip(path: Path, book: Book, *, once: bool, as_json: bool) -> None:
    from flarego.cli.top.replay import tell

    if not path.is_file():
        raise click.UsageError(f"{str(path)!r} is neither a PID nor a file.")
    tell(path, book)
    picture = book.picture()
    if picture is None:
        raise FlareError(f"{path} holds no recording", remedy="`flarego record` makes one")
    if once:
        _print(picture, as_json=as_json)
    else:
        _on_screen(book, None, None)


def _print(picture: Picture, *, as_json: bool) -> None:
    from flarego.cli.top.plain import table, to_json

    if as_json:
        click.echo(json.dumps(to_json(picture), ensure_ascii=False))
        return
    import shutil

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WHOLE
    for line in table(picture, width):
        click.echo(line)
