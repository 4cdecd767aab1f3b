"""Two gateways, one Redis, and everything that can happen to them under load: who waits how long, and what is lost.

    python -m bench.redis_chaos [--agents 20 --viewers 10 --rate 5 --kilobytes 20 --pause 30]

Agents are the real link with random chunks; viewers read strictly, and move as a page does. Each trouble is let settle
before the next. At the end a gateway that has seen nothing is asked for all of it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from agent.gateways import Real
from gateway.redis.replicas import Agent, Replicas, Viewer, history
from gateway.redis.servers import Server
from redis.asyncio import Redis

from bench.common import arguments, cpu_seconds
from bench.gateway import resident

_ROWS, _ROW_BYTES = 30, 47
_STEADY_S = 5.0
_SETTLED_S = 60.0


class Chaos:
    """The whole scene."""

    def __init__(self, folder: Path, agents: int, viewers: int, rate: float, kilobytes: int, pause: float) -> None:
        self.pause_s = pause
        self.server = Server(folder).start()
        self.replicas = Replicas(folder, self.server.url).start()
        one, other = self.replicas.gateways
        orders = [(one, other), (other, one)]
        filling = max(0, kilobytes * 1024 - _ROWS * _ROW_BYTES)
        self.agents = [Agent(n, orders[n % 2], rate, _ROWS, filling) for n in range(agents)]
        self.viewers = [
            Viewer(orders[n // 2 % 2], agent.info.process, agent.source)
            for n, agent in zip(range(viewers), self.agents * viewers, strict=False)
        ]

    async def run(self) -> None:
        for agent in self.agents:
            agent.start()
        watching = [asyncio.ensure_future(viewer.run()) for viewer in self.viewers]
        try:
            await self._measure("nothing happens", self._steady)
            await self._measure("a gateway is killed", self._kill, again=self.replicas.gateways[0].start)
            await self._measure("Redis is flushed", self._flush)
            await self._measure(f"Redis is paused for {self.pause_s:g} s", self._pause)
            await self._measure("Redis is killed, and comes back empty after 5 s", self._restart)
            await self._measure("Redis is out of memory for 10 s", self._fill)
            await self._end()
        finally:
            for task in watching:
                task.cancel()
            for result in await asyncio.gather(*watching, return_exceptions=True):
                if isinstance(result, Exception):
                    print(f"a viewer failed: {result!r}")

    async def _measure(
        self, what: str, happen: Callable[[], Awaitable[None]], again: Callable[[], None] | None = None
    ) -> None:
        await asyncio.sleep(_STEADY_S)
        for one in (*self.agents, *self.viewers):
            one.worst = 0.0
        used, began = self._cpu(), time.monotonic()
        warned = asyncio.ensure_future(self._warned())
        await happen()
        count = [agent.sent for agent in self.agents]
        took = await self._until(lambda: self._caught_up(count))
        cpu = sum(n - used.get(pid, 0.0) for pid, n in self._cpu().items()) / (time.monotonic() - began)
        warned.cancel()
        (said,) = await asyncio.gather(warned, return_exceptions=True)
        print(
            f"{what}: agents waited {max(a.worst for a in self.agents):.1f} s at most for an acknowledgement, "
            f"viewers {max(v.worst for v in self.viewers):.1f} s for a chunk; all seen {took:.1f} s later; "
            f"said: {said if isinstance(said, str) else 'nothing'}; gateways {cpu:.0%} of a core, "
            f"RSS {' + '.join(str(resident(pid) >> 20) for pid in self._cpu())} MiB", flush=True,
        )  # fmt: skip
        if again is not None:
            again()

    def _caught_up(self, count: list[int]) -> bool:
        sent = {agent.info.process: n for agent, n in zip(self.agents, count, strict=True)}
        acked = all(a.feed.spool.acknowledged >= n for a, n in zip(self.agents, count, strict=True))
        return acked and all(max(v.seen, default=-1) >= sent[v.process] for v in self.viewers)

    async def _until(self, condition: Callable[[], bool]) -> float:
        began = time.monotonic()
        while not condition() and time.monotonic() < began + _SETTLED_S:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if not condition():
            for agent in self.agents:
                print("not settled:", agent.info.process, agent.sent, agent.feed.spool.acknowledged, agent.link.problem)
            for viewer in self.viewers:
                print("not settled:", viewer.process, max(viewer.seen, default=-1), viewer.moves)
        return time.monotonic() - began

    async def _warned(self) -> str:
        """Return the first warning that a gateway gives."""
        async with aiohttp.ClientSession() as session:
            while True:
                for gateway in self._living():
                    try:
                        url = f"http://{gateway.address}/readyz"
                        async with session.get(url, headers={"Authorization": f"Bearer {gateway.token}"}) as response:
                            said = str((await response.json())["checks"]["retention"])
                    except (aiohttp.ClientError, KeyError):
                        continue
                    if said != "ok":
                        return said
                await asyncio.sleep(0.2)

    def _living(self) -> list[Real]:
        return [gateway for gateway in self.replicas.gateways if gateway.process is not None]

    def _cpu(self) -> dict[int, float]:
        pids = [gateway.process.pid for gateway in self.replicas.gateways if gateway.process is not None]
        return {pid: cpu_seconds(pid) for pid in pids}

    async def _steady(self) -> None:
        await asyncio.sleep(10)

    async def _kill(self) -> None:
        self.replicas.gateways[0].kill()

    async def _flush(self) -> None:
        client = Redis(port=self.server.port)
        await client.flushall()
        await client.aclose()

    async def _pause(self) -> None:
        self.server.pause()
        await asyncio.sleep(self.pause_s)
        self.server.resume()

    async def _restart(self) -> None:
        self.server.kill()
        await asyncio.sleep(5)
        self.server.start()

    async def _fill(self) -> None:
        client = Redis(port=self.server.port)
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "1mb")
        await asyncio.sleep(10)
        await client.config_set("maxmemory", "0")
        await client.aclose()

    async def _end(self) -> None:
        await asyncio.to_thread(lambda: [agent.stop() for agent in self.agents])
        await self._until(lambda: all(agent.delivered for agent in self.agents))
        await asyncio.sleep(2)
        unseen = [agent.sent - len(v.seen) for v in self.viewers for agent in self.agents
                  if agent.info.process == v.process]  # fmt: skip
        sent = sum(agent.sent for agent in self.agents)
        print(f"chunks sent: {sent}; viewers missed {sum(unseen)}, {max(unseen)} at most")
        fresh = self.replicas.add()
        missing = 0
        for agent in self.agents:
            missing += agent.sent - len(await history(fresh, agent.info.process, agent.source, agent.sent))
        print(f"a gateway that has seen nothing shows all but {missing} of them")

    def close(self) -> None:
        for agent in self.agents:
            agent.close()
        self.replicas.kill()
        self.server.kill()


def main() -> None:
    given = arguments(__doc__, agents=20, viewers=10, rate=5.0, kilobytes=20, pause=30.0)
    with tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(Path(folder), given.agents, given.viewers, given.rate, given.kilobytes, given.pause)
        try:
            asyncio.run(chaos.run())
        finally:
            chaos.close()


if __name__ == "__main__":
    main()
