"""Behind nginx, with the configuration that is shipped: page, WebSocket and agents under one name and a prefix."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from bench.common import FLAREGO
from targets.build import CACHE
from targets.server import free_port
from wire.streams import INFO, Source

from flarego.wire.codec import decode, encode

CONFIGURATION = Path(__file__).parents[3] / "deployments" / "nginx" / "flarego.conf"
UNPACKED = CACHE / "deb" / "usr" / "sbin" / "nginx"
NGINX = shutil.which("nginx") or (str(UNPACKED) if UNPACKED.exists() else None)
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (tests/system.sh)")
_MAIN = """
daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/flarego.conf;
}}
"""


@dataclass
class Front:
    """nginx, and what it lets a client trust and show."""

    port: int
    ca: Path
    token: str
    audit: Path

    def get(self, path: str, **headers: str) -> Any:
        request = urllib.request.Request(f"https://localhost:{self.port}{path}", headers=headers)
        return urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.ca), timeout=10)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder, ports = tmp_path_factory.mktemp("nginx"), (free_port(), free_port())
    folder.chmod(0o755)
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    text = CONFIGURATION.read_text()
    ours = {
        "127.0.0.1:4317": f"127.0.0.1:{ports[0]}",
        "listen 443": f"listen 127.0.0.1:{ports[1]}",
        "server_name flarego.example": "server_name localhost",
        "/etc/nginx/flarego": str(folder),
    }
    for theirs, our in ours.items():
        assert theirs in text
        text = text.replace(theirs, our)
    (folder / "flarego.conf").write_text(text)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
    made = subprocess.run(
        [*FLAREGO, "token", "create", "--tokens", str(folder / "tokens.json"), "--name", "all", "--scope", "admin",
         "--namespace", "*"], capture_output=True, text=True, check=True)  # fmt: skip
    options = {
        "--listen": f"127.0.0.1:{ports[0]}",
        "--tokens": str(folder / "tokens.json"),
        "--allowed-hosts": "localhost",
        "--proxy-from": "127.0.0.1",
        "--audit": str(folder / "audit"),
    }
    gateway = [*FLAREGO, "gateway", *(part for option in options.items() for part in option)]
    assert NGINX is not None
    processes = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for command in (gateway, [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    ]
    front = Front(ports[1], folder / "ca.pem", made.stdout.strip(), folder / "audit")
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                front.get("/flarego/healthz").close()
                break
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < deadline and all(process.poll() is None for process in processes)
                time.sleep(0.05)
        yield front
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)


def test_the_page_and_its_files_under_a_prefix(front: Front) -> None:
    with pytest.raises(urllib.error.HTTPError) as e:
        front.get("/flarego/", Accept="text/html")
    assert e.value.code == 401 and b"login.js" in e.value.read()
    bearer = {"Authorization": f"Bearer {front.token}"}
    assert b"main.js" in front.get("/flarego/", **bearer).read()
    assert json.load(front.get("/flarego/api/v1/processes", **bearer)) is not None


def test_an_agent_streams_in_and_a_viewer_reads_what_it_says(front: Front, pb: Any, stubs: Any) -> None:
    source = Source()
    credentials = grpc.ssl_channel_credentials(front.ca.read_bytes())
    metadata = (("authorization", f"Bearer {front.token}"),)
    chunks = [encode(source.chunk(filling=3000)) for _ in range(20)]
    with grpc.secure_channel(f"localhost:{front.port}", credentials) as channel:

        def said() -> Iterator[Any]:
            yield pb.AgentMessage(hello=pb.Hello(process=encode(INFO)))
            for n, chunk in enumerate(chunks, 1):
                yield pb.AgentMessage(data=pb.Data(sequence=n, payload=chunk, raw_size=len(chunk)))
            while max(told, default=0) < len(chunks):
                time.sleep(0.05)

        told: list[int] = []
        for reply in stubs.IngestStub(channel).Stream(said(), metadata=metadata, timeout=20):
            told.append(reply.ack.sequence)  # noqa: PERF401  (what is said waits for it)
    assert max(told) == len(chunks)
    assert read_stream(front, 1 + len(chunks)) == [encode(INFO), *chunks]
    assert any(json.loads(line)["from"] == "127.0.0.1" for line in front.audit.read_text().splitlines())


def read_stream(front: Front, count: int) -> list[bytes]:
    """Read messages over a WebSocket, by hand."""
    context = ssl.create_default_context(cafile=front.ca)
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as plain:
        tls = context.wrap_socket(plain, server_hostname="localhost")
        key = base64.b64encode(os.urandom(16)).decode()
        tls.sendall(
            f"GET /flarego/stream?process={INFO.process} HTTP/1.1\r\nHost: localhost:{front.port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Origin: https://localhost:{front.port}\r\nAuthorization: Bearer {front.token}\r\n\r\n".encode()
        )
        file = tls.makefile("rb")
        assert b" 101 " in file.readline()
        while file.readline() != b"\r\n":
            pass
        messages = []
        while len(messages) < count:
            head = file.read(2)
            size = head[1] if head[1] < 126 else int.from_bytes(file.read(2 if head[1] == 126 else 8), "big")
            payload = file.read(size)
            if head[0] & 0xF == 2 and decode(payload) is not None:
                messages.append(payload)
        return messages
