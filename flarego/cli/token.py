"""`flarego token`: tokens of people and programs, in the file that the gateway reads."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flarego.cli.options import Duration, json_option
from flarego.errors import BadSettings, TargetError

if TYPE_CHECKING:
    from flarego.gateway.auth.tokens import Token, TokenFile

tokens_option = click.option(
    "--tokens", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="The file of tokens; that of the gateway's settings by default.",
)  # fmt: skip


class NoSuchToken(TargetError):
    """No token has that id."""

    usual_remedy = "`flarego token list` lists them"


@click.group()
def command() -> None:
    """Create, list and revoke the tokens with which people and programs use a gateway.

    \b
        flarego token create --name grafana --scope read --namespace prod --expires 30d --tokens tokens.json
        flarego token list --tokens tokens.json
        flarego token revoke 1f0c6c2b9d3e --tokens tokens.json

    The file keeps hashes only. A gateway that runs takes up every change at once.
    """


@command.command()
@click.option("--name", required=True, metavar="TEXT", help="Whose it is: it is in the audit log.")
@click.option("--scope", "scopes", multiple=True, default=["read"], show_default=True, metavar="SCOPE",
              help="What it may: read, ingest, clip:write, rules:write, admin. Several may be given.")  # fmt: skip
@click.option("--namespace", "namespaces", multiple=True, default=["default"], show_default=True, metavar="NAME",
              help="Where: a namespace, or a pattern like 'team-*'. Several may be given.")  # fmt: skip
@click.option("--expires", type=Duration(), metavar="TIME", help="After 12h, 30d; never by default.")
@tokens_option
def create(
    name: str, scopes: tuple[str, ...], namespaces: tuple[str, ...], expires: float | None, tokens: Path | None
) -> None:
    """Make a token and print it, this once."""
    from flarego.gateway.auth.grants import joined, parse_grant

    try:
        grants = joined(parse_grant(f"{'+'.join(scopes)}@{namespace}") for namespace in namespaces)
        text, token = _file(tokens).create(name, grants, None if expires is None else time.time() + expires)
    except ValueError as e:
        raise click.UsageError(str(e)) from None
    click.echo(text)
    click.echo(f"token {token.id} of {token.name}: keep it, it is shown only now", err=True)


@command.command("list")
@tokens_option
@json_option
def list_(tokens: Path | None, as_json: bool) -> None:
    """List what is known of every token."""
    found = sorted(_file(tokens).all().values(), key=lambda token: token.created)
    if as_json:
        click.echo(json.dumps([_told(token) for token in found], indent=2))
        return
    for token in found:
        grants = ", ".join(f"{'+'.join(sorted(scopes))}@{pattern}" for pattern, scopes in token.grants.items())
        until = f"until {_date(token.expires)}" if token.expires else ""
        since = f"since {_date(token.created)} {until}".rstrip()
        click.echo(f"{token.id}  {token.state(time.time()):8}{token.name}  {grants}  {since}")


@command.command()
@click.argument("id")
@tokens_option
def revoke(id: str, tokens: Path | None) -> None:
    """Refuse a token from now on, also on streams that are open."""
    token = _file(tokens).revoke(id)
    if token is None:
        raise NoSuchToken(f"there is no token {id}")
    click.echo(f"token {token.id} of {token.name} is revoked", err=True)


def _file(path: Path | None) -> TokenFile:
    """Return the file that was named, or that the gateway's settings name. Raises BadSettings, BadTokenFile."""
    from flarego.config import GatewaySettings, load
    from flarego.gateway.auth.tokens import TokenFile

    path = path or load(GatewaySettings).settings.tokens
    if path is None:
        raise BadSettings("which file of tokens?", remedy="name it: --tokens FILE, or FLAREGO_GATEWAY_TOKENS")
    return TokenFile(path)


def _told(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "state": token.state(time.time()),
        "grants": {pattern: sorted(scopes) for pattern, scopes in token.grants.items()},
        "created": token.created,
        "expires": token.expires,
        "revoked": token.revoked,
    }


def _date(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ") if at else ""
