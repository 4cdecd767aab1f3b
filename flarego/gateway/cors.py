"""What other origins' pages may do that --allowed-origins names: ask with a token. Never with a person's cookie."""

from __future__ import annotations

from aiohttp import web

_METHODS = "GET, POST, PUT, DELETE"
_HEADERS = "Authorization, Content-Type, X-Grpc-Web, X-User-Agent, Grpc-Timeout"
_EXPOSED = "Grpc-Status, Grpc-Message, Retry-After, X-Request-Id, Content-Disposition"
_MAX_AGE_S = 600


def is_preflight(request: web.Request) -> bool:
    """Tell whether a browser asks what a page may ask."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def preflight() -> web.Response:
    """Return what a page may ask; whether it may at all, allow() adds."""
    headers = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _HEADERS,
        "Access-Control-Max-Age": str(_MAX_AGE_S),
    }
    return web.Response(status=204, headers=headers)


def allow(response: web.StreamResponse, origin: str) -> None:
    """Let a page of that origin read the answer."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers.add("Vary", "Origin")
