"""No question takes too long, is answered too largely, or worked on when nobody waits; none sees other namespaces."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from flarego.gateway.api import add_query
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access, Principal, Scope
from flarego.gateway.hub import Hub
from flarego.gateway.limits import Limits
from flarego.gateway.policy import routes
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.query import fold, work
from flarego.gateway.query.operations import OPERATIONS
from flarego.gateway.trust import Trust
from gateway.query.programs import INFO, Program

FLAME = f"/api/v1/processes/{INFO.process}/flame"


class Scoped(Access):
    """Lets in who may read one namespace only."""

    namespace = "team"

    async def authenticate(self, credentials: Any) -> Principal:
        principal = await super().authenticate(credentials)
        return replace(principal, grants={self.namespace: frozenset({Scope.READ})})


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub.taps.append(Pyramid())
    for namespace, stacks in (("default", 40), ("team", 5)):
        hub.publish(INFO, namespace=namespace)
        for chunk in Program(stacks=stacks).chunks(100):
            hub.publish(chunk, namespace=namespace)
    return hub


Serve = Callable[..., Any]


@pytest.fixture
async def serve(hub: Hub) -> AsyncIterator[Serve]:
    clients: list[TestClient[web.Request, web.Application]] = []

    async def start(limits: Limits | None = None, access: Access | None = None) -> tuple[Any, Trust]:
        trust = Trust(access or Access("secret"))
        trust.meter.replace(limits or Limits())
        app = make_app(hub, trust, parts=[partial(add_query, hub=hub, pyramid=hub.taps[0])])
        client = TestClient(TestServer(app, host="127.0.0.1"), headers={"Authorization": "Bearer secret"})
        await client.start_server()
        clients.append(client)
        return client, trust

    yield start
    for client in clients:
        await client.close()


async def test_a_question_that_takes_too_long_is_ended(serve: Serve) -> None:
    client, trust = await serve(Limits(query_s=1e-6))
    response = await client.get(FLAME)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1
    answer = await response.json()
    assert answer["error"].startswith("that takes more than 1e-06 s")
    assert "shorter span" in answer["remedy"]
    assert [one.limit for one in trust.meter.reached()] == ["query_s"]
    assert 'flarego_limit_reached_total{limit="query_s",namespace="default"} 1' in trust.registry.text()


@pytest.mark.parametrize("query", ["", "?format=collapsed", "?format=html", "?shape=columns"])
async def test_an_answer_that_is_too_large_is_not_given(serve: Serve, query: str) -> None:
    client, trust = await serve(Limits(query_bytes=1000))
    response = await client.get(FLAME + query)
    assert response.status == 429
    assert (await response.json())["error"].startswith("the answer ")
    assert [one.limit for one in trust.meter.reached()] == ["query_bytes"]
    few = await client.get(f"{FLAME}?limit=1&shape=columns")
    assert few.status == 200


class Slow:
    """Folding that lasts until it is let go, or told to stop."""

    def __init__(self) -> None:
        self.begun, self.go, self.ended = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)

    def __call__(self, slice_: fold.Slice, check: fold.Check) -> Any:
        self.begun.release()
        try:
            while not self.go.wait(0.01):
                check()
            return _FOLD(slice_, check)
        finally:
            self.ended.release()


_FOLD = fold.Slice.fold


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    monkeypatch.setattr(fold.Slice, "fold", lambda slice_, check: slow(slice_, check))
    return slow


async def begun(slow: Slow) -> None:
    assert await asyncio.to_thread(slow.begun.acquire, timeout=10)


async def test_a_question_nobody_waits_for_is_given_up(serve: Serve, slow: Slow) -> None:
    client, _ = await serve()
    url = client.make_url(FLAME)
    async with ClientSession(headers={"Authorization": "Bearer secret"}) as session:
        asking = asyncio.ensure_future(session.get(url))
        await begun(slow)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert await asyncio.to_thread(slow.ended.acquire, timeout=10)
    assert not slow.go.is_set()


async def test_few_questions_are_worked_on_at_once_and_some_wait(
    serve: Serve, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[str] = []
    all_here = asyncio.Event()
    answer = work.Workers.answer

    def noted(workers: work.Workers, request: web.Request, *rest: Any) -> Any:
        arrived.append(request.path)
        if len(arrived) == work.AT_ONCE + 3:
            all_here.set()
        return answer(workers, request, *rest)

    monkeypatch.setattr(work, "WAITING", 3)
    monkeypatch.setattr(work.Workers, "answer", noted)
    client, _ = await serve()
    asked = [asyncio.ensure_future(client.get(FLAME)) for _ in range(work.AT_ONCE + 3)]
    for _ in range(work.AT_ONCE):
        await begun(slow)
    assert not slow.begun.acquire(blocking=False)
    await all_here.wait()
    refused = await client.get(FLAME)
    assert refused.status == 429
    assert "wait for an answer" in (await refused.json())["error"]
    status = await client.get("/api/v1/status")
    assert status.status == 200
    slow.go.set()
    assert {(await one).status for one in asked} == {200}


async def test_garbage_is_collected_again_after_the_last_answer(serve: Serve, slow: Slow) -> None:
    client, _ = await serve()
    asked = [asyncio.ensure_future(client.get(FLAME)) for _ in range(2)]
    for _ in asked:
        await begun(slow)
    assert not gc.isenabled()
    slow.go.set()
    assert [(await one).status for one in asked] == [200, 200]
    assert gc.isenabled()


async def test_what_comes_in_does_not_wait_for_answers(serve: Serve, hub: Hub) -> None:
    client, _ = await serve()
    program = Program(stacks=40, sequence=300)
    late: list[float] = []

    async def publish() -> None:
        for chunk in program.chunks(40):
            due = time.monotonic() + 0.005
            await asyncio.sleep(0.005)
            hub.publish(chunk)
            late.append(time.monotonic() - due)

    async def ask() -> None:
        for _ in range(20):
            async with client.get(FLAME) as response:
                assert response.status == 200

    await asyncio.gather(publish(), ask())
    assert sorted(late)[len(late) // 2] < 0.1


async def test_only_what_one_may_read_is_seen(serve: Serve) -> None:
    client, _ = await serve(access=Scoped("secret"))
    mine = await (await client.get(FLAME)).json()
    assert mine["namespace"] == "team"
    assert (await (await client.get("/api/v1/status")).json())["namespaces"][0]["namespace"] == "team"
    listed = await (await client.get("/api/v1/processes?namespace=team")).json()
    assert [one["namespace"] for one in listed["processes"]] == ["team"]
    for path in (FLAME, "/api/v1/processes", f"/api/v1/processes/{INFO.process}/clip"):
        response = await client.get(f"{path}?namespace=default")
        assert response.status == 403
        assert set(json.loads(await response.text())) == {"error", "remedy"}


async def test_without_a_token_nothing_is_answered(serve: Serve) -> None:
    client, _ = await serve()
    for operation in OPERATIONS:
        path = operation.path.replace("{process}", INFO.process)
        response = await client.get(path, headers={"Authorization": "Bearer wrong"})
        assert response.status == 401


async def test_every_operation_has_a_rule_that_asks_for_the_scope_read(serve: Serve) -> None:
    client, _ = await serve()
    rules = {route.path: route.rule for route in routes(client.server.app)}
    for operation in OPERATIONS:
        assert rules[operation.path].scope is Scope.READ
        assert rules[operation.path].namespaced == (operation.name != "status")


async def test_a_process_that_was_too_much_to_add_up_is_answered_all_the_same(serve: Serve, hub: Hub) -> None:
    client, _ = await serve()
    quick = await (await client.get(FLAME)).json()
    groups = await (await client.get(FLAME.replace("flame", "groups"))).json()
    series = await (await client.get(FLAME.replace("flame", "series"))).json()
    events = await (await client.get(FLAME.replace("flame", "events"))).json()
    track = hub.taps[0].track(hub.channel("default", INFO.process))  # type: ignore[attr-defined]
    track.give_up()
    assert await (await client.get(FLAME)).json() == quick
    assert await (await client.get(FLAME.replace("flame", "groups"))).json() == groups
    assert await (await client.get(FLAME.replace("flame", "series"))).json() == series
    assert await (await client.get(FLAME.replace("flame", "events"))).json() == events


async def test_strangers_texts_and_numbers_are_told_as_json(serve: Serve, hub: Hub) -> None:
    client, _ = await serve()
    info = replace(INFO, process="strange", name="</script>\u202e\x00", labels={"\x1b[31m": "\ud7ff"})
    chunk = replace(
        Program(stacks=4).chunk(),
        process="strange",
        series={"nan": float("nan"), "inf": float("-inf"), "big": 2**63, "\x00": 1.0},
        events=[{"kind": "gc", "at": float("nan"), b"x": [float("inf"), {"y": 2**64 - 1}]}],
    )
    hub.publish(info)
    hub.publish(chunk)
    spans = "from=0&to=now&base_from=0&base_to=now"
    for what in ("", "/flame", "/series", "/groups", "/events", "/leaks", f"/diff?{spans}"):
        response = await client.get(f"/api/v1/processes/strange{what}")
        assert response.status == 200, (what, await response.text())
        json.loads(await response.text(), parse_constant=pytest.fail)
