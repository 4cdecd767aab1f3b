"""`flarego replay`: clips, in the dashboard, in a terminal, or for programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flarego.cli.options import json_option, listen_option, open_option

if TYPE_CHECKING:
    from flarego.gateway.clips import Replay


@click.command()
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...", type=click.Path(exists=True, dir_okay=False))
@open_option
@listen_option
@click.option("--speed", type=click.FloatRange(0.25, 16), default=1.0, show_default=True, metavar="N",
              help="How fast the page plays, 0.25 to 16.")  # fmt: skip
@click.option("--summary", is_flag=True, help="Print what the clip comes to, instead of serving the page.")
@json_option
def command(
    clips: tuple[str, ...], open_page: bool, listen: str, speed: float, summary: bool, as_json: bool
) -> None:  # fmt: skip
    """Show recorded clips as if they were live: watch, scrub, compare.

    \b
        flarego replay slow.fgo --open
        flarego replay slow.fgo --summary

    Serves the dashboard until Ctrl-C.
    """
    if summary and as_json:
        raise click.UsageError("Choose one of --summary and --json.")
    if summary or as_json:
        _print(clips, as_json=as_json)
    else:
        serve_clips(clips, listen=listen, open_page=open_page, speed=speed)


def _print(paths: Sequence[str], *, as_json: bool) -> None:
    from flarego.cli.summary import print_summary, summary_json
    from flarego.wire.clip import Clip

    for count, path in enumerate(paths):
        with Clip.open(path) as clip:
            if as_json:
                click.echo(json.dumps(summary_json(clip), ensure_ascii=False))
                continue
            if len(paths) > 1:
                click.echo(f"{chr(10) if count else ''}{path}")
            print_summary(clip)


def serve_clips(
    paths: Sequence[str], *, listen: str, open_page: bool, speed: float = 1.0, compare: bool = False
) -> None:
    """Serve the dashboard over clips until Ctrl-C. Raises ClipError for one that cannot be opened, ListenFailed."""
    from flarego.gateway.clips import Replay
    from flarego.wire.clip import Clip

    for path in paths:
        with Clip.open(path) as clip:
            if clip.problem:
                click.echo(f"warning: {path}: {clip.problem}", err=True)
    replay = Replay.of([Path(path) for path in paths], speed=speed, compare=compare)
    asyncio.run(_serve(replay, listen, open_page))


async def _serve(replay: Replay, listen: str, open_page: bool) -> None:
    from flarego.cli.attach import open_in_browser, stop_event
    from flarego.gateway.server import Gateway

    gateway = Gateway(listen, replay=replay)
    stop = stop_event()
    url = await gateway.start()
    try:
        if gateway.warning:
            click.echo(f"warning: {gateway.warning}", err=True)
        click.echo(f"replaying   {', '.join(replay.clips)}\ndashboard   {url}")
        if open_page:
            open_in_browser(url)
        await stop.wait()
    finally:
        await gateway.stop()
