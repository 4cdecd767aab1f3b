"""The agent's own decisions: how connections are secured and shared, and what is left out when there is too much."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from agent.gateways import Told, until
from agent.test_spool import letters, spool
from flarego.agent import budget, service
from flarego.agent.entry import Kind
from flarego.agent.link.credentials import Security
from flarego.agent.service import Agent
from flarego.agent.shelf import Shelf
from flarego.agent.spool import Spool
from flarego.config import AgentSettings
from flarego.config.agent import packed, unpacked

UNIT = Path(__file__).parents[2] / "deployments" / "systemd" / "flarego-agent.service"


@pytest.mark.parametrize(
    "options, secured",
    [
        ({"gateway": ("127.0.0.1:1",)}, False),
        ({"gateway": ("localhost", "[::1]:1")}, False),
        ({"gateway": ("gateway.example",)}, True),
        ({"gateway": ("127.0.0.1:1", "10.0.0.7:1")}, True),
        ({"gateway": ("10.0.0.7:1",), "plaintext": True}, False),
        ({"gateway": ("127.0.0.1:1",), "tls": True}, True),
        ({"gateway": ("127.0.0.1:1",), "server_name": "gateway.example"}, True),
    ],
)
def test_tls_is_for_everything_that_is_not_this_machine(options: dict[str, Any], secured: bool) -> None:
    terms = service.make_terms(AgentSettings(**options))
    assert isinstance(terms.security, Security) is secured


@pytest.fixture
def run() -> Iterator[Callable[..., Agent]]:
    """A function that starts an agent in this process."""
    agents: list[Agent] = []

    def start(**options: Any) -> Agent:
        agents.append(Agent(AgentSettings(**options)))
        agents[-1].start()
        return agents[-1]

    yield start
    for agent in agents:
        agent.stop(0.3)
        for link in agent.links:
            link.abandon()


def test_more_processes_than_a_connection_takes_have_another(
    run: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STREAMS", 2)
    told = Told()
    with told.serving() as port, Target("blocked") as a, Target("blocked") as b, Target("blocked") as c:
        agent = run(pid=(a.pid, b.pid, c.pid), gateway=(f"127.0.0.1:{port}",))
        agent.scan()
        until(lambda: len(told.hellos) == 3, "three hellos")
        assert [len(link.feeds) for link in agent.links] == [2, 1]


def test_processes_beyond_the_most_are_left_out_and_counted(run: Callable[..., Agent]) -> None:
    with Target("blocked") as a, Target("blocked") as b:
        agent = run(pid=(a.pid, b.pid), gateway=("127.0.0.1:1",), max_processes=1)
        agent.scan()
        until(lambda: len(agent.watcher.watched) == 1, "one")
        assert agent.watcher.count == 1 and agent.refused == 1
        (left,) = {a.pid, b.pid} - {watched.found.pid for watched in agent.watcher.watched.values()}
        (a if left == b.pid else b).close()
        until(lambda: not agent.watcher.watched, "its end")
        agent.scan()
        until(lambda: [watched.found.pid for watched in agent.watcher.watched.values()] == [left], "the other's turn")


def test_all_spools_together_have_a_bound(tmp_path: Path) -> None:
    small, large = spool(generations="AaBb"), spool(generations="AaaaBbbbCc")
    budget.trim([small, large], 9000, 0)
    assert (letters(small), letters(large)) == ("AaBb", "Cc")
    shelved = Spool(1 << 20, Shelf(tmp_path))
    shelved.put(Kind.HEAD, 1, bytes(800), 0, 800)
    shelved.put(Kind.HEAD, 2, bytes(800), 0, 800)
    budget.trim([shelved], 1500, 1 << 20)
    assert shelved.size == 1000 and shelved.stored > 800 and shelved.lost.chunks == 0
    budget.trim([shelved], 1500, 100)
    assert shelved.stored == 0 and shelved.lost.chunks == 1 and len(shelved) == 1


def test_settings_survive_the_new_beginning() -> None:
    settings = AgentSettings(
        pid=(5, 6), all=True, budget=2.5, gateway=("a:1", "b"), label=("k=v w",), token_file=Path("/a b"), spool_bytes=7
    )
    assert unpacked(packed(settings)) == settings
    assert packed(AgentSettings()) == "{}"


def test_systemd_understands_the_unit() -> None:
    try:
        told = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no systemd here")
    wrong = [line for line in told.stderr.splitlines() if UNIT.name in line and "is not executable" not in line]
    assert not wrong
