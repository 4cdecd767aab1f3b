"""Routes: the page, its files, the stream, health. Everything else is 404."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from flarego.gateway.auth import Scope
from flarego.gateway.clips import Replay, add_clips
from flarego.gateway.guard import LOGIN_PAGE, TRUST, answer, guard, mark, refused
from flarego.gateway.hub import Hub
from flarego.gateway.policy import PUBLIC, Rule, add_route
from flarego.gateway.stream import add_stream
from flarego.gateway.trust import Trust

STATIC = Path(__file__).resolve().parents[1] / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}

FILES = web.AppKey("files", dict[str, Path])


def make_app(
    hub: Hub,
    trust: Trust,
    *,
    static: Path = STATIC,
    replay: Replay | None = None,
    parts: Sequence[Callable[[web.Application], None]] = (),
) -> web.Application:
    """Return the application. It serves the files below `static` that are there now; each part adds its routes."""
    app = web.Application(middlewares=[answer, guard], client_max_size=trust.meter.limits.request_bytes or 1 << 40)
    app[TRUST] = trust
    app.on_response_prepare.append(mark)
    app[FILES] = {
        path.relative_to(static).as_posix(): path
        for path in static.rglob("*")
        if path.suffix in _TYPES and path.is_file()
    }
    if (page := app[FILES].get("login.html")) is not None:
        app[LOGIN_PAGE] = page
    add_route(app, "GET", "/healthz", _health, PUBLIC)
    add_stream(app, hub)
    add_clips(app, hub, replay)
    for part in parts:
        part(app)
    for name in [name for name in app[FILES] if _is_public(name)]:
        add_route(app, "GET", f"/{name}", _file, PUBLIC)
    add_route(app, "GET", "/{path:.*}", _file, Rule(Scope.READ, namespaced=False, audited=False))
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
