"""grpc.health.v1: whether the gateway serves, for load balancers and Kubernetes' probes. Open to everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from flarego.gateway.policy import PUBLIC
from flarego.gateway.rpc.server import Call, Rpc
from flarego.wire.envelope import decode_namespace
from flarego.wire.grpc import CallFailed, Status
from flarego.wire.protobuf import number

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
_SERVING, _NOT_SERVING, _UNKNOWN = 1, 2, 3
_LOOK_S = 1.0


class Check:
    """Answers Health.Check."""

    path = CHECK
    rule = PUBLIC

    def __init__(self, ready: Callable[[], bool], services: Sequence[str]) -> None:
        self._ready = ready
        self._services = frozenset(services) | {""}

    def status(self, service: str) -> int:
        """Return a ServingStatus."""
        if service not in self._services:
            return _UNKNOWN
        return _SERVING if self._ready() else _NOT_SERVING

    async def call(self, call: Call) -> None:
        status = self.status(decode_namespace(await call.recv() or b""))  # its one field is a text as well
        if status == _UNKNOWN:
            raise CallFailed(Status.NOT_FOUND, "there is no such service")
        await call.send(number(1, status))


class Watch:
    """Answers Health.Watch."""

    path = WATCH
    rule = PUBLIC

    def __init__(self, check: Check) -> None:
        self._check = check

    async def call(self, call: Call) -> None:
        service, told = decode_namespace(await call.recv() or b""), 0
        while True:
            if (status := self._check.status(service)) != told:
                await call.send(number(1, told := status))
            try:
                await asyncio.wait_for(call.draining.wait(), _LOOK_S)
                await call.send(number(1, _NOT_SERVING))
                return
            except TimeoutError:
                pass


def health(ready: Callable[[], bool], services: Sequence[str]) -> Sequence[Rpc]:
    """Return what answers for health."""
    check = Check(ready, services)
    return check, Watch(check)
