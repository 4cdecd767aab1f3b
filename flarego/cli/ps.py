"""`flarego ps`: what can be attached to."""

from __future__ import annotations

import json
import os

import click

from flarego.agent.find import Listed, check_machine, listed

_FIELDS = ("pid", "user", "name", "command", "runtime", "version", "module", "attachable", "why")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
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
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("PID", "USER", "RUNTIME", "MODULE", "COMMAND"):
        table.add_column(title, no_wrap=True, overflow="ellipsis", justify="right" if title == "PID" else "left")
    for found in processes:
        command = found.command if found.attachable else f"{found.command}  ({found.why})"
        cells = (str(found.pid), found.user, found.version, found.module, command)
        table.add_row(*map(Text, cells), style="" if found.attachable else "dim")
    console = Console()
    console.print(table) if console.is_terminal else Console(width=200).print(table)
