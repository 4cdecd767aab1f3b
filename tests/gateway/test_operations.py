"""Health, readiness, metrics, logs: what whoever runs the gateway sees, and what nobody else does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire.streams import INFO, Source
from wire.test_prometheus import promtool

from flarego.gateway.metrics import MAX_PROCESSES
from flarego.gateway.operations import Health
from flarego.logs import JsonFormatter, TextFormatter, redact
from gateway.auth.trusted import Served, agent_token, serve


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path, process_metrics=True) as served:
        yield served


async def test_everybody_learns_whether_it_is_ready_and_only_some_why(served: Served) -> None:
    assert await (await served.ask("/healthz")).json() == {"status": "ok"}
    for token in (None, "wrong", agent_token(scope="ingest")):
        assert await (await served.ask("/readyz", token)).json() == {"status": "ready"}
    detail = await (await served.ask("/readyz", served.token())).json()
    assert detail["status"] == "ready" and set(detail["checks"].values()) == {"ok"}


async def test_what_is_wrong_with_the_retention_degrades_it(served: Served) -> None:
    served.service.hub.warn(["Redis is away: kept in memory only"])
    response = await served.ask("/readyz", served.token())
    answer = await response.json()
    assert response.status == 200 and answer["status"] == "degraded"
    assert "Redis" in answer["checks"]["retention"]
    assert "Redis" not in await (await served.ask("/readyz")).text()


async def test_one_that_is_about_to_end_is_not_ready(served: Served) -> None:
    served.service.draining = True
    response = await served.ask("/readyz")
    assert (response.status, await response.json()) == (503, {"status": "draining"})
    assert (await served.ask("/healthz")).status == 200


def test_what_is_needed_and_what_is_wanted_are_told_apart() -> None:
    health = Health({"a": lambda: "gone"}, {"b": lambda: ""})
    assert health.tell() == ("not ready", {"a": "gone", "b": ""})
    assert Health({}, {"b": lambda: "slow"}).tell()[0] == "degraded"


async def test_prometheus_reads_all_of_it(served: Served) -> None:
    hub, source = served.service.hub, Source()
    hub.publish(INFO)
    chunk = source.chunk()
    series = {"goroutines.running": 3, "goroutines.created": 9, "sched.latency.p99": 2_000_000, "gc.cycles": 7, "o": 1}
    hub.publish(replace(chunk, series=series))
    response = await served.ask("/metrics", served.token())
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = await response.text()
    assert promtool(text) == ""
    read = {family.name: family for family in text_string_to_metric_families(text)}
    [running] = read["flarego_process_goroutines"].samples
    assert running.labels == {"namespace": "default", "process": INFO.process, "name": "orders", "state": "running"}
    assert running.value == 3
    [latency] = read["flarego_process_scheduler_latency_seconds"].samples
    assert latency.value == pytest.approx(0.002)
    assert read["flarego_process_gc_cycles"].samples[0].value == 7
    assert read["flarego_processes"].samples[0].labels == {"namespace": "default", "state": "living"}
    for name in ("flarego_build_info", "flarego_loop_lag_seconds", "flarego_limit", "process_resident_memory_bytes"):
        assert name in read
    assert (await served.ask("/metrics")).status == 401


async def test_thousands_of_processes_are_not_thousands_of_series(served: Served) -> None:
    hub, chunk = served.service.hub, Source().chunk()
    for i in range(MAX_PROCESSES + 50):
        info = replace(INFO, process=f"p{i}", name=f"n{i}")
        hub.publish(info)
        hub.publish(replace(chunk, process=info.process, series={"threads": 1.0}))
    text = await (await served.ask("/metrics", served.token())).text()
    assert text.count("flarego_process_threads{") == MAX_PROCESSES


async def test_metrics_are_public_when_that_is_said(tmp_path: Path) -> None:
    async with serve(tmp_path, public_metrics=True) as served:
        text = await (await served.ask("/metrics")).text()
        assert "flarego_build_info" in text and "flarego_process_goroutines" not in text


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("flarego.gateway", logging.WARNING, __file__, 1, message, arguments, None)
    vars(made).update(extra)
    return made


def test_a_name_makes_no_line_and_no_colour_of_its_own() -> None:
    evil = "api\n2026-01-01T00:00:00Z info flarego: all is well\x1b[31m\u202e"
    text = TextFormatter().format(record("process %s came", evil, peer=evil))
    assert "\n" not in text and "\x1b" not in text and "\u202e" not in text
    entry = JsonFormatter().format(record("process %s came", evil, peer=evil))
    assert "\n" not in entry and json.loads(entry)["message"] == f"process {evil} came"
    assert json.loads(entry)["peer"] == evil


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("flg_0123456789ab_" + "x" * 43, "x" * 43),
        (jwt := agent_token(), jwt.split(".")[2]),
        ("GET /?token=abcdefgh12345 HTTP", "abcdefgh12345"),
        ("Authorization: Bearer abcdefgh.ijkl-mnop", "ijkl"),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcj"),
        ("redis://user:hunter22@redis:6379/0", "hunter22"),
    ],
    ids=["token", "jwt", "address", "bearer", "basic", "url"],
)
def test_what_looks_like_a_secret_is_struck_out_even_of_a_traceback(text: str, secret: str) -> None:
    try:
        raise ValueError(f"cannot use {text}")
    except ValueError as e:
        made = record("failed: %s", text, header=text)
        made.exc_info = (ValueError, e, e.__traceback__)
    for formatter in (TextFormatter(), JsonFormatter()):
        written = formatter.format(made)
        assert secret not in written and "Traceback" in written
    assert "process 7 of prod, token flg_0123456789ab" in redact("process 7 of prod, token flg_0123456789ab")


async def test_no_output_of_the_gateway_has_a_secret_in_it(tmp_path: Path) -> None:
    """Runs the real program, shows it every secret in every place, and reads all it wrote."""
    import sys

    secret_file = tmp_path / "secret"
    secret_file.write_text("a shared secret of agents, long enough 0123")
    from flarego.gateway.auth.tokens import TokenFile
    from flarego.gateway.policy import Scope

    token, _ = TokenFile(tmp_path / "tokens.json").create("ann", {"default": frozenset({Scope.ADMIN})})
    agents = agent_token(secret_file.read_text())
    output = tmp_path / "output"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "flarego"), "gateway", "--listen", "127.0.0.1:0", "--tokens",
            str(tmp_path / "tokens.json"), "--audit", str(tmp_path / "audit"), "--jwt-secret-file", str(secret_file),
            "--jwt-issuer", "https://issuer.example", "--log-level", "debug", "--log-format", "json",
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while b"listening on" not in output.read_bytes():  # noqa: ASYNC110  # another process writes it
                await asyncio.sleep(0.05)
        address = output.read_text().split("listening on ")[1].split()[0]
        shown = await _show(address, token, agents)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)
    written = output.read_text() + (tmp_path / "audit").read_text() + (tmp_path / "tokens.json").read_text()
    for secret in (*shown, token, token.split("_", 2)[2], agents, agents.split(".")[2], secret_file.read_text()):
        assert secret not in written


async def _show(address: str, token: str, agents: str) -> list[str]:
    """Show the gateway secrets in every place there is; return those it gave."""
    import aiohttp

    url, given = f"http://{address}", []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{url}/session/login", json={"token": token}) as response:
            assert response.status == 204
            given += [cookie.value for cookie in response.cookies.values()]
        for secret in (token, agents, token[:-1] + "_", agents + "x"):
            for asked in (f"/?token={secret}", f"/clip?process={secret}", f"/{secret}", f"/clips/{secret}", "/clip"):
                headers = {"Authorization": f"Bearer {secret}", "X-Other": secret, "User-Agent": secret}
                async with session.get(url + asked, headers=headers, allow_redirects=False) as response:
                    await response.read()
            wrong, ours = {"token": [secret]}, {"Origin": url}
            async with session.post(f"{url}/session/login", json=wrong, headers=ours) as response:
                assert response.status in (400, 429)
            async with session.post(f"{url}/api/v1/ingest", data=secret, headers={"Authorization": f"Basic {secret}"}):
                pass
    return given
