"""What answers a call, whichever way it came; who may call, how long, and what becomes of errors, in one place."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from flarego.errors import FlareError, NoSuchProcess
from flarego.gateway.auth.principal import (
    NOBODY,
    Credentials,
    Forbidden,
    Principal,
    Unauthenticated,
    bearer,
)
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import BadNamespace, Rule, add_rpc, valid_namespace
from flarego.gateway.trust import Trust
from flarego.wire.codec import BadMessage
from flarego.wire.grpc import CallFailed, Status
from flarego.wire.protobuf import Malformed

_log = logging.getLogger(__name__)


class Call(ABC):
    """One call: messages come and go, until whoever answers returns."""

    def __init__(self, path: str, peer: str, metadata: Mapping[str, str]) -> None:
        self.path = path
        self.peer = peer
        """Address of the caller."""
        self.metadata = metadata
        self.principal: Principal = NOBODY
        self.rule: Rule | None = None
        self.trust: Trust | None = None
        self.cookie = ""
        """Of a browser that is logged in."""
        self.draining = asyncio.Event()
        """Set when the gateway is to stop: long calls should end."""

    @abstractmethod
    async def recv(self) -> bytes | None:
        """Return the next message; None when there are no more."""

    @abstractmethod
    async def send(self, message: bytes) -> None:
        """Send a message, as fast as the caller takes them."""

    def require(self, namespace: str, target: str = "") -> str:
        """Return the namespace if this call may be made in it. Raises Forbidden, BadNamespace."""
        assert self.rule is not None and self.trust is not None
        valid_namespace(namespace)
        self.trust.check(self.principal, self.rule, namespace, self.path, target, self.peer)
        return namespace

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.recv()) is not None:
            yield message


class Rpc(Protocol):
    """Answers the calls of one method."""

    path: str
    rule: Rule

    async def call(self, call: Call) -> None:
        """Answer. Raises FlareErrors, which become statuses."""
        ...


class Services:
    """Every method there is, and what all of them have in common."""

    def __init__(self, trust: Trust, rpcs: Iterable[Rpc]) -> None:
        self._trust = trust
        self._rpcs: dict[str, Rpc] = {}
        self.add(rpcs)

    @property
    def paths(self) -> Sequence[str]:
        """Return the path of every method."""
        return tuple(self._rpcs)

    def add(self, rpcs: Iterable[Rpc]) -> None:
        """Add methods, with their rules."""
        for rpc in rpcs:
            self._rpcs[rpc.path] = rpc
            add_rpc(rpc.path, rpc.rule)

    async def answer(self, call: Call, timeout_s: float | None = None) -> tuple[Status, str]:
        """Answer a call, and return how it ended. Raises nothing but what cancels it."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._answer(call)
            return Status.OK, ""
        except CallFailed as e:
            if e.status == Status.RESOURCE_EXHAUSTED:
                self._trust.meter.count("request_bytes")
            return Status(e.status), e.message
        except TimeoutError:
            return Status.DEADLINE_EXCEEDED, "it took longer than the caller waits"
        except FlareError as e:
            return status_of(e), e.message
        except ConnectionError:
            return Status.UNAVAILABLE, "the connection is gone"
        except Exception:
            _log.exception("%s", call.path)
            return Status.INTERNAL, "flarego failed to answer this"

    async def _answer(self, call: Call) -> None:
        rpc = self._rpcs.get(call.path)
        if rpc is None:
            raise CallFailed(Status.UNIMPLEMENTED, "there is no such method")
        call.rule, call.trust = rpc.rule, self._trust
        if rpc.rule.scope is None:
            await rpc.call(call)
            return
        shown = Credentials(bearer(call.metadata.get("authorization", "")), call.cookie, call.peer, call.metadata)
        call.peer = self._trust.address(shown)
        call.principal = await self._trust.authenticate(shown, call.path)
        if not call.principal.may(rpc.rule.scope, None) or not rpc.rule.namespaced:
            anywhere = Rule(rpc.rule.scope, namespaced=False, audited=rpc.rule.audited)
            self._trust.check(call.principal, anywhere, "", call.path, "", call.peer)
        await self._while_it_holds(call, rpc)

    async def _while_it_holds(self, call: Call, rpc: Rpc) -> None:
        """Answer, until what the caller proved does not hold any more."""
        answering = asyncio.ensure_future(rpc.call(call))
        ended: list[str] = []

        def end(why: str) -> None:
            ended.append(why)
            answering.cancel()

        try:
            with self._trust.leases.hold(call.principal, end):
                await answering
        except asyncio.CancelledError:
            if ended:
                raise Unauthenticated(ended[0]) from None
            raise
        finally:
            answering.cancel()


def status_of(e: FlareError) -> Status:
    """Return the gRPC status that stands for an error."""
    match e:
        case Unauthenticated():
            return Status.UNAUTHENTICATED
        case Forbidden():
            return Status.PERMISSION_DENIED
        case LimitReached():
            return Status.RESOURCE_EXHAUSTED
        case BadMessage() | Malformed() | BadNamespace():
            return Status.INVALID_ARGUMENT
        case NoSuchProcess():
            return Status.NOT_FOUND
    return Status.FAILED_PRECONDITION
