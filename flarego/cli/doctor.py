"""`flarego doctor`: what this machine and user permit, and the remedy for what they do not."""

from __future__ import annotations

import json

import click

from flarego.agent.doctor import Check, examine


@click.command()
@click.option("-p", "--pid", type=click.IntRange(min=1), metavar="PID", help="Also look at this process.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def command(ctx: click.Context, pid: int | None, as_json: bool) -> None:
    """Say what this machine and user permit (perf, ptrace, namespaces, seccomp), and the remedy for each refusal.

    Exits with 6 when attaching would fail.
    """
    checks = examine(pid)
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
