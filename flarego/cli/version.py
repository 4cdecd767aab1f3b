"""`flarego version`."""

from __future__ import annotations

import json

import click

from flarego import __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": __version__}) if as_json else f"flarego {__version__}")
