"""What every request passes: Host, Origin, token; and what every answer gets: security headers, errors as JSON."""

from __future__ import annotations

import html
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from flarego.errors import FlareError
from flarego.gateway.audit import NO_AUDIT, Audit
from flarego.gateway.auth import Authenticator, Credentials, Forbidden, Principal, Scope, Site, Unauthenticated, bearer
from flarego.gateway.auth.principal import NOBODY
from flarego.gateway.headers import SECURITY, policy
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import (
    DEFAULT_NAMESPACE,
    NAMESPACE,
    PRINCIPAL,
    BadNamespace,
    Route,
    check,
    route_of,
    valid_namespace,
)

AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator")
SITE = web.AppKey("site", Site)
AUDIT: web.AppKey[Audit] = web.AppKey("audit")
REQUEST_ID = web.RequestKey("request_id", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STATUS: Mapping[type[FlareError], int] = {Unauthenticated: 401, Forbidden: 403, BadNamespace: 400, LimitReached: 429}
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
    request[REQUEST_ID] = secrets.token_hex(8)
    try:
        response = await handler(request)
    except web.HTTPException as e:
        response = refused(e.status, e.reason.lower())
        if "Allow" in e.headers:
            response.headers["Allow"] = e.headers["Allow"]
    except FlareError as e:
        response = _answer_to(e)
    except ConnectionError:
        raise  # nobody is left to answer
    except Exception:
        _log.exception("%s %s", request.method, request.path)
        response = refused(500, "flarego failed to answer this", "see its terminal, and please report it")
    if not response.prepared:
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)
    return response


def _answer_to(error: FlareError) -> web.Response:
    """Return the answer that says it; an error of no known kind is a failure of ours."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    response = refused(status, error.message, error.remedy)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, LimitReached):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through only what comes from where we listen, and what the policy allows to whoever asks."""
    site = request.app.get(SITE) or Site()
    if not site.knows_host(request.host):
        return refused(403, "this Host is not where flarego listens", "use the URL that flarego printed")
    if not site.knows_origin(request.headers.get("Origin"), request.host):
        return refused(403, "a page from another origin may not use flarego", "use the URL that flarego printed")
    route = route_of(request)
    if route is not None and route.rule.scope is None:
        request[PRINCIPAL], request[NAMESPACE] = NOBODY, DEFAULT_NAMESPACE
        return await handler(request)
    try:
        principal = await request.app[AUTHENTICATOR].authenticate(credentials_of(request))
    except Unauthenticated as e:
        return _no_token(request, e)
    if request.path == "/" and "token" in request.query:
        return _cleaned(request, principal)
    request[PRINCIPAL], request[NAMESPACE] = principal, DEFAULT_NAMESPACE
    if route is not None:
        _check(request, principal, route)
    elif request.match_info.http_exception is None:
        raise Forbidden("nobody may: this address has no rule")
    return await handler(request)


def _check(request: web.Request, principal: Principal, route: Route) -> None:
    """Ask the policy. Raises Forbidden, BadNamespace."""
    wanted = request.query.get("namespace") or principal.only_namespace(route.rule.scope or Scope.READ)
    request[NAMESPACE] = valid_namespace(wanted or DEFAULT_NAMESPACE)
    check(
        principal,
        route.rule,
        request[NAMESPACE],
        f"{request.method} {route.path}",
        request.query.get("process", request.path),
        audit=request.app.get(AUDIT, NO_AUDIT),
        peer=request.remote or "",
        request_id=request[REQUEST_ID],
    )


def credentials_of(request: web.Request) -> Credentials:
    """Return what a request shows."""
    return Credentials(
        bearer(request.headers.get("Authorization", "")) or request.query.get("token", ""),
        request.cookies.get(cookie_name(request), ""),
        request.remote or "",
        request.headers,
    )


def cookie_name(request: web.Request) -> str:
    """Browsers do not tell the ports of a host apart, so the name does."""
    address = request.get_extra_info("sockname")
    return f"flarego-{address[1] if address else 0}"


def _cleaned(request: web.Request, principal: Principal) -> web.Response:
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
    value = request.app[AUTHENTICATOR].exchange(principal, credentials_of(request))
    response.set_cookie(cookie_name(request), value, httponly=True, samesite="Strict", path="/", secure=request.secure)
    return response


def _no_token(request: web.Request, error: Unauthenticated) -> web.Response:
    if "text/html" not in request.headers.get("Accept", ""):
        return _answer_to(error)
    headers = {"Content-Security-Policy": policy(_STYLE), "WWW-Authenticate": "Bearer"}
    return web.Response(status=401, text=_NO_TOKEN, content_type="text/html", headers=headers)
