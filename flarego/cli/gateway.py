"""`flarego gateway`: hub, dashboard, API and agents' streams, on one port, for a team."""

from __future__ import annotations

from functools import partial

import click

from flarego.cli.settings import SettingsCommand, takes_settings
from flarego.config import GatewaySettings, Loaded


def _verify(settings: GatewaySettings) -> None:
    """Open every file that is named. Raises FlareErrors."""
    from flarego.gateway.service import verify

    verify(settings)


@click.command(cls=SettingsCommand)
@takes_settings(GatewaySettings, _verify)
def command(loaded: Loaded[GatewaySettings]) -> None:
    """Take what agents send, keep it for a while, and show it to those who may see it.

    \b
        flarego gateway
        flarego gateway --listen :4317 --tls-cert cert.pem --tls-key-file key.pem --tokens tokens.json
        flarego gateway --config gateway.toml --check

    Every setting is a flag, an environment variable, or a key of [gateway] in a TOML file, in that order; SIGHUP reads
    the file again. Secrets are in files that settings name.
    """
    from flarego import logs
    from flarego.gateway import service

    logs.set_up(loaded.settings.log_format, loaded.settings.log_level)
    service.serve(loaded, partial(click.echo, err=True))
