"""One of two gateways dies under load: agents and pages move over, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent.gateways import Real

from flarego.model.chunk import Chunk
from flarego.wire.clip import Clip
from gateway.redis.conftest import until
from gateway.redis.replicas import Agent, Replicas, Viewer, history
from gateway.redis.servers import Server

MOVED_S = 5.0


@pytest.fixture
def replicas(server: Server, tmp_path: Path) -> Iterator[Replicas]:
    replicas = Replicas(tmp_path, server.url)
    try:
        yield replicas.start()
    finally:
        replicas.kill()


def saved(gateway: Real, process: str) -> bytes:
    """Return the clip that a gateway saves of a process."""
    headers = {"Authorization": f"Bearer {gateway.token}"}
    request = urllib.request.Request(f"http://{gateway.address}/clip?process={process}", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        return bytes(response.read())


async def test_agents_and_pages_move_over_when_a_gateway_is_killed(replicas: Replicas, tmp_path: Path) -> None:
    one, other = replicas.gateways
    agents = [Agent(number, order, rate=10) for number, order in enumerate([(one, other), (other, one), (one, other)])]
    viewers = [Viewer((one, other), agent.info.process, agent.source) for agent in agents]
    for agent in agents:
        agent.start()
    watching = [asyncio.ensure_future(viewer.run()) for viewer in viewers]
    try:
        await until(lambda: all(len(viewer.seen) > 10 for viewer in viewers))
        for viewer in viewers:
            viewer.worst = 0.0
        one.kill()
        counts = [agent.sent for agent in agents]
        await until(lambda: all(max(v.seen) > n + 20 for v, n in zip(viewers, counts, strict=True)))
        for agent in agents:
            agent.stop()
        await until(lambda: all(agent.delivered for agent in agents))
        await until(lambda: all(v.seen == set(range(a.sent)) for v, a in zip(viewers, agents, strict=True)))
        assert max(viewer.worst for viewer in viewers) < MOVED_S
        assert max(agent.worst for agent in agents) < MOVED_S
        assert not any(task.done() for task in watching)
        third = replicas.add()
        for agent in agents:
            assert await history(third, agent.info.process, agent.source, agent.sent) == set(range(agent.sent))
        fourth, clip = replicas.add(), tmp_path / "saved.fgo"
        clip.write_bytes(await asyncio.to_thread(saved, fourth, agents[0].info.process))
        with Clip.open(clip) as opened:
            found = [chunk.sequence for chunk in opened.messages(agents[0].info.process) if isinstance(chunk, Chunk)]
        assert found == list(range(agents[0].sent))
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for agent in agents:
            agent.close()
