"""`flarego doctor`: what this machine and user permit, and the remedy for what they do not."""

from __future__ import annotations

import json

import click

from flarego.agent.doctor import Check, examine
from flarego.cli.options import Target, json_option, takes_target


@click.command()
@takes_target(required=False)
@json_option
@click.pass_context
def command(ctx: click.Context, target: Target | None, as_json: bool) -> None:
    """Say what this machine and user permit (perf, ptrace, namespaces, seccomp), and the remedy for each refusal.

    Exits with 6 when attaching would fail.
    """
    checks = examine(target.find().pid if target else None)
    if as_json:
        click.echo(json.dumps([vars(check) for check in checks], indent=1))
    else:
        _print(checks)
    if any(check.level == "fail" for check in checks):
        ctx.exit(6)


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    for check in checks:
        line = Text()
        line.append(f"{check.level:<5}", styles[check.level])
        line.append(f"{check.name:<16}", "bold")
        line.append(check.finding)
        console.print(line)
        if check.remedy:
            console.print(Text(f"{'':21}remedy: {check.remedy}", "dim"))
