"""Options of a verb, made from the table of its settings: see flarego.config."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from flarego.config.load import Loaded, load
from flarego.config.table import Setting, table

S = TypeVar("S")


class SettingsCommand(click.Command):
    """A command whose help lists its options under headings, and not all variables one by one."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(getattr(parameter, "group", ""), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading or "Options"):
                formatter.write_dl(records)


class _Option(click.Option):
    group = ""


def takes_settings(
    kind: type[S], verify: Callable[[S], None] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb a flag for each setting, --config FILE and --check; it gets `loaded`, and does not run for --check.

    `verify` is what --check does beyond printing: see whether what is set can be had. Raises BadSettings.
    """
    names = [one.name for one in table(kind)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(config: Path | None, check: bool, **given: Any) -> Any:
            context = click.get_current_context()
            values = {name: given.pop(name) for name in names}
            flags = {name: value for name, value in values.items() if _said(context, name)}
            loaded = load(kind, flags, config=config)
            if check:
                show(loaded)
                return verify(loaded.settings) if verify is not None else None
            return function(loaded=loaded, **given)

        params = list(getattr(function, "__click_params__", []))
        options = [_option(one) for one in table(kind)]
        options += [
            _Option(["--config"], type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                    help="Read settings from this TOML file instead of the usual ones."),
            _Option(["--check"], is_flag=True, help="Print every setting and where it came from, and end."),
        ]  # fmt: skip
        command.__click_params__ = params + options[::-1]  # type: ignore[attr-defined]
        return command

    return decorate


def _said(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def show(loaded: Loaded[Any]) -> None:
    """Print every setting, as a line of the TOML file with where it came from. There are no secrets among them."""
    section = ""
    for one, written, origin in loaded.lines():
        if one.section != section:
            section = one.section
            click.echo(f"[{section}]")
        value = f"{one.name} = {_quoted(one, written)}" if written else f"# {one.name} is not set"
        click.echo(f"{value:<52} # {origin}")


def _quoted(one: Setting, written: str) -> str:
    if one.kind.many:
        return "[" + ", ".join(f'"{part}"' for part in written.split(", ")) + "]"
    return written if bool in one.kind.takes or (int in one.kind.takes and written.isdigit()) else f'"{written}"'


def _option(one: Setting) -> click.Option:
    default = one.written(one.default)
    note = f"  [{one.variable}{f'; {default}' if default and default != 'false' else ''}]"
    option = _Option(
        [one.flag],
        is_flag=not one.kind.metavar,
        multiple=one.kind.many,
        metavar=one.kind.metavar or None,
        help=one.help + note,
    )
    option.group = one.group
    return option
