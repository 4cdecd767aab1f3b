"""`flarego version`."""

from __future__ import annotations

import json
from pathlib import Path

import click

import flarego
from flarego import __version__
from flarego.cli.options import json_option

STATIC = Path(flarego.__file__).resolve().parent / "static"
"""The page's files, for editors that show the component."""


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print the version; as JSON, also where the files of the page are."""
    about = {"version": __version__, "static": str(STATIC)}
    click.echo(json.dumps(about) if as_json else f"flarego {__version__}")
