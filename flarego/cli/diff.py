"""`flarego diff`: what changed from one clip to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from flarego.cli.options import json_option, listen_option
from flarego.errors import FlareError

if TYPE_CHECKING:
    from rich.text import Text

    from flarego.model.diff import Amount, Change, Difference
    from flarego.model.profile import Profile
    from flarego.wire.clip import Clip

_TOP = 15
_TOP_JSON = 200
_SIGNS = {"new": "✚", "gone": "✖", "more": "▲", "less": "▼", "same": "="}
_STYLES = {"new": "yellow", "more": "yellow", "gone": "blue", "less": "blue", "same": "dim"}
"""Not red and green: nobody should have to tell those apart, and more is not always worse."""


@click.command()
@click.argument("before", type=click.Path(exists=True, dir_okay=False))
@click.argument("after", type=click.Path(exists=True, dir_okay=False))
@click.option("--open", "open_page", is_flag=True, help="Compare them in the browser: serve the dashboard and open it.")
@click.option("--summary", is_flag=True, help="Print what changed (the default).")
@json_option
@listen_option
def command(before: str, after: str, open_page: bool, summary: bool, as_json: bool, listen: str) -> None:
    """Tell what changed from one clip to another, by state and by stack.

    \b
        flarego diff before.fgo after.fgo
        flarego diff before.fgo after.fgo --open

    Spans may differ in length: mean numbers of goroutines are compared. Goroutines parked because they had nothing to
    do are left out of the stacks.
    """
    if sum((open_page, summary, as_json)) > 1:
        raise click.UsageError("Choose one of --open, --summary and --json.")
    if open_page:
        from flarego.cli.replay import serve_clips

        serve_clips([before, after], listen=listen, open_page=True, compare=True)
        return
    difference = _compare(before, after)
    if as_json:
        from flarego.model.words import difference_json

        click.echo(json.dumps(difference_json(difference, _TOP_JSON), indent=1, ensure_ascii=False))
    else:
        print_difference(difference, (before, after))


def _compare(before: str, after: str) -> Difference:
    from flarego.cli.clip import open_clip
    from flarego.model.diff import compare

    with ExitStack() as stack:
        clips = [stack.enter_context(open_clip(path)) for path in (before, after)]
        for path, clip in zip((before, after), clips, strict=True):
            if clip.problem:
                click.echo(f"note: {path}: {clip.problem}", err=True)
        return compare(*(_profile(path, clip) for path, clip in zip((before, after), clips, strict=True)))


def _profile(path: str, clip: Clip) -> Profile:
    """Return the profile of the clip's process, of the one with the most time when there are several."""
    from flarego.model.profile import Profile

    if not clip.processes:
        raise FlareError(f"{path} holds no recording", remedy="`flarego record` makes one")
    profiles = [Profile.read(info, clip.overview(info.process)) for info in clip.processes]
    return max(profiles, key=lambda profile: sum(row.wall for row in profile.rows))


def print_difference(difference: Difference, paths: tuple[str, str]) -> None:
    """Print what changed; whole when a program reads it, as wide as the terminal when a person does."""
    from flarego.cli.summary import make_console

    console = make_console()
    for line in render(difference, paths, console.width):
        console.print(line)


def render(difference: Difference, paths: tuple[str, str], width: int) -> Iterator[Text]:
    """Yield the lines of a comparison."""
    yield from _head(difference, paths)
    yield from _table("By state", difference.states, difference.whole, width, stacks=False)
    yield from _table("By stack, without the idle", difference.places, difference.busy, width, stacks=True)


def _head(difference: Difference, paths: tuple[str, str]) -> Iterator[Text]:
    from rich.text import Text

    from flarego.cli.summary import about, clock
    from flarego.model.names import printable
    from flarego.model.units import duration, mean

    for title, path, profile in zip(("before", "after "), paths, (difference.before, difference.after), strict=True):
        info = profile.process
        when = f"{duration(profile.span)} from {clock(info, profile.start)}"
        yield Text.assemble((f"{title}  ", "dim"), (printable(path), "bold"), f"  {printable(info.name)}, {when}")
        yield Text(f"        {about(info)}", "dim")
    whole = difference.whole
    yield Text(f"goroutines  {mean(whole.before)} → {mean(whole.after)} in the mean ({_percent(whole)})")


def _percent(amount: Amount) -> str:
    from flarego.model.units import signed

    if amount.ratio == float("inf"):
        return "new"
    percent = 100 * amount.ratio
    size = abs(percent)
    return signed(percent, f"{size:.0f} %") if size >= 0.5 else "same"


def _table(title: str, changes: Sequence[Change], whole: Amount, width: int, *, stacks: bool) -> Iterator[Text]:
    from flarego.cli.columns import Column, text
    from flarego.cli.summary import creator, table
    from flarego.model.names import forms, place, printable
    from flarego.model.units import mean, signed

    shown = [change for change in changes if change.verdict != "same"][:_TOP]
    columns = [text("change"), Column(""), Column("before"), Column("after"), Column("points"), text("state")]
    if stacks:
        columns += [text("function", 1.7), text("line", 0.8), text("created by", 1.2)]
    rows = []
    for change in shown:
        wall, where = change.wall, change.place
        shares = wall.in_shares(whole)
        points = signed(shares.change, f"{100 * abs(shares.change):.1f}")
        cells = [
            f"{_SIGNS[change.verdict]} {change.verdict}",
            signed(wall.change, mean(abs(wall.change))),
            mean(wall.before),
            mean(wall.after),
            points,
            printable(where.lane),
        ]
        if stacks:
            cells += [forms(where.own.function), place(where.own), creator(where)]  # type: ignore[list-item]
        rows.append((_STYLES[change.verdict], cells))
    yield from table(title, columns, rows, width)
