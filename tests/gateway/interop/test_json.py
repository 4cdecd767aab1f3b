"""Chunks in JSON: what is sent is seen; what is wrong is said, with its line."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import flarego.formats
from flarego.gateway.limits import Limits
from gateway.interop.conftest import TOKEN, Port, stacks, wait

NOW_MS = time.time() * 1000 // 1
PROCESS = {"type": "process", "process": "shop-1", "name": "shop", "pid": 7, "host": "web-1", "runtime": "ruby",
           "runtime_version": "3.3", "task": "fiber", "labels": {"region": "eu"}}  # fmt: skip
CHUNK = {
    "type": "chunk", "process": "shop-1", "start_ms": NOW_MS - 2000, "end_ms": NOW_MS - 1000, "sequence": 1,
    "series": {"heap.live": 5e6},
    "stacks": [
        {"stack": ["main", {"function": "serve", "file": "/srv/shop.rb", "line": 7}], "cpu_ns": 4e8},
        {"stack": ["main", "query"], "state": "waiting", "reason": "IO wait", "count": 3, "longest_wait_ns": 9e9,
         "created_by": "spawn", "labels": {"endpoint": "/cart"}},
        {"stack": ["idle"], "wall_ns": 1e8},
    ],
}  # fmt: skip


def post(port: Port, body: Any, *, kind: str = "application/x-ndjson", token: str = TOKEN, path: str = "/api/v1/ingest",
         **headers: str) -> tuple[int, Any]:  # fmt: skip
    """Return status and JSON of the answer."""
    if isinstance(body, list) and kind == "application/x-ndjson":
        body = "\n".join(map(json.dumps, body))
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    request = urllib.request.Request(f"{port.url}{path}", data, {
        "Content-Type": kind, "Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}
    })  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def test_a_chunk_becomes_a_process_and_its_stacks(port: Port) -> None:
    assert post(port, [PROCESS, CHUNK]) == (200, {"taken": 2})
    info = port.named("shop")
    assert (info.process, info.pid, info.host, info.runtime, info.task) == ("shop-1", 7, "web-1", "ruby", "fiber")
    assert info.labels == {"region": "eu"} and info.namespace == "default"
    (chunk,) = port.chunks(info)
    assert chunk.end - chunk.start == 1_000_000_000 and chunk.series["heap.live"] == 5e6
    profile = port.profile(info)
    assert stacks(profile) == {"main;serve [running]": 0.4, "main;query [waiting]": 3.0, "idle [other]": 0.1}
    waiting = next(row for row in profile.rows if row.state == "waiting")
    assert (waiting.reason, waiting.count, waiting.wait) == ("IO wait", 3, 9e9)
    group = profile.groups[waiting.group]
    assert group.labels == {"endpoint": "/cart"} and group.created_by and group.created_by.function == "spawn"


def test_a_chunk_sent_twice_counts_once_and_the_next_goes_on(port: Port) -> None:
    process = {**PROCESS, "process": "twice-1", "name": "twice"}
    first = {**CHUNK, "process": "twice-1"}
    second = {**first, "sequence": 2, "start_ms": NOW_MS - 1000, "end_ms": NOW_MS}
    for _ in range(2):
        assert post(port, [process, first])[0] == 200
    assert post(port, [second])[0] == 200
    info = port.named("twice")
    chunks = port.chunks(info)
    assert [chunk.sequence for chunk in chunks] == [1, 2] and chunks[0].generation == chunks[1].generation
    assert chunks[1].start == chunks[0].end and not chunks[1].nodes
    assert stacks(port.profile(info))["main;query [waiting]"] == 6.0


def test_a_flame_tree_a_list_and_gzip_are_taken(port: Port) -> None:
    flame = {"name": "root", "children": [{"name": "a", "value": 9, "children": [{"name": "b", "value": 4}]}]}
    body = [{"type": "process", "process": "tree-1", "name": "tree"},
            {"type": "chunk", "process": "tree-1", "start_ms": NOW_MS - 10, "end_ms": NOW_MS, "flame": flame,
             "unit_ns": 1e6}]  # fmt: skip
    data = gzip.compress(json.dumps(body).encode())
    assert post(port, data, kind="application/json", Content_Encoding="gzip") == (200, {"taken": 2})
    assert stacks(port.profile(port.named("tree"))) == {"a [other]": 0.005, "a;b [other]": 0.004}


def test_a_process_that_says_so_is_gone_and_may_come_again(port: Port) -> None:
    process, chunk = {**PROCESS, "process": "brief-1", "name": "brief"}, {**CHUNK, "process": "brief-1"}
    assert post(port, [process, chunk, {"type": "gone", "process": "brief-1", "why": "was told to stop"}])[0] == 200
    channel = port.run(lambda: port.hub.channel("default", "brief-1"))
    assert channel is not None and channel.gone is not None and channel.gone.why == "brief was told to stop"
    assert post(port, [{**chunk, "sequence": 2, "start_ms": NOW_MS - 5, "end_ms": NOW_MS}])[0] == 200
    assert wait(lambda: channel.gone is None)
    assert [c.sequence for c in port.chunks(port.named("brief"))] == [1, 2]


def test_what_changes_of_a_process_is_told(port: Port) -> None:
    process = {**PROCESS, "process": "news-1", "name": "old"}
    assert post(port, [process, {**CHUNK, "process": "news-1"}])[0] == 200
    assert post(port, [{**process, "name": "new"}])[0] == 200
    assert port.named("new").process == "news-1"


@pytest.mark.parametrize(("lines", "says"), [
    ([PROCESS, {**CHUNK, "stacks": [{"stack": ["a"]}, {"state": "asleep"}]}], "line 2: stacks[1].state should be one"),
    ([PROCESS, {**CHUNK, "end_ms": 1}], "line 2: end_ms should be later"),
    ([{**PROCESS, "process": "../etc"}], "line 1: process should be 1 to 128"),
    ([{"type": "chunk", "process": "nobody", "start_ms": 1, "end_ms": 2}], "line 1: nobody has said who nobody is"),
    ([{**CHUNK, "stacks": [{"stack": [7]}]}], "line 1: stacks[0].stack[0] should be a function's name"),
    ([{**CHUNK, "stacks": [{"wall_ns": -1}]}], "line 1: stacks[0].wall_ns should be a number"),
    ([{**CHUNK, "flame": {"name": "r", "children": 3}}], "line 1: flame is none"),
    ([{"type": "what", "process": "a"}], "line 1: type should be"),
    ([{**CHUNK, "series": {"x": "y"}}], "line 1: series.x should be a number"),
    ([{**PROCESS, "labels": {str(i): "" for i in range(40)}}], "line 1: labels should be at most 32"),
    ('{"type": "process", "process": "a"}\n\n{"type":', "line 3, column 9: no JSON"),
    ("[" * 100_000, "line 1: nested too deeply"),
    ("", "nothing was sent"),
    (b"\xff\xfe", "line 1: no UTF-8"),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(port: Port, lines: Any, says: str) -> None:
    status, answer = post(port, lines)
    assert status == 400 and says in answer["error"], answer
    assert answer["remedy"]


def test_bombs_are_refused(port: Port) -> None:
    assert post(port, b" " * (17 << 20))[0] == 413
    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < 100_000
    assert post(port, bomb, Content_Encoding="gzip")[0] == 413
    assert post(port, b"{}," * 500_000, kind="application/json")[0] == 400
    assert post(port, b"not gzip at all", Content_Encoding="gzip")[0] == 400
    assert post(port, [PROCESS, CHUNK])[0] == 200


def test_it_takes_a_token_and_the_right_type(port: Port) -> None:
    assert post(port, [PROCESS], token="wrong")[0] == 401
    assert post(port, [PROCESS], kind="text/plain")[0] == 415


def test_the_schema_is_served_and_says_the_same(port: Port) -> None:
    import jsonschema

    with urllib.request.urlopen(f"{port.url}/api/v1/ingest/schema.json") as response:
        assert response.headers["Content-Type"].startswith("application/schema+json")
        validator = jsonschema.Draft202012Validator(json.load(response))
    for message in (PROCESS, CHUNK, {"type": "gone", "process": "shop-1"}):
        validator.validate(message)
    for message in ({**CHUNK, "stacks": [{"state": "asleep"}]}, {**PROCESS, "process": "../etc"}, {"type": "chunk"}):
        assert not validator.is_valid(message)


def test_the_agent_in_the_documentation_works(port: Port) -> None:
    text = (Path(flarego.formats.__file__).parent / "JSON.md").read_text()
    (script,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    with subprocess.Popen(["sleep", "60"]) as target:
        try:
            script, pid = script.replace("sleep 2", "sleep 0.2"), str(target.pid)
            done = subprocess.run(["sh", "-c", script, "agent", port.url, TOKEN, pid, "2"],
                                  capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
        finally:
            target.kill()
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"taken": 2}' * 2, "")
    info = port.named("sleep")
    assert info.pid == target.pid
    assert {row.state for row in port.profile(info).rows} == {"waiting"}
    assert sum(row.count for row in port.profile(info).rows) == 1


def test_limits_are_said_by_every_protocol(port: Port) -> None:
    meter, limits = port.meter, Limits(request_bytes=1000, bytes_per_s=100)
    body = [PROCESS, CHUNK]
    port.run(lambda: meter.replace(limits))
    try:
        assert post(port, b" " * 1001)[0] == 413
        assert any(reached.limit == "request_bytes" for reached in meter.reached())
        statuses = [post(port, [PROCESS])[0] for _ in range(5)]
        assert 429 in statuses and set(statuses) <= {200, 429}
        for path, kind in (("/v1/profiles", "application/json"), ("/push.v1.PusherService/Push", "application/json"),
                           ("/ingest?name=a", "text/plain"), ("/api/v1/ingest", "application/json")):  # fmt: skip
            request = urllib.request.Request(f"{port.url}{path}", b"{}", {
                "Content-Type": kind, "Authorization": f"Bearer {TOKEN}"})  # fmt: skip
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=20)
            answer = json.load(refused.value)
            assert refused.value.code == 429 and int(refused.value.headers["Retry-After"]) >= 1, path
            assert answer.get("code", "none") in (8, "resource_exhausted", "none") and "bytes a second" in str(answer)
    finally:
        port.run(lambda: meter.replace(Limits()))
    assert post(port, body)[0] == 200
