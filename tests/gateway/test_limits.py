"""Limits: each is kept, told, and shown; and what is over one harms nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.streams import INFO, Source

from flarego.gateway.auth.principal import Scope
from flarego.gateway.limits import BURST_S, LimitReached, Limits, Meter, bounds
from flarego.wire.prometheus import Registry
from gateway.auth.trusted import Served, serve


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_namespace_may_send_its_rate_and_a_burst_and_is_told_when_to_come_back() -> None:
    clock = Clock()
    meter = Meter(Limits(bytes_per_s=1000), clock=clock)
    meter.take("a", int(1000 * BURST_S))
    with pytest.raises(LimitReached) as caught:
        meter.take("a", 1)
    assert caught.value.retry_after_s > 0 and "namespace a" in caught.value.message
    meter.take("b", 500)
    clock.now += 0.5
    meter.take("a", 400)


def test_what_is_larger_than_the_burst_passes_once_and_is_waited_for() -> None:
    clock = Clock()
    meter = Meter(Limits(bytes_per_s=1000), clock=clock)
    meter.take("a", 50_000)
    with pytest.raises(LimitReached) as caught:
        meter.take("a", 1)
    assert caught.value.retry_after_s == pytest.approx(48, abs=0.01)
    clock.now += 48.1
    meter.take("a", 1)


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 3)), max_size=60))
def test_over_any_time_no_more_passes_than_the_rate_allows(steps: list[tuple[int, float]]) -> None:
    clock, passed, largest = Clock(), 0, 0
    meter = Meter(Limits(bytes_per_s=1000), clock=clock)
    for n, wait in steps:
        clock.now += wait
        try:
            meter.take("a", n)
        except LimitReached:
            continue
        passed, largest = passed + n, max(largest, n)
    assert passed <= 1000 * (clock.now + BURST_S) + largest


def test_every_limit_is_shown_with_what_there_is_and_how_often_it_was_reached() -> None:
    registry = Registry()
    meter = Meter(Limits(agents=1), registry)
    with meter.holding("agents", "prod"):
        with pytest.raises(LimitReached), meter.holding("agents", "prod"):
            pass
        with meter.holding("agents", "dev"):
            pass
        text = registry.text()
        assert 'flarego_limit_used{limit="agents",namespace="prod"} 1\n' in text
        assert 'flarego_limit_reached_total{limit="agents",namespace="prod"} 1\n' in text
    assert 'used{limit="agents"' not in registry.text()
    for name in bounds(Limits()):
        assert f'flarego_limit{{limit="{name}"}}' in text
    [reached] = meter.reached()
    assert (reached.limit, reached.namespace, reached.times) == ("agents", "prod", 1)


def test_no_limit_is_none_and_addresses_are_no_labels() -> None:
    registry = Registry()
    meter = Meter(Limits(agents=0, connections=1, bytes_per_s=0), registry)
    for _ in range(5000):
        meter.enter("agents", "a")
    meter.take("a", 1 << 40)
    meter.enter("connections", "203.0.113.9")
    with pytest.raises(LimitReached):
        meter.enter("connections", "203.0.113.9")
    assert "203.0.113.9" not in registry.text()


def test_what_was_reached_has_a_bound_itself() -> None:
    meter = Meter(Limits(connections=1))
    for i in range(3000):
        with pytest.raises(LimitReached):
            meter.allow("connections", f"10.0.{i >> 8}.{i & 255}", 2)
    assert len(meter.reached()) == 1000


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(
        tmp_path, limit_subscribers=2, limit_processes=1, limit_series=3, limit_request_bytes="8KiB", limit_head_s="1s",
        limit_connections=20,
    ) as served:  # fmt: skip
        yield served


def reached(served: Served) -> dict[tuple[str, str], int]:
    return {(one.limit, one.namespace): one.times for one in served.service.trust.meter.reached()}


async def test_one_viewer_too_many_is_told_and_the_others_go_on(served: Served) -> None:
    bearer = {"Authorization": f"Bearer {served.token()}"}
    async with (
        served.session.ws_connect(f"{served.url}/stream", headers=bearer) as one,
        served.session.ws_connect(f"{served.url}/stream", headers=bearer),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await served.session.ws_connect(f"{served.url}/stream", headers=bearer)
        assert caught.value.status == 429 and caught.value.headers is not None
        assert int(caught.value.headers["Retry-After"]) >= 1
        served.service.hub.publish(INFO)
        assert await asyncio.wait_for(one.receive_bytes(), 5)
    metrics = await (await served.ask("/metrics", served.token())).text()
    assert 'flarego_limit_reached_total{limit="subscribers",namespace="default"} 1' in metrics
    status = await (await served.ask("/api/v1/status", served.token())).text()
    assert "subscribers" in status


async def test_more_series_than_there_may_be_are_refused(served: Served) -> None:
    from dataclasses import replace

    hub, chunk = served.service.hub, Source().chunk()
    hub.publish(INFO)
    hub.publish(replace(chunk, series={"a": 1, "b": 1}))
    with pytest.raises(LimitReached, match="series"):
        hub.publish(replace(chunk, sequence=1, series=dict.fromkeys("abcd", 1.0)))
    hub.publish(replace(chunk, sequence=1, series=dict.fromkeys("abc", 1.0)))
    channel = hub.channel("default", INFO.process)
    assert channel is not None
    hub.drop(channel)
    hub.publish(replace(chunk, process="another", series=dict.fromkeys("xyz", 1.0)))


async def test_a_request_that_is_too_large_is_refused(served: Served) -> None:
    token = served.token(Scope.ADMIN)
    for path in ("/api/v1/ingest", "/v1/profiles", "/ingest?name=a", "/push.v1.PusherService/Push"):
        response = await served.ask(
            path, token, method="POST", data=b"x" * 20_000, headers={"Content-Type": "application/json"}
        )
        assert response.status == 413, (path, await response.text())
    assert reached(served) == {("request_bytes", "default"): 4}


async def test_a_connection_that_says_nothing_or_half_is_closed(served: Served) -> None:
    async def closes(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.service.port)
        writer.write(sent)
        try:
            return await asyncio.wait_for(reader.read(), 8)
        finally:
            writer.close()

    begun = (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"PRI * ")
    for answer in await asyncio.gather(*(closes(sent) for sent in begun)):
        assert b"200" not in answer
    assert reached(served) == {("head_s", ""): 3}


async def test_one_address_has_so_many_connections_and_no_more(served: Served) -> None:
    open_ones = [await asyncio.open_connection("127.0.0.1", served.service.port) for _ in range(25)]
    try:
        reading = [asyncio.wait_for(reader.read(1), 0.3) for reader, _ in open_ones]
        ends = await asyncio.gather(*reading, return_exceptions=True)
        assert sum(end == b"" or isinstance(end, ConnectionError) for end in ends) >= 5
    finally:
        for _, writer in open_ones:
            writer.close()
