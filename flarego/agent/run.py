"""Running the agent: in a process that has imported nothing else, which is why `flarego agent` begins it anew."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flarego import logs
from flarego.agent.find import check_machine
from flarego.agent.health import Health
from flarego.agent.notify import Notifier
from flarego.agent.service import Agent, Runner
from flarego.agent.status import Status
from flarego.config.agent import unpacked
from flarego.errors import FlareError


def main(text: str) -> int:
    """Run an agent with settings that were packed; return its exit code. Every error is told here, once."""
    try:
        settings = unpacked(text)
        check_machine()
        logs.set_up(settings.log_format, settings.log_level)
        run(Agent(settings))
    except FlareError as e:
        if os.environ.get("FLAREGO_DEBUG"):
            traceback.print_exception(e)
        remedy = f"\nremedy: {e.remedy}" if e.remedy else ""
        print(logs.escaped(f"flarego: {e.message}") + remedy, file=sys.stderr)
        return e.exit_code
    return 0


def run(agent: Agent) -> None:
    """Run the agent until a signal comes, or the processes it was given have ended. Raises ProcessGone for that."""
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
