"""Routes: the page, its files, the stream, health. Everything else is 404."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakSet

from aiohttp import WSCloseCode, web

from flarego.gateway.auth import Scope
from flarego.gateway.clips import Replay, add_clips
from flarego.gateway.guard import LOGIN_PAGE, TRUST, answer, guard, refused
from flarego.gateway.hub import Hub, Subscriber
from flarego.gateway.policy import NAMESPACE, PUBLIC, Rule, add_route
from flarego.gateway.retention import RETENTION_S
from flarego.gateway.trust import Trust

STATIC = Path(__file__).resolve().parents[1] / "static"
HEARTBEAT_S = 20.0
_MAX_RECEIVED = 1 << 12
_MAX_CHOSEN = 32
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}

HUB = web.AppKey("hub", Hub)
FILES = web.AppKey("files", dict[str, Path])
SOCKETS: web.AppKey[WeakSet[web.WebSocketResponse]] = web.AppKey("sockets", WeakSet)


def make_app(
    hub: Hub,
    trust: Trust,
    *,
    static: Path = STATIC,
    replay: Replay | None = None,
    parts: Sequence[Callable[[web.Application], None]] = (),
) -> web.Application:
    """Return the application. It serves the files below `static` that are there now; each part adds its routes."""
    app = web.Application(middlewares=[answer, guard])
    app[HUB], app[SOCKETS] = hub, WeakSet()
    app[TRUST] = trust
    app[FILES] = {
        path.relative_to(static).as_posix(): path
        for path in static.rglob("*")
        if path.suffix in _TYPES and path.is_file()
    }
    if (page := app[FILES].get("login.html")) is not None:
        app[LOGIN_PAGE] = page
    add_route(app, "GET", "/healthz", _health, PUBLIC)
    add_route(app, "GET", "/stream", _stream, Rule(Scope.READ))
    add_clips(app, hub, replay)
    for part in parts:
        part(app)
    for name in [name for name in app[FILES] if _is_public(name)]:
        add_route(app, "GET", f"/{name}", _file, PUBLIC)
    add_route(app, "GET", "/{path:.*}", _file, Rule(Scope.READ, namespaced=False, audited=False))
    app.on_shutdown.append(_close_sockets)
    return app


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _is_public(name: str) -> bool:
    """Tell whether the page that asks for a token needs it."""
    return name.rpartition("/")[2].startswith("login.") or name in ("icon.svg", "style.css")


async def _file(request: web.Request) -> web.StreamResponse:
    path = request.app[FILES].get(request.match_info.get("path", request.path[1:]) or "index.html")
    if path is None:
        return refused(404, "there is nothing here")
    return web.FileResponse(path, headers={"Content-Type": _TYPES[path.suffix], "Cache-Control": "no-cache"})


async def _stream(request: web.Request) -> web.StreamResponse:
    """Send what there is, and what comes, of `?process=ID` (it may be repeated; without it, of the whole namespace).

    `?since=SECONDS` asks for more of the past.
    """
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, compress=False, max_msg_size=_MAX_RECEIVED)
    if not socket.can_prepare(request):
        return refused(426, "this address speaks WebSocket", "open the page, or connect with a WebSocket client")
    since = _seconds(request.query.get("since", "0"))
    if since is None:
        return refused(400, "since is no number of seconds", "e.g. ?since=60")
    hub, namespace, processes = request.app[HUB], request[NAMESPACE], request.query.getall("process", [])
    if len(processes) > _MAX_CHOSEN:
        return refused(400, "so many processes at once are not sent", f"choose up to {_MAX_CHOSEN}, or none for all")
    for process in processes:
        if await hub.follow(namespace, process) is None:
            return refused(404, "there is no such process", "api/v1/processes lists what there is")
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    with (
        request.app[TRUST].meter.holding("subscribers", namespace),
        hub.subscribe(since, namespace=namespace, processes=processes) as subscriber,
    ):
        sending = asyncio.ensure_future(_send(socket, subscriber))
        try:
            async for _ in socket:  # nothing is expected; this answers pings and notices the end
                pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return socket


def _seconds(text: str) -> float | None:
    """Return a stretch of the past we can have; None when it is no number."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), RETENTION_S)


async def _send(socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
    """Send until the socket breaks, which its reader is told as well."""
    while not socket.closed:
        await socket.send_bytes(await subscriber.next())


async def _close_sockets(app: web.Application) -> None:
    sockets = app[SOCKETS]
    closing = [socket.close(code=WSCloseCode.GOING_AWAY, message=b"flarego stops") for socket in sockets]
    await asyncio.gather(*closing, return_exceptions=True)
