"""A gateway's page: logging in, choosing among processes, a link to one of them, the past of a late page."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bench.common import FLAREGO

from browser.conftest import View

LISTENING = re.compile(r"dashboard: (http://127\.0\.0\.1:\d+/)")
LIST = '!!document.querySelector(".fleet[open]")'


@dataclass
class Team:
    """A running gateway, and the tokens of a viewer and of an agent."""

    url: str
    viewer: str
    agent: str

    def push(self, *messages: dict[str, Any]) -> None:
        body = "\n".join(map(json.dumps, messages)).encode()
        headers = {"Authorization": f"Bearer {self.agent}", "Content-Type": "application/x-ndjson"}
        urllib.request.urlopen(urllib.request.Request(self.url + "api/v1/ingest", body, headers), timeout=10).close()

    def watch(self, *names: str, seconds: float = 3.0) -> None:
        """Let processes be watched for some seconds up to now, five chunks a second."""
        now = 1000 * time.time()
        ends = [now - 1000 * seconds + 200 * (n + 1) for n in range(int(5 * seconds))]
        for name in names:
            about = {"name": name, "pid": 7, "host": f"{name}.example", "labels": {"team": name.upper()}}
            chunks = [self.chunk(name, end) for end in ends]
            self.push({"type": "process", "process": f"{name}-1", **about}, *chunks)

    def chunk(self, name: str, end_ms: float) -> dict[str, Any]:
        stacks = [{"stack": ["main", f"{name}.work"], "state": "running", "count": 2}]
        return {"type": "chunk", "process": f"{name}-1", "start_ms": end_ms - 200, "end_ms": end_ms, "stacks": stacks}


def token(file: Path, name: str, scope: str) -> str:
    command = [*FLAREGO, "token", "create", "--tokens", str(file), "--name", name, "--scope", scope, "--namespace", "*"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Team]]:
    """A function that starts a gateway."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> Team:
        file = tmp_path_factory.mktemp("tokens") / "tokens.json"
        viewer, agent = token(file, "vera", "read"), token(file, "agent", "ingest")
        process = subprocess.Popen(
            [*FLAREGO, "gateway", "--listen", "127.0.0.1:0", "--tokens", str(file)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        url = next(match[1] for line in process.stdout if (match := LISTENING.search(line)))
        return Team(url, viewer, agent)

    yield start
    for process in processes:
        process.terminate()
        process.wait(20)


def log_in(view: View, team: Team) -> None:
    view.expected = "401"
    view.open(team.url, live=False)
    view.page.fill("#token", team.viewer)
    view.page.click("button")
    view.page.wait_for_selector("fg-notice", state="attached")
    view.until("window.flarego !== undefined")


def test_log_in_wait_for_a_process_choose_and_log_out(view: View, serve: Callable[[], Team]) -> None:
    team = serve()
    view.expected = "401"
    view.open(team.url, live=False)
    view.page.fill("#token", "flg_000000000000_wrong")
    view.page.click("button")
    view.until('document.querySelector("#problem").textContent.includes("not valid")')
    view.shot("login")
    view.page.fill("#token", team.viewer)
    view.page.keyboard.press("Enter")
    view.page.wait_for_selector("fg-notice", state="attached")
    view.until('document.querySelector("fg-notice")?.textContent.includes("No agent has connected yet")')
    assert view.ask("document.cookie") == "" and "flg_" not in view.ask(
        "location.href + JSON.stringify({...localStorage})"
    )
    team.watch("api")
    view.until('flarego.store.process.peek()?.name === "api"')  # the only one there is
    team.watch("worker", "mailer")
    view.page.keyboard.press("j")
    view.until('document.querySelectorAll(".fleet-one").length === 3')
    view.shot("fleet")
    view.page.keyboard.type("team=worker")
    view.until('document.querySelectorAll(".fleet-one").length === 1')
    view.page.keyboard.press("Enter")
    view.until('flarego.store.process.peek()?.name === "worker"')
    view.until('flarego.frames().some(({ name }) => name === "worker.work")')
    assert not view.ask(LIST)
    assert "process=worker-1" in view.ask("location.hash")
    view.page.reload()
    view.until('window.flarego?.store.process.peek()?.name === "worker"')
    view.page.keyboard.press("j")
    view.until('document.querySelector(".fleet-foot").textContent.includes("vera")')
    view.page.click("text=Log out")
    view.page.wait_for_selector("#token")


def test_of_several_processes_nobody_is_chosen_for_the_user(view: View, serve: Callable[[], Team]) -> None:
    team = serve()
    team.watch("api", "worker")
    log_in(view, team)
    view.until(LIST)
    assert view.ask("flarego.store.process.peek()") is None
    view.page.keyboard.press("Escape")
    view.until(f"!({LIST})")
    view.page.keyboard.press("j")
    view.until(LIST)
    view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("Enter")
    view.until('flarego.store.process.peek()?.name === "worker"')


def test_the_past_is_there_when_the_page_is_opened_late(view: View, serve: Callable[[], Team]) -> None:
    team = serve()
    team.watch("api", seconds=100)
    log_in(view, team)
    view.until("flarego.store.data.peek()?.ring.newest !== undefined")
    view.until("(({ entries, newest }) => (newest.end - entries[0].start) / 1e9 > 95)(flarego.store.data.peek().ring)")
