"""Who may do what: every route, RPC and WebSocket message by every kind of caller, made from the rules themselves."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import grpc
import pytest
import pytest_asyncio
from aiohttp import web
from wire.streams import INFO

from flarego.gateway.policy import RPC_RULES, Route, Rule, Scope, add_message, add_route, add_rpc, message_rule, routes
from flarego.gateway.service import Service
from flarego.model.chunk import ProcessInfo
from flarego.wire.codec import encode
from flarego.wire.envelope import Hello, WatchRequest, encode_agent, encode_watch_request
from gateway.auth.trusted import Served, serve

OTHER = {Scope.READ: Scope.INGEST}
"""A scope that is not enough; of all the others it is read."""


@dataclass(frozen=True)
class Caller:
    """Somebody, and what becomes of them at a rule that wants a scope of a namespace."""

    name: str
    make: Callable[[Served, Scope], str | None]
    """Return the token."""
    refused: Callable[[Rule], int]
    """Return 401, 403, or 0 when the rule lets them."""


def _expired(served: Served, scope: Scope) -> str:
    return served.token(scope, expires=time.time() - 1)


def _revoked(served: Served, scope: Scope) -> str:
    token = served.token(scope)
    assert served.tokens.revoke(token.split("_")[1]) is not None
    return token


def _elsewhere(rule: Rule) -> int:
    return 403 if rule.namespaced else 0


CALLERS = [
    Caller("none", lambda served, scope: None, lambda rule: 401),
    Caller("expired", _expired, lambda rule: 401),
    Caller("revoked", _revoked, lambda rule: 401),
    Caller("wrong scope", lambda served, scope: served.token(OTHER.get(scope, Scope.READ)), lambda rule: 403),
    Caller("wrong namespace", lambda served, scope: served.token(scope, namespace="elsewhere"), _elsewhere),
    Caller("right", lambda served, scope: served.token(scope), lambda rule: 0),
    Caller("admin", lambda served, scope: served.token(Scope.ADMIN, namespace="def*"), lambda rule: 0),
]

FIRST: dict[str, bytes] = {
    "/flarego.v1.Ingest/Stream": encode_agent(Hello(encode(INFO), "default")),
    "/flarego.v1.Watch/Stream": encode_watch_request(WatchRequest("default", "nobody")),
    "/flarego.v1.Watch/Processes": b"\x0a\x07default",
}
"""What a call begins with, so that it names the namespace; others take it from the metadata, or have none."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serve(tmp_path_factory.mktemp("gateway")) as served:
        yield served


def app_of(service: Service) -> web.Application:
    assert service._runner.app is not None
    return service._runner.app


def expected(rule: Rule, caller: Caller) -> int:
    return 0 if rule.scope is None else caller.refused(rule)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
async def test_every_route_lets_in_whom_its_rule_lets_in(served: Served, caller: Caller) -> None:
    found = [route for route in routes(app_of(served.service)) if route.method != "MESSAGE"]
    assert len(found) > 20
    for route in found:
        token = caller.make(served, route.rule.scope or Scope.READ)
        served.service.trust.throttle._failures.clear()  # so many at once are refused for that alone
        for method in [route.method] + (["HEAD"] if route.method == "GET" else []):
            response = await served.ask(_path(route), token, method=method)
            assert response.status < 500, route
            got = response.status if response.status in (401, 403, 429) else 0
            assert got == expected(route.rule, caller), (method, route, response.status)


def _path(route: Route) -> str:
    """Return an address of the route, that names the namespace."""
    return re.sub(r"\{\w+\}", "x", route.path) + "?namespace=default"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
async def test_every_rpc_lets_in_whom_its_rule_lets_in(served: Served, caller: Caller) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{served.service.port}") as channel:
        for path, rule in RPC_RULES.items():
            token = caller.make(served, rule.scope or Scope.READ)
            served.service.trust.throttle._failures.clear()
            metadata = [("authorization", f"Bearer {token}")] if token else []
            metadata.append(("x-flarego-namespace", "default"))
            status, details = await asyncio.to_thread(_status, channel, path, metadata)
            refused = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.PERMISSION_DENIED: 403}.get(status, 0)
            assert status is not grpc.StatusCode.INTERNAL, (path, details)
            assert status is not grpc.StatusCode.UNIMPLEMENTED, path
            assert refused == expected(rule, caller), (path, status)


def _status(channel: grpc.Channel, path: str, metadata: list[tuple[str, str]]) -> tuple[grpc.StatusCode, str]:
    """Return how a call ends; OK for one that goes on. (grpc.aio calls it INTERNAL when it had yet to write.)"""
    call = channel.stream_stream(path)(iter([FIRST.get(path, b"")]), metadata=metadata, timeout=5)
    try:
        next(call, None)
    except grpc.RpcError as e:
        return e.code(), e.details() or ""
    call.cancel()
    return grpc.StatusCode.OK, ""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("message", ["text", b"binary"])
async def test_a_message_without_a_rule_ends_the_stream_even_of_an_admin(served: Served, message: str | bytes) -> None:
    assert [route for route in routes(app_of(served.service)) if route.method == "MESSAGE"] == [], "then test them here"
    bearer = {"Authorization": f"Bearer {served.token(Scope.ADMIN)}"}
    async with served.session.ws_connect(f"{served.url}/stream", headers=bearer) as socket:
        await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        while (await socket.receive(10)).type is not aiohttp.WSMsgType.CLOSED:
            pass
        assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION


def test_messages_have_rules_as_routes_have() -> None:
    app = web.Application()
    add_message(app, "/stream", "TEXT", Rule(Scope.READ))
    assert message_rule(app, "/stream", "TEXT") == Rule(Scope.READ)
    assert message_rule(app, "/stream", "BINARY") is None and message_rule(app, "/other", "TEXT") is None
    assert [(route.method, route.path) for route in routes(app)] == [("MESSAGE", "/stream#TEXT")]


@pytest.mark.asyncio(loop_scope="module")
async def test_there_is_no_way_in_without_a_rule(served: Served) -> None:
    """What aiohttp would answer and what the services would call, is what the rules know: none is missing."""
    app = app_of(served.service)
    ruled = {(route.method, route.path) for route in routes(app)}
    for resource in app.router.resources():
        for route in resource:
            method = "GET" if route.method == "HEAD" else route.method
            assert (method, resource.canonical) in ruled
    assert set(RPC_RULES) <= {path for method, path in ruled if method == "POST"}, "each is there for gRPC-Web as well"


def test_a_route_or_rpc_without_a_rule_cannot_be_added() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(TypeError):
        add_route(web.Application(), "GET", "/", handler, None)  # type: ignore[arg-type]
    app = web.Application()
    add_route(app, "GET", "/{a:.*}", handler, Rule(Scope.READ))
    with pytest.raises(ValueError, match="already"):
        add_route(app, "GET", "/{a}", handler, Rule(None))
    with pytest.raises(TypeError):
        add_rpc("/a/b", None)  # type: ignore[arg-type]
    assert "/a/b" not in RPC_RULES


@pytest.mark.asyncio(loop_scope="module")
async def test_a_route_added_behind_the_policys_back_is_refused(served: Served) -> None:
    """aiohttp freezes the router when it starts, so this needs an application of its own."""
    from aiohttp.test_utils import TestClient, TestServer

    from flarego.gateway.app import make_app
    from flarego.gateway.auth import Access
    from flarego.gateway.hub import Hub
    from flarego.gateway.trust import Trust

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="secret")

    app = make_app(Hub(), Trust(Access("token")), parts=[lambda app: app.router.add_get("/back", handler) and None])
    async with TestClient(TestServer(app)) as client:
        async with client.get("/back", headers={"Authorization": "Bearer token"}) as response:
            assert response.status == 403
        async with client.get("/back") as response:
            assert response.status == 401


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("namespace", ["Default", "a/b", "..", "-a", "a" * 64, "a%00", "%2e%2e", "%C3%A4", "a%20b"])
async def test_what_is_no_namespace_is_refused_before_anything_is_done(served: Served, namespace: str) -> None:
    token = served.token(Scope.ADMIN, namespace="*")
    response = await served.ask(f"/api/v1/processes?namespace={namespace}", token)
    assert response.status == 400
    assert set(await response.json()) == {"error", "remedy"}


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_name_it_is_the_namespace_of_the_token(served: Served) -> None:
    token = served.token(Scope.READ, namespace="prod")
    assert (await served.ask("/api/v1/processes", token)).status == 200
    assert (await served.ask("/api/v1/processes?namespace=default", token)).status == 403


@pytest.mark.asyncio(loop_scope="module")
async def test_nobody_sees_a_process_of_another_namespace(served: Served) -> None:
    hub = served.service.hub
    hub.publish(ProcessInfo(**{**_fields(INFO), "process": "hidden-1"}), namespace="elsewhere")
    for path in ("/api/v1/processes", "/clip?process=hidden-1", "/stream?process=hidden-1"):
        response = await served.ask(path, served.token())
        assert "hidden" not in await response.text()
    assert (
        "hidden-1"
        in await (await served.ask("/api/v1/processes?namespace=elsewhere", served.token(namespace="else*"))).text()
    )


def _fields(info: ProcessInfo) -> dict[str, object]:
    return {name: getattr(info, name) for name in info.__dataclass_fields__}
