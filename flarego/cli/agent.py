"""`flarego agent`: watch processes without a page of our own, and send what is seen to a gateway."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from flarego.cli.settings import SettingsCommand, takes_settings
from flarego.config import AgentSettings, Loaded

if TYPE_CHECKING:
    from flarego.agent.service import Agent


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
    from flarego import logs
    from flarego.agent.find import check_machine
    from flarego.agent.service import Agent

    check_machine()
    logs.set_up(settings.log_format, settings.log_level)
    run(Agent(settings))


def run(agent: Agent) -> None:
    """Run the agent until a signal comes, or the processes it was given have ended. Raises ProcessGone for that."""
    from flarego.agent.health import Health
    from flarego.agent.notify import Notifier
    from flarego.agent.service import Runner
    from flarego.agent.status import Status

    runner, status, notifier = Runner(agent), Status(agent), Notifier()
    with _signals(runner.stop):
        if agent.settings.health is not None:
            answers = {"/healthz": status.healthz, "/readyz": status.readyz, "/metrics": status.metrics}
            Health(agent.settings.health, answers).start()
        agent.start()
        runner.start()
    notifier.ready()

    def idle() -> None:
        notifier.status(status.line())
        if not status.trouble():
            notifier.alive()

    try:
        runner.run(min(notifier.watchdog_s or 1.0, 1.0), idle)
    finally:
        notifier.stopping()
        agent.stop()


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Stop at the first SIGTERM or Ctrl-C; at the second, at once. Threads started meanwhile leave them to ours.

    A signal that another thread gets would not wake the main one, which alone can handle it.
    """
    signals = 0

    def heard(number: int, _: object) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(128 + number)
        stop()

    ours = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ours)
    try:
        for number in ours:
            signal.signal(number, heard)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)
