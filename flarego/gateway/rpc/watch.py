"""Watch: the processes there are, and the messages of FORMAT.md as they come, for programs."""

from __future__ import annotations

import asyncio
import math

from flarego.errors import NoSuchProcess
from flarego.gateway.auth.principal import Scope
from flarego.gateway.hub import DEFAULT_NAMESPACE, Hub
from flarego.gateway.limits import Meter
from flarego.gateway.policy import Rule
from flarego.gateway.rpc.server import Call
from flarego.wire.envelope import (
    PROCESSES,
    WATCH,
    Listed,
    decode_namespace,
    decode_watch_request,
    encode_listed,
    encode_watched,
)


class Processes:
    """Answers Watch.Processes."""

    path = PROCESSES
    rule = Rule(Scope.READ, audited=False)

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def call(self, call: Call) -> None:
        namespace = call.require(decode_namespace(await call.recv() or b"") or DEFAULT_NAMESPACE)
        listed = [
            Listed(
                process=one.info.process,
                namespace=namespace,
                name=one.info.name,
                pid=one.info.pid,
                host=one.info.host,
                runtime=one.info.runtime,
                runtime_version=one.info.runtime_version,
                labels=one.info.labels,
                first_seen=one.first_seen,
                last_seen=one.last_seen,
                gone=one.gone,
            )
            for one in await self._hub.processes(namespace)
        ]
        await call.send(encode_listed(listed))


class Watch:
    """Answers Watch.Stream."""

    path = WATCH
    rule = Rule(Scope.READ)

    def __init__(self, hub: Hub, meter: Meter | None = None) -> None:
        self._hub = hub
        self._meter = meter or Meter()

    async def call(self, call: Call) -> None:
        request = decode_watch_request(await call.recv() or b"")
        namespace = call.require(request.namespace or DEFAULT_NAMESPACE, request.process)
        processes = [request.process] if request.process else []
        if processes and await self._hub.follow(namespace, request.process) is None:
            raise NoSuchProcess("there is no such process", remedy="Watch.Processes lists what there is")
        since_s = min(max(request.since_s, 0.0), self._hub.bounds.seconds) if math.isfinite(request.since_s) else 0.0
        with (
            self._meter.holding("subscribers", namespace),
            self._hub.subscribe(since_s, namespace=namespace, processes=processes) as subscriber,
        ):
            draining = asyncio.ensure_future(call.draining.wait())
            try:
                while not draining.done():
                    coming = asyncio.ensure_future(subscriber.next())
                    await asyncio.wait((coming, draining), return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        coming.cancel()
                        return
                    await call.send(encode_watched(coming.result()))
            finally:
                draining.cancel()
