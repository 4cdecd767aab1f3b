"""Pyroscope's own clients, pointed here; and its older /ingest, in the formats its other clients send."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import urllib.parse

import pytest
import requests
from js.npm import package

from flarego.formats.pyroscope_import import PUSH_PATH, SCHEMA
from flarego.wire.protobuf import blob, number, packed, text
from gateway.interop.conftest import TOKEN, Port, stacks, wait

BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROGRAM = """
import hashlib, sys, time
import pyroscope
pyroscope.configure(application_name="orders", server_address=sys.argv[1], basic_auth_username="anybody",
                    basic_auth_password=sys.argv[2], tags={"region": "eu"}, tenant_id="intruder")
def burn(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        hashlib.sha256(b"x" * 5000).hexdigest()
def checkout():
    with pyroscope.tag_wrapper({"endpoint": "/checkout"}):
        burn(1.5)
checkout()
burn(0.5)
pyroscope.shutdown()
"""

NODE_PROGRAM = """
const pyroscope = require("@pyroscope/nodejs").default;
pyroscope.init({appName: "nodeshop", serverAddress: process.argv[1], basicAuthUser: "x",
  basicAuthPassword: process.argv[2], tags: {region: "eu"}, wall: {collectCpuTime: true}});
pyroscope.startWallProfiling();
function spin(until) { let n = 0; while (Date.now() < until) n += Math.sqrt(n + 1); return n; }
let rounds = 0;
const timer = setInterval(() => {
  spin(Date.now() + 100);
  if (++rounds < 10) return;
  clearInterval(timer);
  pyroscope.stopWallProfiling().then(() => process.exit(0), (e) => { console.error(e); process.exit(1); });
}, 150);
"""


def pprof(*types: tuple[str, str], samples: dict[str, list[int]], span: int = 10**9) -> bytes:
    """Return a profile; stacks are written `outer;inner`."""
    strings: dict[str, int] = {"": 0}

    def string(value: str) -> int:
        return strings.setdefault(value, len(strings))

    out = b"".join(blob(1, number(1, string(name)) + number(2, string(unit))) for name, unit in types)
    functions: dict[str, int] = {}
    for stack, values in samples.items():
        ids = [functions.setdefault(name, len(functions) + 1) for name in reversed(stack.split(";"))]
        out += blob(2, packed(1, ids) + packed(2, values))
    for name, i in functions.items():
        out += blob(4, number(1, i) + blob(4, number(1, i) + number(2, 3)))
        out += blob(5, number(1, i) + number(2, string(name)))
    out += b"".join(text(6, value) for value in strings)
    return out + number(9, time.time_ns() - span) + number(10, span)


def push(port: Port, name: str, *profiles: bytes, labels: dict[str, str] | None = None) -> requests.Response:
    pairs = {"__name__": "process_cpu", "service_name": name} | (labels or {})
    request = {"series": [{"labels": [{"name": k, "value": v} for k, v in pairs.items()],
                           "samples": [{"raw_profile": profile} for profile in profiles]}]}  # fmt: skip
    data = gzip.compress(SCHEMA.write(request, "PushRequest"))
    shown = {"Content-Type": "application/proto", "Content-Encoding": "gzip"} | BEARER
    return requests.post(f"{port.url}{PUSH_PATH}", data, headers=shown, timeout=20)


def ingest(port: Port, query: dict[str, object], data: bytes, prefix: str = "", **options: object) -> requests.Response:
    url = f"{port.url}{prefix}/ingest?{urllib.parse.urlencode(query)}"
    return requests.post(url, data, headers=BEARER, timeout=20, **options)  # type: ignore[arg-type]


def test_pyroscope_io_profiles_a_python_process(port: Port) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, port.url, TOKEN], timeout=60, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    info = port.named("orders")
    assert (info.runtime, info.task, info.engine) == ("python", "thread", "pyroscope")
    assert info.runtime_version == f"python {'.'.join(map(str, sys.version_info[:3]))}"
    assert info.labels == {"region": "eu"} and info.namespace == "default"
    profile = port.profile(info)
    functions = {frame.function for row in profile.rows for frame in profile.stack(row.node)}
    assert {"burn", "checkout"} <= functions
    assert {row.state for row in profile.rows} == {"running"}
    assert 0.02e9 <= sum(row.cpu for row in profile.rows) < 4e9
    at_checkout = [row for row in profile.rows if profile.groups[row.group].labels == {"endpoint": "/checkout"}]
    assert any(frame.function == "checkout" for row in at_checkout for frame in profile.stack(row.node))


def test_pyroscope_nodejs_profiles_a_node_process(port: Port) -> None:
    env = {**os.environ, "NODE_PATH": str(package("@pyroscope/nodejs").parents[1])}
    done = subprocess.run(["node", "-e", NODE_PROGRAM, port.url, TOKEN], timeout=60, check=False,
                          capture_output=True, text=True, env=env)  # fmt: skip
    assert done.returncode == 0, done.stderr
    info = port.named("nodeshop")
    assert (info.runtime, info.task, info.engine) == ("node", "thread", "pyroscope")
    profile = port.profile(info)
    rows = {state: sum(row.wall for row in profile.rows if row.state == state) for state in ("running", "other")}
    spinning = [row for row in profile.rows if any("spin" in frame.function for frame in profile.stack(row.node))]
    assert spinning and sum(row.cpu for row in spinning) > 0.02e9, rows


def test_several_kinds_of_one_span_are_one_chunk(port: Port) -> None:
    cpu = pprof(("samples", "count"), ("cpu", "nanoseconds"), samples={"main.a;main.b": [50, 5 * 10**8]})
    block = pprof(("contentions", "count"), ("delay", "nanoseconds"),
                  samples={"main.a;sync.(*Mutex).Lock": [4, 8 * 10**9]})  # fmt: skip
    memory = pprof(("inuse_objects", "count"), ("inuse_space", "bytes"), samples={"main.a": [3, 7 * 10**6]})
    assert push(port, "kinds", cpu, gzip.compress(block), memory).status_code == 200
    info = port.named("kinds")
    (chunk,) = port.chunks(info)
    profile_ = port.profile(info)
    assert stacks(profile_) == {"main.a;main.b [running]": 0.5, "main.a;sync.(*Mutex).Lock [waiting]": 8.0}
    assert max(row.wait for row in profile_.rows) == 2e9
    assert chunk.end - chunk.start >= 10**9
    assert port.registry.text().count('flarego_interop_profiles_total{protocol="pyroscope",outcome="ignored"}') == 1


def test_instances_are_processes_and_other_labels_are_groups(port: Port) -> None:
    profile = pprof(("cpu", "nanoseconds"), samples={"work": [10**8]})
    for pod, endpoint in (("a", "/x"), ("b", "/x"), ("a", "/y")):
        assert push(port, "pods", profile, labels={"pod": pod, "endpoint": endpoint}).status_code == 200
    wait(lambda: len([info for info in port.infos() if info.name == "pods" and port.chunks(info)]) == 2)
    first = next(info for info in port.infos() if info.labels.get("pod") == "a")
    labels = [group.labels for group in wait(lambda: port.profile(first)).groups]
    assert {"endpoint": "/y"} in labels


def test_connect_json_is_understood_and_errors_are_connects(port: Port) -> None:
    profile = pprof(("cpu", "nanoseconds"), samples={"work": [10**8]})
    import base64

    body = {"series": [{"labels": [{"name": "service_name", "value": "connect"}],
                        "samples": [{"rawProfile": base64.b64encode(profile).decode(), "ID": "1"}]}]}  # fmt: skip
    url, json_type = f"{port.url}{PUSH_PATH}", {"Content-Type": "application/json"}
    answer = requests.post(url, json.dumps(body), headers=BEARER | json_type, timeout=20)
    assert (answer.status_code, answer.text) == (200, "{}") and port.named("connect")
    for bad in (b"{", b'{"series": 3}', b'{"series": [{"samples": [{"rawProfile": "!"}]}]}'):
        answer = requests.post(url, bad, headers=BEARER | json_type, timeout=20)
        assert answer.status_code == 400 and answer.json()["code"] == "invalid_argument" and answer.json()["message"]
    assert push(port, "bad", b"\xff\xff").status_code == 400
    assert requests.post(url, b"", headers=BEARER, timeout=20).status_code == 415
    assert requests.post(url, b"", headers={"Content-Type": "application/proto"}, timeout=20).status_code == 401


@pytest.mark.parametrize("prefix", ["", "/pyroscope"])
def test_ingest_takes_pprof_and_folded(port: Port, prefix: str) -> None:
    name, now = f"old{prefix.replace('/', '-')}", int(time.time())
    query = {"name": f"{name}.cpu{{pod=p1,region=eu}}", "from": now - 10, "until": now, "spyName": "gospy"}
    profile = gzip.compress(pprof(("cpu", "nanoseconds"), samples={"main.a;main.b": [10**9]}))
    assert ingest(port, query | {"format": "pprof"}, profile, prefix).status_code == 200
    info = port.named(name)
    assert (info.runtime, info.labels) == ("go", {"pod": "p1", "region": "eu"})
    assert ingest(port, query | {"sampleRate": 50}, b"main.a;main.c 25\n", prefix).status_code == 200
    found = wait(lambda: stacks(port.profile(info)) if len(port.profile(info).rows) == 2 else None)
    assert found == {"main.a;main.b [running]": 1.0, "main.a;main.c [running]": 0.5}


def test_ingest_takes_forms_as_pyroscope_go_sends_them(port: Port) -> None:
    now = time.time_ns()
    query = {"name": "form{pod=1}", "from": now - 15 * 10**9, "until": now, "spyName": "gospy"}
    goroutines = pprof(("goroutine", "count"), samples={"main.wait;runtime.selectgo": [3]}, span=0)
    files = {"profile": ("profile.pprof", gzip.compress(goroutines)),
             "sample_type_config": ("sample_type_config.json", b'{"goroutine": {"units": "goroutines"}}')}  # fmt: skip
    url = f"{port.url}/ingest?{urllib.parse.urlencode(query)}"
    assert requests.post(url, files=files, headers=BEARER, timeout=20).status_code == 200
    info = port.named("form")
    assert info.task == "goroutine"
    assert stacks(port.profile(info)) == {"main.wait;runtime.selectgo [waiting]": 45.0}
    (chunk,) = port.chunks(info)
    assert chunk.series["goroutines.waiting"] == 3 and chunk.end - chunk.start == 15 * 10**9
    cumulative = files | {"prev_profile": ("prev", b"x")}
    answer = requests.post(url, files=cumulative, headers=BEARER, timeout=20)
    assert answer.status_code == 400 and "difference" in answer.json()["remedy"]
    answer = requests.post(url, files={"other": ("x", b"y")}, headers=BEARER, timeout=20)
    assert answer.status_code == 400


def test_ingest_says_what_it_does_not_take(port: Port) -> None:
    good = {"name": "x", "format": "folded"}
    for change, says in (({"format": "jfr"}, "jfr"), ({"from": "yesterday"}, "no time"), ({"sampleRate": "0"}, "rate"),
                         ({"name": "{"}, "no name"), ({"units": "apples"}, "unit")):  # fmt: skip
        answer = ingest(port, good | change, b"a;b 1\n")
        assert answer.status_code == 400 and says in answer.json()["error"], answer.text
    assert ingest(port, good | {"units": "bytes"}, b"a;b 1\n").status_code == 200
    assert ingest(port, good, b"\0" * (17 << 20)).status_code == 413


def test_a_bomb_in_a_push_is_refused(port: Port) -> None:
    bomb = gzip.compress(b"\0" * (256 << 20), 1)
    assert push(port, "bomb", bomb).status_code in (400, 413)
    assert push(port, "bomb", b"\x12\x00" * (1 << 20)).status_code == 400
