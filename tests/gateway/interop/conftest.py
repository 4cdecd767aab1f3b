"""A gateway's one port with everything that others can send to, served by a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from aiohttp import web

from flarego.gateway.app import make_app
from flarego.gateway.auth.local import Access
from flarego.gateway.hub import Hub
from flarego.gateway.interop import Intake, add_interop, interop_rpcs
from flarego.gateway.limits import Meter
from flarego.gateway.mux import Mux, http_protocols
from flarego.gateway.rpc.connection import GrpcConnection
from flarego.gateway.rpc.server import Services
from flarego.gateway.trust import Trust
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.profile import Profile
from flarego.wire.codec import decode
from flarego.wire.prometheus import Registry

TOKEN = "sesame"
_T = TypeVar("_T")


@dataclass
class Port:
    """A gateway. Its hub belongs to its loop."""

    port: int
    hub: Hub
    intake: Intake
    meter: Meter
    registry: Registry
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, function: Callable[[], _T]) -> _T:
        """Call it on the loop, and return what it returns."""

        async def call() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(20)

    def infos(self) -> list[ProcessInfo]:
        return self.run(lambda: [channel.info for channel in self.hub.channels("default") if channel.info])

    def named(self, name: str, seconds: float = 20.0) -> ProcessInfo:
        """Wait for a process of that name of which there is a chunk."""
        return wait(lambda: next((i for i in self.infos() if i.name == name and self.chunks(i)), None), seconds)

    def chunks(self, info: ProcessInfo) -> list[Chunk]:
        history = self.run(lambda: self.hub.history(info.process, "default"))
        decoded = [decode(data) for data in history.chunks] if history else []
        return [chunk for chunk in decoded if isinstance(chunk, Chunk)]

    def profile(self, info: ProcessInfo) -> Profile:
        """Return everything that is kept of a process, folded, by the reasons it has now."""
        latest = next(i for i in self.infos() if i.process == info.process)
        return Profile.fold(latest, self.chunks(info))


def wait(condition: Callable[[], _T | None], seconds: float = 20.0) -> _T:
    """Return what the condition does once it is something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
    return found


def stacks(profile: Profile) -> dict[str, float]:
    """Return wall seconds by stack and state: `main;work [running]`."""
    found: dict[str, float] = {}
    for row in profile.rows:
        key = ";".join(frame.function for frame in profile.stack(row.node)) + f" [{row.state}]"
        found[key] = found.get(key, 0.0) + row.wall / 1e9
    return found


async def serve() -> tuple[Port, Callable[[], Any]]:
    hub, trust, registry = Hub(), Trust(Access(TOKEN)), Registry()
    meter = trust.meter
    intake = Intake(hub, meter, registry, linger_s=0.2)
    services = Services(trust, interop_rpcs(intake))
    runner = web.AppRunner(make_app(hub, trust, parts=[lambda app: add_interop(app, intake)]), access_log=None)
    await runner.setup()
    assert runner.server is not None
    mux = Mux(http_protocols(runner.server, meter), lambda peer: GrpcConnection(services, peer), meter)
    server = await asyncio.get_running_loop().create_server(mux, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        mux.abort()
        await runner.cleanup()

    return Port(server.sockets[0].getsockname()[1], hub, intake, meter, registry, asyncio.get_running_loop()), stop


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served, stop = asyncio.run_coroutine_threadsafe(serve(), loop).result(20)
    yield served
    asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
