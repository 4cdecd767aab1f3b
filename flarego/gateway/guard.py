"""What every request passes: Host, Origin, token; and what every answer gets: security headers, errors as JSON."""

from __future__ import annotations

import html
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from flarego.errors import FlareError
from flarego.gateway.auth import Access, bearer
from flarego.gateway.headers import SECURITY, policy

ACCESS = web.AppKey("access", Access)
OPEN = frozenset({"/healthz"})
"""Paths that need no token."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)

_STYLE = """
:root { color-scheme: dark light; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText;
  font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 34rem; padding: 2rem; border-left: 4px solid #f2a83b; }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; }
p { margin: .6rem 0; }
code { font: 14px ui-monospace, monospace; overflow-wrap: anywhere; }
"""
_NO_TOKEN = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>FlareGo: token needed</title><style>{_STYLE}</style></head>
<body><main><h1>This dashboard needs its token</h1>
<p>Open the URL that <code>flarego</code> printed in the terminal when it started. It ends in
<code>?token=…</code>, and is new each time flarego starts.</p>
</main></body></html>"""

_GO_ON = '<!doctype html><html lang="en"><title>FlareGo</title><meta http-equiv="refresh" content="0;url={}"></html>'


def refused(status: int, error: str, remedy: str | None = None) -> web.Response:
    """Return an error a program can read."""
    return web.json_response({"error": error, "remedy": remedy}, status=status)


@web.middleware
async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the security headers on every answer, and make one of every exception."""
    try:
        response = await handler(request)
    except web.HTTPException as e:
        response = refused(e.status, e.reason.lower())
        if "Allow" in e.headers:
            response.headers["Allow"] = e.headers["Allow"]
    except FlareError as e:
        response = refused(500, e.message, e.remedy)
    except ConnectionError:
        raise  # nobody is left to answer
    except Exception:
        _log.exception("%s %s", request.method, request.path)
        response = refused(500, "flarego failed to answer this", "see its terminal, and please report it")
    if not response.prepared:
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through only what comes from where we listen, with the token."""
    access = request.app[ACCESS]
    if not access.knows_host(request.host):
        return refused(403, "this Host is not where flarego listens", "use the URL that flarego printed")
    if not access.knows_origin(request.headers.get("Origin"), request.host):
        return refused(403, "a page from another origin may not use flarego", "use the URL that flarego printed")
    if request.path in OPEN:
        return await handler(request)
    token, cookie = request.query.get("token"), _cookie_name(request)
    shown = bearer(request.headers.get("Authorization", "")), request.cookies.get(cookie)
    if request.path == "/" and access.knows_token(token):
        return _cleaned(request, cookie, access.token)
    return await handler(request) if access.knows_token(token, *shown) else _no_token(request)


def _cookie_name(request: web.Request) -> str:
    """Browsers do not tell the ports of a host apart, so the name does."""
    address = request.get_extra_info("sockname")
    return f"flarego-{address[1] if address else 0}"


def _cleaned(request: web.Request, cookie: str, token: str) -> web.Response:
    """Swap the token in the URL for a cookie. The redirect is relative: it holds under any path prefix.

    A browser that comes from a link on another site would not send the cookie on to where a redirect leads, because it
    is SameSite=Strict. A page that goes there by itself is of our site.
    """
    rest = request.rel_url.without_query_params("token").raw_query_string
    clean = f"./?{rest}" if rest else "./"
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        response = web.Response(text=_GO_ON.format(html.escape(clean)), content_type="text/html")
    else:
        response = web.Response(status=303, headers={"Location": clean})
    response.set_cookie(cookie, token, httponly=True, samesite="Strict", path="/")
    return response


def _no_token(request: web.Request) -> web.Response:
    if "text/html" in request.headers.get("Accept", ""):
        headers = {"Content-Security-Policy": policy(_STYLE)}
        response = web.Response(status=401, text=_NO_TOKEN, content_type="text/html", headers=headers)
    else:
        response = refused(401, "no token, or a wrong one", "use the URL that flarego printed")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
