"""The official JavaScript clients: @grpc/grpc-js streams in, grpc-web reads."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from typing import Any

import pytest
from js.npm import HERE, package
from wire.streams import INFO, Source

from flarego.wire.codec import encode
from flarego.wire.envelope import decode_watched
from gateway.rpc.conftest import PROTO, TOKEN, Port

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.timeout(300),
]


def node(script: str, *arguments: str, said: str = "") -> list[str]:
    for name in ("@grpc/grpc-js", "@grpc/proto-loader", "grpc-web", "xhr2"):
        package(name)
    command = ["node", f"rpc/{script}", *arguments]
    done = subprocess.run(command, cwd=HERE, input=said, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_grpc_js_streams_in(port: Port) -> None:
    source = Source()
    chunks = [encode(source.chunk(filling=2000)) for _ in range(30)]
    said = "".join(base64.b64encode(message).decode() + "\n" for message in (encode(INFO), *chunks))
    told = [json.loads(line) for line in node("agent.mjs", str(PROTO), port.address, TOKEN, said=said)]
    assert told[0]["welcome"]["namespace"] == "default"
    assert max(message.get("ack", {}).get("sequence", 0) for message in told) == len(chunks)
    assert told[-1]["status"] == 0
    assert list(port.run(port.hub.history).chunks) == chunks


def test_grpc_js_is_told_why_not(port: Port) -> None:
    assert json.loads(node("agent.mjs", str(PROTO), port.address, "wrong", said="")[-1])["status"] == 16


@pytest.mark.parametrize("form", ["binary", "text"])
def test_grpc_web_reads(port: Port, pb: Any, form: str) -> None:
    source = Source()
    port.run(port.hub.publish, INFO)
    chunks = [source.chunk() for _ in range(5)]
    for chunk in chunks:
        port.run(port.hub.publish, chunk)
    reply, *messages = node("web.mjs", f"http://{port.address}", TOKEN, form, "6")
    if form == "text":
        assert [decode_watched(base64.b64decode(m)) for m in messages] == [encode(m) for m in (INFO, *chunks)]
    listed = pb.ProcessesReply.FromString(base64.b64decode(reply)).processes
    assert [process.process for process in listed] == [INFO.process]
