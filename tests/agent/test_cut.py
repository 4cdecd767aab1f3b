"""The network between agent and gateway is cut, for real, and mended: every chunk arrives, once, and in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from targets import Target

from agent.gateways import Real, Watching, free_port, until
from agent.network import Network, network
from agent.test_agent import Agent, Start, ask, is_of, start
from flarego.model.chunk import Chunk, Gap

__all__ = ["start"]


@pytest.fixture
def between() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture
def far(between: Network, tmp_path: Path) -> Iterator[Real]:
    gateway = Real(tmp_path, "--insecure", host=between.far, within=between.within)
    gateway.start()
    yield gateway
    gateway.kill()


def sequences(gateway: Real, pid: int, seconds: float) -> list[int]:
    """Return the numbers of the chunks that the gateway has, up to one that ends in that moment of the process."""
    watching, found = Watching(gateway, since_s=900), []

    def is_last(message: object) -> bool:
        assert not isinstance(message, Gap)
        if isinstance(message, Chunk) and is_of(pid, Chunk)(message):
            found.append(message.sequence)
            return message.end > seconds * 1e9
        return False

    watching.until(is_last)
    watching.close()
    return found


def metric(port: int, name: str) -> float:
    """Return what the agent says of itself, added up over its processes."""
    lines = ask(port, "/metrics")[1].splitlines()
    mine = [line for line in lines if re.match(rf"flarego_agent_{name}[ {{]", line)]
    return sum(float(line.split()[-1]) for line in mine)


def spooled(port: int) -> float:
    """Return how many bytes the agent's spool has."""
    return metric(port, "spool_bytes")


def test_everything_arrives_once_whatever_is_cut(start: Start, between: Network, far: Real) -> None:
    health = free_port()
    with Target("churn", "-n", 50) as target:
        agent: Agent = start(target.pid, *far.reach, "--plaintext", "--health", f"127.0.0.1:{health}")
        until(lambda: ask(health, "/readyz")[0] == 200, "readiness")
        for _ in range(2):
            between.cut()
            until(lambda: spooled(health) > 20_000, "a spool that grows")
            between.mend()
            until(lambda: spooled(health) < 10_000, "a spool that empties", seconds=30)
        found = sequences(far, target.pid, 6)
        assert found == list(range(1, len(found) + 1))
        assert agent.leave()[0] == 0


def test_what_the_spool_has_no_room_for_is_a_gap_and_the_rest_can_be_read(
    start: Start, between: Network, far: Real
) -> None:
    health = free_port()
    with Target("churn", "-n", 2000) as target:
        start(target.pid, *far.reach, "--plaintext", "--health", f"127.0.0.1:{health}", "--spool-memory", "64KiB")
        until(lambda: metric(health, "acknowledged") > 2, "acknowledgements")
        between.cut()

        def lost() -> bool:
            assert spooled(health) < 64 << 10
            return metric(health, "lost_generations_total") > 0

        until(lost, "a full spool", seconds=30)
        between.mend()
        until(lambda: metric(health, "links_connected") and spooled(health) < 10_000, "recovery", seconds=30)
        found, watching, enough = [], Watching(far, since_s=900), metric(health, "sequence")
        watching.until(lambda m: isinstance(m, Chunk) and (found.append(m.sequence) or m.sequence >= enough))
        watching.close()
        assert found == sorted(set(found)) and found[0] == 1 and found[-1] > len(found), "a jump"
