"""Routes, headers, files, and the stream over real sockets."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from wire.streams import INFO, Reader, Source

from flarego.errors import FlareError
from flarego.gateway import guard
from flarego.gateway.app import STATIC
from flarego.gateway.server import Gateway
from gateway.conftest import HTML, Client

POLICY = {
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
    "font-src 'self'", "worker-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
}  # fmt: skip


async def receive(socket: aiohttp.ClientWebSocketResponse, until: int) -> Reader:
    reader = Reader()
    while reader.expected <= until:
        reader.feed(await asyncio.wait_for(socket.receive_bytes(), 10))
    return reader


@pytest.mark.parametrize(
    "path, headers, status",
    [
        ("/", {}, 200),
        ("/main.js", {}, 200),
        ("/healthz", {}, 200),
        ("/nothing", {}, 404),
        ("/stream", {}, 426),
        ("/?token=wrong", {"Authorization": "", **HTML}, 401),
        ("/stream", {"Authorization": ""}, 401),
        ("/", {"Host": "evil.example"}, 403),
        ("/", {"Origin": "http://evil.example"}, 403),
    ],
)
async def test_every_answer_is_guarded_by_headers(
    client: Client, path: str, headers: dict[str, str], status: int
) -> None:
    response = await client.get(path, headers=headers)
    assert response.status == status
    policy = set(response.headers["Content-Security-Policy"].split("; "))
    assert policy == POLICY or (status == 401 and policy > POLICY - {"style-src 'self'"})
    assert not any("unsafe" in rule for rule in policy)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] in ("no-store", "no-cache")


async def test_errors_can_be_read_by_a_program(client: Client) -> None:
    for path, method, status in [("/nothing", "GET", 404), ("/", "POST", 405), ("/stream", "GET", 426)]:
        response = await client.get(path, method=method)
        assert response.status == status
        assert set(await response.json()) == {"error", "remedy"}
    assert "GET" in (await client.get("/", method="DELETE")).headers["Allow"]


@pytest.mark.parametrize(
    "failure, error", [(FlareError("it broke", remedy="mend it"), "it broke"), (KeyError("x"), "flarego failed")]
)
async def test_our_own_failures_are_told_without_a_traceback(failure: Exception, error: str) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise failure

    app = web.Application(middlewares=[guard.answer])
    app.router.add_get("/", fail)
    async with TestClient(TestServer(app)) as client, client.get("/") as answer:
        assert answer.status == 500
        assert error in (await answer.json())["error"]
        assert "Content-Security-Policy" in answer.headers


_SERVED = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


_PAGE = sorted(p.relative_to(STATIC).as_posix() for p in STATIC.rglob("*.*") if p.suffix in _SERVED)


@pytest.mark.parametrize("path", _PAGE)
async def test_every_file_of_the_page_is_served_with_its_type(client: Client, path: str) -> None:
    response = await client.get(f"/{path}")
    assert response.status == 200
    assert await response.read() == (STATIC / path).read_bytes()
    assert response.content_type == _SERVED[Path(path).suffix]


async def test_what_the_page_names_exists(client: Client) -> None:
    text = await (await client.get("/")).text()
    names = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert names
    for name in names:
        assert not name.startswith(("/", "http")), "relative, so that it works below a path prefix"
        assert (await client.get(f"/{name}")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../errors.py", "/../../pyproject.toml", "/%2e%2e/errors.py", "/..%2ferrors.py", "/core/../../errors.py",
        "/core/..%5c..%5cerrors.py", "//etc/passwd", "/%2fetc%2fpasswd", "/core", "/core/", "/.", "/..", "/main.js/",
        "/main.js%00", "/%00", "/%ff", "/core//socket.js", "/index.html%2f..%2fmain.js", "/MAIN.JS",
    ],
)  # fmt: skip
async def test_nothing_but_the_files_of_the_page_is_served(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status in (400, 404), await response.text()


async def test_a_file_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    first = await client.get("/main.js")
    again = await client.get("/main.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\0" * 9000])
async def test_what_is_no_http_does_no_harm(
    gateway: Gateway, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert b"Traceback" not in answer
    assert "Traceback" not in capfd.readouterr().err


async def test_a_stream_begins_with_what_there_is_and_goes_on(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    for _ in range(3):
        hub.publish(source.chunk())
    async with await client.stream() as socket:
        assert (await receive(socket, until=2)).meanings == source.meanings
        hub.publish(source.chunk())
        assert await asyncio.wait_for(socket.receive_bytes(), 5)


async def test_many_streams_get_the_same(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    sockets = [await client.stream() for _ in range(20)]
    for _ in range(10):
        hub.publish(source.chunk())
    readers = await asyncio.gather(*(receive(socket, until=9) for socket in sockets))
    assert all(reader.meanings == source.meanings for reader in readers)
    await asyncio.gather(*(socket.close() for socket in sockets))


@pytest.mark.parametrize("since, first", [("0", 6), ("1", 3), ("900", 0), ("1e99", 0), ("-5", 6)])
async def test_more_of_the_past_for_the_asking(client: Client, since: str, first: int) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    for n in range(9):
        if n in (3, 6):
            source.begin_generation()
        hub.publish(source.chunk())
    async with await client.stream(f"/stream?since={since}") as socket:
        assert min((await receive(socket, until=8)).meanings) == first


@pytest.mark.parametrize("since", ["yesterday", "nan"])
async def test_a_past_that_is_no_number_is_refused(client: Client, since: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await client.stream(f"/stream?since={since}")
    assert caught.value.status == 400


async def test_a_stalled_reader_stalls_nobody_and_can_go_on(client: Client) -> None:
    source, hub = Source(), client.gateway.hub
    hub.publish(INFO)
    async with await client.stream() as stalled, await client.stream() as quick:
        reading = asyncio.ensure_future(receive(quick, until=119))
        for _ in range(120):
            hub.publish(source.chunk(filling=500_000))  # 60 MB: more than sockets hold
            await asyncio.sleep(0)
        at_once = await asyncio.wait_for(reading, 20)
        assert at_once.meanings[119] == source.meanings[119]
        late = await receive(stalled, until=119)
    assert late.missed > 0
    assert all(late.meanings[n] == source.meanings[n] for n in late.meanings)
    assert 119 in late.meanings


async def test_those_who_leave_are_forgotten(client: Client) -> None:
    hub = client.gateway.hub
    async with await client.stream():
        await asyncio.sleep(0.05)
        assert len(hub._subscribers) == 1
    for _ in range(100):
        if not hub._subscribers:
            break
        await asyncio.sleep(0.01)
    assert not hub._subscribers


async def test_a_chatty_client_is_heard_out_and_a_flooding_one_is_cut_off(client: Client) -> None:
    client.gateway.hub.publish(INFO)
    async with await client.stream() as socket:
        await socket.send_str("hello")
        assert await socket.receive_bytes()
        await socket.send_bytes(bytes(1 << 20))
        message = await asyncio.wait_for(socket.receive(), 5)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
