"""`flarego audit`: whether a gateway's audit log is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from flarego.errors import FlareError


class Broken(FlareError):
    """A line of an audit log does not follow from the one before."""

    exit_code = 8
    usual_remedy = "compare it with a copy that is kept elsewhere; a line there is missing, changed or cut short"


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

    read: dict[Path, int] = dict.fromkeys(files, 0)

    def lines() -> Iterator[bytes]:
        for path in read:
            with path.open("rb") as file:
                for line in file:
                    read[path] += 1
                    yield line

    if broken(lines()) is not None:
        path, number = [(path, n) for path, n in read.items() if n][-1]
        raise Broken(f"{path}, line {number} does not follow from the line before")
    click.echo(f"{sum(read.values())} lines, whole")
