"""A gateway's port, served by a loop in a thread; and what protoc makes of flarego.proto for official clients."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from aiohttp import web

import flarego.wire
from flarego.gateway.app import make_app
from flarego.gateway.auth.local import Access
from flarego.gateway.hub import Hub
from flarego.gateway.limits import Limits, Meter
from flarego.gateway.mux import Mux, http_protocols
from flarego.gateway.rpc.connection import GrpcConnection
from flarego.gateway.rpc.health import health
from flarego.gateway.rpc.ingest import Ingest
from flarego.gateway.rpc.reflection import reflection
from flarego.gateway.rpc.server import Services
from flarego.gateway.rpc.watch import Processes, Watch
from flarego.gateway.rpc.web import add_grpc_web
from flarego.gateway.trust import Trust

PROTO = Path(flarego.wire.__file__).parent / "flarego.proto"
TOKEN = "sesame"
AUTHORIZED = (("authorization", f"Bearer {TOKEN}"),)


@dataclass
class Port:
    """One port, and what is behind it. Its hub belongs to its loop: use `run`."""

    port: int
    hub: Hub
    mux: Mux
    meter: Meter
    trust: Trust
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call it on the loop, and return what it returns."""

        async def call() -> Any:
            result = function(*arguments, **options)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(20)


async def serve(meter: Meter) -> tuple[Port, Callable[[], Any]]:
    hub, trust = Hub(), Trust(Access(TOKEN))
    rpcs = [Ingest(hub, meter), Watch(hub, meter), Processes(hub)]
    rpcs += health(lambda: True, ["flarego.v1.Ingest", "flarego.v1.Watch"])  # type: ignore[arg-type]
    rpcs += reflection(lambda: services.paths)
    services = Services(trust, rpcs)
    runner = web.AppRunner(
        make_app(hub, trust, parts=[lambda app: add_grpc_web(app, services, 1 << 20)]), access_log=None
    )
    await runner.setup()
    assert runner.server is not None
    mux = Mux(
        http_protocols(runner.server, meter),
        lambda peer: GrpcConnection(services, peer, head_s=meter.limits.head_s),
        meter,
    )
    server = await asyncio.get_running_loop().create_server(mux, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        mux.abort()
        await runner.cleanup()

    return Port(server.sockets[0].getsockname()[1], hub, mux, meter, trust, asyncio.get_running_loop()), stop


@pytest.fixture
def limits() -> Limits:
    return Limits(head_s=1.0)


@pytest.fixture
def port(limits: Limits) -> Iterator[Port]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    served, stop = asyncio.run_coroutine_threadsafe(serve(Meter(limits)), loop).result(20)
    yield served
    asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def channel(port: Port) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(port.address) as channel:
        yield channel


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, ModuleType]]:
    """Messages and stubs that the official compiler makes."""
    from grpc_tools import protoc

    folder = tmp_path_factory.mktemp("proto")
    options = [f"-I{PROTO.parent}", f"--python_out={folder}", f"--grpc_python_out={folder}", PROTO.name]
    assert protoc.main(["protoc", *options]) == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module("flarego_pb2"), importlib.import_module("flarego_pb2_grpc")
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def pb(generated: tuple[ModuleType, ModuleType]) -> Any:
    return generated[0]


@pytest.fixture(scope="session")
def stubs(generated: tuple[ModuleType, ModuleType]) -> Any:
    return generated[1]
