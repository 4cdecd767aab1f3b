"""`flarego audit`: whether a gateway's audit log is whole."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import click

from flarego.errors import FlareError


class Broken(FlareError):
    """A line of an audit log does not follow from the one before."""

    exit_code = 8
    usual_remedy = "compare it with a copy that is kept elsewhere; a line is missing, was changed, or was cut short there"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…",
                type=click.Path(exists=True, dir_okay=False, path_type=Path))  # fmt: skip
def command(files: tuple[Path, ...]) -> None:
    """Tell whether audit logs are whole: no line changed, missing or put in.

    \b
        flarego audit audit.log.2 audit.log.1 audit.log

    Each line has the hash of the one before. Files that were rotated are given in order, the oldest first.
    """
    from flarego.gateway.audit import broken

    with_names = [(path, path.read_bytes().splitlines(keepends=True)) for path in files]
    number = broken(chain.from_iterable(lines for _, lines in with_names))
    if number is not None:
        raise Broken(f"{_place(with_names, number)} does not follow from the line before")
    click.echo(f"{sum(len(lines) for _, lines in with_names)} lines, whole")


def _place(files: list[tuple[Path, list[bytes]]], number: int) -> str:
    """Return where the number-th line of all files is."""
    for path, lines in files:
        if number <= len(lines):
            return f"{path}, line {number}"
        number -= len(lines)
    raise ValueError(number)
