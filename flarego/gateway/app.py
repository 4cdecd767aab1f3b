"""Routes: the page, its files, the stream, health. Everything else is 404."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web

from flarego.errors import FlareError
from flarego.gateway.auth import Access
from flarego.gateway.headers import SECURITY
from flarego.gateway.hub import Hub, Subscriber
from flarego.gateway.retention import RETENTION_S

STATIC = Path(__file__).parents[1] / "static"
HEARTBEAT_S = 20.0
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
_NO_TOKEN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>FlareGo: token needed</title>
<h1>This dashboard needs its token</h1>
<p>Open the address that <code>flarego</code> printed in the terminal when it started; it ends in
<code>?token=…</code>.</p></html>"""

HUB = web.AppKey("hub", Hub)
ACCESS = web.AppKey("access", Access)
COOKIE = web.AppKey("cookie", str)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(hub: Hub, access: Access, cookie: str) -> web.Application:
    """Return the application; `cookie` names the cookie that stands for the token (one per port)."""
    app = web.Application(middlewares=[_headers, _guard])
    app[HUB], app[ACCESS], app[COOKIE] = hub, access, cookie
    app.router.add_get("/healthz", _health)
    app.router.add_get("/stream", _stream)
    app.router.add_get("/", _page)
    app.router.add_get("/{path:.+}", _file)
    return app


@web.middleware
async def _headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as e:
        e.headers.update(SECURITY)
        raise
    except FlareError as e:
        response = web.json_response({"error": e.message, "remedy": e.remedy}, status=500)
    if not response.prepared:
        response.headers.update(SECURITY)
    return response


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    access, cookie = request.app[ACCESS], request.app[COOKIE]
    if not access.knows_host(request.host):
        return _refused(403, "this Host is not where flarego listens", "use the printed address")
    if not access.knows_origin(request.headers.get("Origin"), request.host):
        return _refused(403, "this Origin may not use flarego", None)
    if request.path == "/healthz":
        return await handler(request)
    token = request.query.get("token")
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not access.knows_token(token, bearer, request.cookies.get(cookie)):
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(status=401, text=_NO_TOKEN, content_type="text/html")
        return _refused(401, "no token, or a wrong one", "use the address that flarego printed")
    if token is not None and request.path == "/" and access.knows_token(token):
        return _clean(request, cookie, token)
    return await handler(request)


def _refused(status: int, error: str, remedy: str | None) -> web.Response:
    return web.json_response({"error": error, "remedy": remedy}, status=status)


def _clean(request: web.Request, cookie: str, token: str) -> web.Response:
    """Swap the token in the URL for a cookie. The redirect is relative: it holds under any path prefix."""
    query = request.rel_url.query.copy()
    del query["token"]
    target = request.rel_url.with_query(query).raw_query_string
    response = web.Response(status=303, headers={"Location": f"./?{target}" if target else "./"})
    response.set_cookie(cookie, token, httponly=True, samesite="Strict", path="/")
    return response


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _page(request: web.Request) -> web.StreamResponse:
    return _static(STATIC / "index.html")


async def _file(request: web.Request) -> web.StreamResponse:
    path = (STATIC / request.match_info["path"]).resolve()
    if not path.is_relative_to(STATIC.resolve()) or path.suffix not in _TYPES or not path.is_file():
        raise web.HTTPNotFound(text="no such page")
    return _static(path)


def _static(path: Path) -> web.FileResponse:
    kind = _TYPES[path.suffix]
    charset = "; charset=utf-8" if not kind.startswith(("image", "font")) else ""
    return web.FileResponse(path, headers=SECURITY | {"Content-Type": kind + charset, "Cache-Control": "no-cache"})


async def _stream(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=1 << 16)
    if not socket.can_prepare(request):
        return _refused(426, "this address speaks WebSocket", None)
    since = _seconds(request.query.get("since"))
    await socket.prepare(request)
    with request.app[HUB].subscribe(since) as subscriber:
        sending = asyncio.ensure_future(_send(socket, subscriber))
        try:
            async for message in socket:  # nothing is expected; this notices the end
                if message.type == WSMsgType.ERROR:
                    break
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 0), 0), RETENTION_S)
    except ValueError:
        return 0


async def _send(socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
    while not socket.closed:
        await socket.send_bytes(await subscriber.next())
