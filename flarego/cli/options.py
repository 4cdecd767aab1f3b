"""What several verbs take on their command line."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from flarego.config import BUDGET, LISTEN, MAX_ONCPU_HZ, MAX_SCAN_HZ

if TYPE_CHECKING:
    from flarego.agent.find import Found

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Seconds, written as 30s, 5m, 1h, 30d or 500ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _DURATION.fullmatch(str(value))
        if match is None or float(match[1]) == 0:
            self.fail(f"{value!r} is no duration; write 30s, 5m or 1h", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


@dataclass(frozen=True)
class Target:
    """What the user typed: exactly one of the two."""

    pid: int | None
    name: str | None

    def find(self) -> Found:
        """Return the process. Raises NoSuchProcess, AmbiguousTarget."""
        from flarego.agent.find import by_name, by_pid

        return by_pid(self.pid) if self.pid is not None else by_name(self.name or "")

    def wait(self) -> Found:
        """Return the process as soon as there is one."""
        from flarego.agent.find import wait_for

        return wait_for(self.pid, self.name)


def takes_target(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb PID, --pid PID and --name PATTERN, of which it gets one as `target`; None when not required."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.argument("pid_argument", metavar="[PID]", type=click.IntRange(min=1), required=False)
        @click.option("-p", "--pid", type=click.IntRange(min=1), metavar="PID", help="The process to look at.")
        @click.option(
            "--name", metavar="PATTERN", help="The process with this name or program: api, 'api*', a part of it."
        )
        @functools.wraps(function)
        def command(pid_argument: int | None, pid: int | None, name: str | None, **rest: Any) -> Any:
            given = sum(part is not None for part in (pid_argument, pid, name))
            if given > 1 or (required and not given):
                raise click.UsageError("Name one process: PID, --pid PID or --name PATTERN.")
            target = Target(pid if pid_argument is None else pid_argument, name) if given else None
            return function(target=target, **rest)

        return command

    return decorate


listen_option = click.option(
    "--listen",
    default=LISTEN,
    envvar="FLAREGO_LISTEN",
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT",
    help="Where the dashboard is served; port 0 takes any free one.",
)
open_option = click.option("--open", "open_page", is_flag=True, help="Open the dashboard in the browser.")
duration_option = click.option("-d", "--duration", type=Duration(), metavar="TIME", help="End after 30s, 5m, 1h.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
rate_option = click.option(
    "-r",
    "--rate",
    type=click.FloatRange(min=0.1, max=MAX_ONCPU_HZ),
    envvar="FLAREGO_RATE",
    show_envvar=True,
    metavar="HZ",
    help=f"Fix the rate of on-CPU samples and scans (these up to {MAX_SCAN_HZ:.0f}).",
)
budget_option = click.option(
    "--budget",
    type=click.FloatRange(min=0.05, max=100),
    default=100 * BUDGET,
    envvar="FLAREGO_BUDGET",
    show_envvar=True,
    show_default=True,
    metavar="PCT",
    help="CPU that watching may cost, in per cent of one core.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "perf", "ptrace", "memory"]),
    default="auto",
    envvar="FLAREGO_ENGINE",
    show_envvar=True,
    show_default=True,
    help="How running goroutines are sampled; auto takes the best that is permitted.",
)
