"""`flarego demo`: the main job, on the bundled service."""

from __future__ import annotations

import click

from flarego.cli.options import duration_option, listen_option, open_option
from flarego.config import Settings


@click.command()
@open_option
@listen_option
@duration_option
@click.option("--leak", is_flag=True, help="Let the service leak goroutines slowly.")
def command(open_page: bool, listen: str, duration: float | None, leak: bool) -> None:
    """Build the bundled Go order service, run it under load and attach to it."""
    from flarego.agent.find import by_pid, check_machine
    from flarego.cli.attach import watch
    from flarego.demo import build, start

    check_machine()
    click.echo("building the demo service (the first time takes a minute)", err=True)
    binary = build()
    with start(binary, leak=leak) as service:
        click.echo(f"demo        {service.url} (its own pages; it sends itself requests)")
        watch(by_pid(service.pid), Settings(listen, open_page, duration=duration))
