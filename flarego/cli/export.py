"""`flarego export`: a clip, or a span of one, in other people's formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flarego.cli.moment import Moment, MomentType
from flarego.cli.output import written
from flarego.errors import FlareError

if TYPE_CHECKING:
    from flarego.formats.recording import Recording, StateFrame, Weight
    from flarego.model.chunk import ProcessInfo
    from flarego.wire.clip import Clip

_FORMATS = ("pprof", "collapsed", "speedscope", "perfetto", "gecko", "svg", "html", "json")
_MOMENT = MomentType()


class NothingThere(FlareError):
    """A span, process or filter that nothing in the clip agrees with."""

    exit_code = 3


@click.command()
@click.argument("clip", type=click.Path(exists=True, dir_okay=False))
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write; - is standard output.")
@click.option("-f", "--format", type=click.Choice(_FORMATS), help="The format; by default what FILE's name ends with.")
@click.option("--from", "begin", type=_MOMENT, metavar="T", help="From here on: 12.5s, -30s before the end, 14:03:07.")
@click.option("--to", "end", type=_MOMENT, metavar="T", help="Up to here.")
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only goroutines in this state; repeatable.")
@click.option("--reason", "reasons", multiple=True, metavar="REASON", help="Only those that wait for this; repeatable.")
@click.option("--group", "groups", multiple=True, metavar="PATTERN",
              help="Only those created by, begun with or labelled like this; repeatable.")  # fmt: skip
@click.option("--process", "wanted", metavar="PID|NAME", help="Which process, in a clip of several.")
@click.option("--weight", type=click.Choice(("wall", "cpu", "count")), default="wall", show_default=True,
              help="What formats with one weight show: time of all goroutines, time on CPU, goroutines.")  # fmt: skip
@click.option("--state-frame", type=click.Choice(("first", "last", "none")), default="first", show_default=True,
              help="Where a stack says its state, in formats that know no states.")  # fmt: skip
def command(
    clip: str, output: str, format: str | None, begin: Moment | None, end: Moment | None, states: tuple[str, ...],
    reasons: tuple[str, ...], groups: tuple[str, ...], wanted: str | None, weight: Weight, state_frame: StateFrame,
) -> None:  # fmt: skip
    """Write a clip in another tool's format.

    \b
        flarego export clip.fgo -o out.pb.gz                     go tool pprof -http=: out.pb.gz
        flarego export clip.fgo -o waits.svg --state waiting --from -30s
        flarego export clip.fgo -f collapsed -o - | grep main.serve
    """
    from flarego.formats.recording import Recording
    from flarego.formats.registry import exporter, guess_export
    from flarego.wire.clip import Clip

    chosen = format or guess_export(output)
    if chosen is None:
        raise click.UsageError(f"Which format? Its name does not tell: --format {'|'.join(_FORMATS)}.")
    with Clip.open(clip) as opened:
        if opened.problem:
            click.echo(f"warning: {clip}: {opened.problem}", err=True)
        process = _process(opened, wanted, clip)
        start, stop = _span(opened, process, begin, end)
        recording = Recording(opened, process, start, stop, states, reasons, groups, weight, state_frame)
        _check(recording)
        with written(output) as out:
            exporter(chosen).export(recording, out)


def _process(clip: Clip, wanted: str | None, name: str) -> ProcessInfo:
    """Return the process that is meant, the only one when none is named."""
    found = [info for info in clip.processes if wanted in (None, str(info.pid), info.name, info.process)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{info.name} (pid {info.pid})" for info in clip.processes) or "none"
    if not found:
        raise NothingThere(f"{name} holds no process {wanted}" if wanted else f"{name} holds no process",
                           remedy=f"it holds {known}")  # fmt: skip
    raise NothingThere(f"{name} holds several processes: {known}", remedy="name one with --process")


def _span(clip: Clip, process: ProcessInfo, begin: Moment | None, end: Moment | None) -> tuple[int, int]:
    """Return the span that is meant, as far as there is a recording."""
    start, stop = clip.span(process.process)
    first = begin.within(start, stop, process.epoch) if begin else start
    last = end.within(start, stop, process.epoch) if end else stop
    if begin and end and last <= first:
        raise NothingThere("--to is not after --from", remedy="write the earlier one after --from")
    if first >= stop or last <= start:
        raise NothingThere(f"the recording is {(stop - start) / 1e9:.1f} s long; nothing in it lies in that span",
                           remedy="leave --from and --to out, or count from its beginning: --from 5s")  # fmt: skip
    return max(first, start), min(last, stop)


def _check(recording: Recording) -> None:
    """Raise NothingThere when the filters let nothing pass."""
    if any(recording.weigh(row) for row in recording.profile().rows):
        return
    info = recording.process
    if not (recording.states or recording.reasons or recording.groups):
        raise NothingThere("there is nothing in that span", remedy="leave --from, --to and --weight out")
    raise NothingThere(
        "nothing in that span passes the filters",
        remedy=f"states are {', '.join(info.states)}; reasons are the runtime's own, such as 'chan receive'",
    )
