"""What several verbs take on their command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from flarego.config import LISTEN

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Seconds, written as 30s, 5m, 1h or 500ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _DURATION.fullmatch(str(value))
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no duration; write 30s, 5m or 1h", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


def pid_option(required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "-p", "--pid", type=click.IntRange(min=1), required=required, metavar="PID", help="The process to look at."
    )


listen_option = click.option(
    "--listen",
    default=LISTEN,
    envvar="FLAREGO_LISTEN",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the dashboard is served; port 0 takes any free one.",
)
open_option = click.option("--open", "open_page", is_flag=True, help="Open the dashboard in the browser.")
duration_option = click.option("-d", "--duration", type=Duration(), help="End after 30s, 5m, 1h.")
