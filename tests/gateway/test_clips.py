"""Clips over HTTP: the retention saved, clips in ranges, and the session the page asks for."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from wire.streams import INFO, INTERVAL_NS, Source

from flarego.gateway.clips import Replay
from flarego.gateway.server import Gateway
from flarego.model.chunk import Chunk
from flarego.wire.clip import Clip, ClipWriter
from flarego.wire.codec import encode
from gateway.conftest import Client

GENERATION = 10


def publish(gateway: Gateway, chunks: int) -> list[Chunk]:
    source, made = Source(seed=3), list[Chunk]()
    gateway.hub.publish(INFO)
    for number in range(chunks):
        if number and number % GENERATION == 0:
            source.begin_generation()
        made.append(source.chunk())
        gateway.hub.publish(made[-1])
    return made


def saved(data: bytes) -> tuple[Clip, list[Chunk]]:
    clip = Clip.open(io.BytesIO(data))
    assert clip.problem == ""
    return clip, [m for m in clip.messages(INFO.process) if isinstance(m, Chunk)]


async def test_all_that_is_kept_is_saved(gateway: Gateway, client: Client) -> None:
    made = publish(gateway, 25)
    response = await client.get("/clip")
    assert response.status == 200
    assert re.fullmatch(r'attachment; filename="orders-17-\d{8}T\d{6}\.fgo"', response.headers["Content-Disposition"])
    clip, chunks = saved(await response.read())
    assert [encode(chunk) for chunk in chunks] == [encode(chunk) for chunk in made]
    assert len(clip.generations) == 3


async def test_a_span_is_saved_with_the_definitions_it_needs(gateway: Gateway, client: Client) -> None:
    made = publish(gateway, 25)
    start, end = 13 * INTERVAL_NS, 16 * INTERVAL_NS
    response = await client.get(f"/clip?process={INFO.process}&from={start}&to={end}")
    clip, chunks = saved(await response.read())
    assert [chunk.sequence for chunk in chunks] == [13, 14, 15]
    assert [chunk.rows for chunk in chunks] == [chunk.rows for chunk in made[13:16]]
    assert clip.shown(INFO.process) == (start, end)
    assert clip.overview(INFO.process).end == end


@pytest.mark.parametrize(
    "query, status",
    [("", 404), ("process=nobody", 404), ("from=x", 400), ("from=-1", 400), ("to=1e9", 400), ("from=" + "9" * 40, 400)],
)
async def test_what_cannot_be_saved(gateway: Gateway, client: Client, query: str, status: int) -> None:
    if query and "nobody" not in query:
        publish(gateway, 2)
    assert (await client.get(f"/clip?{query}")).status == status


async def test_an_empty_span_is_told(gateway: Gateway, client: Client) -> None:
    publish(gateway, 3)
    response = await client.get(f"/clip?from={10**15}&to={10**15 + 1}")
    assert 400 <= response.status < 500 and b"nothing is kept" in await response.read()


async def test_the_live_stream_goes_on_while_it_is_saved(gateway: Gateway, client: Client) -> None:
    publish(gateway, 3_000)
    saving = asyncio.ensure_future(client.get("/clip"))
    turns = 0
    while not saving.done():
        await asyncio.wait_for(client.get("/healthz"), 5)
        turns += 1
    assert (await saving).status == 200 and turns > 3


@pytest.fixture
async def replaying(tmp_path: Path) -> AsyncIterator[Client]:
    path = tmp_path / "a & b.fgo"
    path.write_bytes(bytes(range(256)) * 40)
    gateway = Gateway("127.0.0.1:0", replay=Replay.of([path]))
    await gateway.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Client(gateway, session)
    await gateway.stop()


async def test_clips_are_served_in_ranges(replaying: Client) -> None:
    session = await (await replaying.get("/session")).json()
    assert session["mode"] == "replay"
    [entry] = session["clips"]
    assert (entry["name"], entry["size"]) == ("a & b.fgo", 10240)
    whole = await replaying.get("/" + entry["url"])
    assert (whole.status, len(await whole.read()), whole.headers["Accept-Ranges"]) == (200, 10240, "bytes")
    last = await replaying.get("/" + entry["url"], headers={"Range": "bytes=-3"})
    assert (last.status, await last.read()) == (206, b"\xfd\xfe\xff")
    assert last.headers["Content-Range"] == "bytes 10237-10239/10240"
    beyond = await replaying.get("/" + entry["url"], headers={"Range": "bytes=20000-20001"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */10240")


async def test_a_span_of_a_clip_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.fgo"
    source = Source(seed=3)
    with path.open("wb") as file:
        writer = ClipWriter(file)
        for message in (INFO, *(source.chunk() for _ in range(12))):
            writer.write(message)
        writer.close()
    gateway = Gateway("127.0.0.1:0", replay=Replay.of([path]))
    await gateway.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        client = Client(gateway, session)
        response = await client.get(f"/clips/a.fgo?process={INFO.process}&from={3 * INTERVAL_NS}&to={5 * INTERVAL_NS}")
        _, chunks = saved(await response.read())
        assert [chunk.sequence for chunk in chunks] == [3, 4]
        assert (await client.get("/clips/a.fgo?process=nobody")).status == 404
    await gateway.stop()


@pytest.mark.parametrize("path", ["/session", "/clip", "/clips/a%20%26%20b.fgo"])
async def test_nothing_without_the_token(replaying: Client, path: str) -> None:
    assert (await replaying.get(path, token=False)).status == 401


@pytest.mark.parametrize("path", ["/clips/", "/clips/other.fgo", "/clips/..%2F..%2Fetc%2Fpasswd", "/clips/%00"])
async def test_only_the_clips_that_were_named(replaying: Client, path: str) -> None:
    assert (await replaying.get(path)).status in (400, 404)


async def test_live_says_so(client: Client) -> None:
    assert await (await client.get("/session")).json() == {"mode": "live", "fleet": False, "user": ""}
