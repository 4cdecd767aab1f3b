"""`flarego import`: another tool's profile as a clip, to be seen and compared like any other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from flarego.cli.options import Duration
from flarego.cli.output import written
from flarego.model.chunk import Chunk, Message, ProcessInfo

_FORMATS = ("pprof", "goroutines", "speedscope", "fgo-json", "collapsed")


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("-o", "--output", required=True, metavar="FILE", help="The clip to write; - is standard output.")
@click.option("-f", "--format", type=click.Choice(_FORMATS), help="What the file is; by default it is looked at.")
@click.option("--unit", type=Duration(), metavar="TIME",
              help="What 1 stands for where a file does not say; without, 1 ns.")  # fmt: skip
@click.option("--name", metavar="NAME", help="What to call the program; by default what the file says, or its name.")
def command(file: str, output: str, format: str | None, unit: float | None, name: str | None) -> None:
    """Make a clip of another tool's profile: pprof, collapsed stacks, speedscope, a goroutine dump (debug=2).

    \b
        curl -s 'http://127.0.0.1:6060/debug/pprof/goroutine?debug=2' | flarego import - -o now.fgo
        flarego import cpu.pb.gz -o cpu.fgo && flarego replay cpu.fgo --open
    """
    from flarego.formats.registry import load
    from flarego.formats.source import Source
    from flarego.wire.clip import ClipWriter

    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as opened:
        source = Source(opened, "standard input" if file == "-" else file, (unit or 1e-9) * 1e9)
        messages = load(source, format)
    if name:
        messages = [
            replace(message, name=name) if isinstance(message, ProcessInfo) else message for message in messages
        ]
    with written(output) as out:
        writer = ClipWriter(out, note=f"imported from {source.name}")
        for message in messages:
            writer.write(message)
        writer.close()
    click.echo(_summary(messages), err=output == "-")


def _summary(messages: Sequence[Message]) -> str:
    """Return one line that says what was found."""
    info = next(message for message in messages if isinstance(message, ProcessInfo))
    stacks = sum(len(message.rows.get("state", b"")) for message in messages if isinstance(message, Chunk))
    return f"{info.name}: {stacks:,} different stacks and states, {info.engine_why}"
