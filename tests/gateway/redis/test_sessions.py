"""Whoever is logged in at one gateway is at all, and logs out of all."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from gateway.auth.trusted import Served, serve
from gateway.redis.servers import Server


async def twice(stack: AsyncExitStack, folder: Path, server: Server) -> tuple[Served, Served]:
    return (
        await stack.enter_async_context(serve(folder, redis=server.url)),
        await stack.enter_async_context(serve(folder, redis=server.url)),
    )


async def status(served: Served, cookie: str) -> int:
    """Return what a gateway says to a session; each port has a cookie of its own name, behind a proxy there is one."""
    headers = {"Cookie": f"flarego-{served.service.port}={cookie}", "Origin": served.url}
    return (await served.ask("/api/v1/processes", headers=headers)).status


async def becomes(served: Served, cookie: str, wanted: int) -> None:
    async with asyncio.timeout(15):
        while await status(served, cookie) != wanted:  # noqa: ASYNC110  # the gateway finds Redis by itself
            await asyncio.sleep(0.1)


async def test_a_session_of_one_gateway_is_one_of_all(tmp_path: Path, server: Server, redis: Redis) -> None:
    async with AsyncExitStack() as stack:
        one, other = await twice(stack, tmp_path, server)
        token = one.token()
        cookie = (await one.login(token)).headers["Set-Cookie"].split(";")[0].partition("=")[2]
        assert (await status(one, cookie), await status(other, cookie)) == (200, 200)
        assert cookie.encode() not in b"".join([key async for key in redis.scan_iter("*")])
        assert await redis.ttl((await redis.keys("flarego:{sessions}:*"))[0]) > 3600
        headers = {"Cookie": f"flarego-{other.service.port}={cookie}", "Origin": other.url}
        async with one.session.ws_connect(
            f"{one.url}/stream", headers={"Cookie": f"flarego-{one.service.port}={cookie}"}
        ) as socket:
            assert (await other.ask("/session/logout", method="POST", headers=headers)).status == 204
            assert await status(other, cookie) == 401
            async with asyncio.timeout(15):
                while not (await socket.receive()).type.name.startswith("CLOS"):
                    pass
        assert await status(one, cookie) == 401


async def test_while_redis_is_away_each_goes_by_what_it_knows(tmp_path: Path, server: Server) -> None:
    async with AsyncExitStack() as stack:
        one, other = await twice(stack, tmp_path, server)
        server.kill()
        cookie = (await one.login(one.token())).headers["Set-Cookie"].split(";")[0].partition("=")[2]
        assert await status(one, cookie) == 200
        assert await status(other, cookie) == 401
        server.start()
        await becomes(other, cookie, 200)
        assert await status(one, cookie) == 200


async def test_what_somebody_else_wrote_there_opens_nothing(tmp_path: Path, server: Server, redis: Redis) -> None:
    from flarego.gateway.auth.session import digest

    async with serve(tmp_path, redis=server.url) as served:
        served.token()
        for value in ("", "x", "0123456789ab 9999999999", "0123456789ab -1", "\x00" * 100, "9" * 10_000):
            await redis.set(f"flarego:{{sessions}}:{digest('cookie')}", value)
            assert await status(served, "cookie") == 401
