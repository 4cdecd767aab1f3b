"""`flarego ps`: what can be attached to."""

from __future__ import annotations

import json
import os
import shutil
import sys

import click

from flarego.agent.find import Listed, check_machine, listed
from flarego.cli.options import json_option

_FIELDS = ("pid", "user", "name", "command", "runtime", "version", "module", "attachable", "why")


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the processes that can be attached to, with runtime and version."""
    check_machine()
    processes, hidden = listed()
    if as_json:
        click.echo(json.dumps([{name: getattr(found, name) for name in _FIELDS} for found in processes], indent=1))
    elif processes:
        _print_table(processes)
    else:
        click.echo("no Go process that this user may see", err=True)
    if hidden and not as_json:
        who = "" if os.geteuid() == 0 else "; run as root to list those that are Go too"
        click.echo(f"not permitted to look at {hidden} {'other' if hidden == 1 else 'others'}{who}", err=True)


def _print_table(processes: list[Listed]) -> None:
    """Print one line each; whole when a program reads it, cut to the terminal's width when a person does."""
    terminal = sys.stdout.isatty()
    rows = [("PID", "USER", "RUNTIME", "MODULE", "COMMAND"), *(_cells(found, short=terminal) for found in processes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    limit = shutil.get_terminal_size().columns if terminal else None
    for row, found in zip(rows, [None, *processes], strict=True):
        cells = [row[0].rjust(widths[0]), *map(str.ljust, row[1:-1], widths[1:]), row[-1]]
        line = "  ".join(cells)[:limit]
        click.secho(line, bold=found is None or None, dim=(found is not None and not found.attachable) or None)


def _cells(found: Listed, *, short: bool) -> tuple[str, ...]:
    """short: leave out the program's folder."""
    program, space, arguments = found.command.partition(" ")
    command = (program.rpartition("/")[2] if short else program) + space + arguments
    why = f"({found.why})  " if found.why else ""
    return str(found.pid), found.user, found.version, found.module, why + command
