"""`flarego version`."""

from __future__ import annotations

import json

import click

from flarego import __version__
from flarego.cli.options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": __version__}) if as_json else f"flarego {__version__}")
