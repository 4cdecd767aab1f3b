"""`flarego agent`: watch processes without a page of our own, and send what is seen to a gateway."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import NoReturn

import click

from flarego.cli.settings import SettingsCommand, takes_settings
from flarego.config import AgentSettings, Loaded
from flarego.config.agent import packed

_HEAP = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""One heap for all threads, and what is free goes back: a megabyte less. See mallopt(3)."""


@click.command(cls=SettingsCommand)
@click.argument("pid_argument", metavar="[PID]", type=click.IntRange(min=1), required=False)
@takes_settings(AgentSettings)
def command(loaded: Loaded[AgentSettings], pid_argument: int | None) -> None:
    """Watch processes and send what is seen to a gateway.

    \b
        flarego agent 1234 --gateway gateway.example:4317 --token-file token
        flarego agent --name 'api*' --label team=payments --gateway gateway.example:4317
        flarego agent --all --health :9317 --spool /var/lib/flarego/spool

    With pids alone it ends when they all have; otherwise on SIGTERM or Ctrl-C, within two seconds. Every setting is a
    flag, an environment variable, or a key of [agent] in a TOML file, in that order.
    """
    settings = loaded.settings
    if pid_argument is not None:
        settings = replace(settings, pid=(*settings.pid, pid_argument))
    if not (settings.pid or settings.name or settings.all):
        raise click.UsageError("Say which processes: PID, --pid PID, --name PATTERN or --all.")
    _become(settings)


def _become(settings: AgentSettings) -> NoReturn:
    """Begin this process anew as an agent and nothing else: what reading settings took is a fifth of its memory."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", "flarego.agent", packed(settings)], {**_HEAP, **os.environ})
