"""What every request passes: Host, Origin, token; and what every answer gets: security headers, errors as JSON."""

from __future__ import annotations

import asyncio
import html
import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from flarego.errors import FlareError
from flarego.gateway.auth import Credentials, Forbidden, Principal, Scope, Unauthenticated, bearer
from flarego.gateway.auth.principal import NOBODY
from flarego.gateway.cors import allow, is_preflight, preflight
from flarego.gateway.headers import SECURITY, policy
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import (
    DEFAULT_NAMESPACE,
    NAMESPACE,
    PRINCIPAL,
    BadNamespace,
    Route,
    route_of,
    valid_namespace,
)
from flarego.gateway.trust import Trust

LOGIN_PAGE = web.AppKey("login_page", Path)
"""Shown in place of the page to a person who has no token yet: the address stays, and with it what they came for."""
TRUST = web.AppKey("trust", Trust)
REQUEST_ID = web.RequestKey("request_id", str)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STATUS: Mapping[type[FlareError], int] = {Unauthenticated: 401, Forbidden: 403, BadNamespace: 400, LimitReached: 429}
_NAMED = "use the URL that flarego printed; names of a proxy are told to a gateway with --allowed-hosts"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
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
    trust = request.app[TRUST]
    if not trust.site.knows_host(request.host, _own_address(request)):
        return refused(403, "this Host is not where flarego listens", _NAMED)
    if not trust.site.knows_origin(request.headers.get("Origin"), request.host):
        return refused(403, "a page from another origin may not use flarego", _NAMED)
    if is_preflight(request) and request.headers.get("Origin") in trust.site.origins:
        return preflight()
    if request.method not in _SAFE and _forged(request):
        return refused(403, "a change needs a page of ours, or a token", "send Authorization: Bearer TOKEN")
    request[NAMESPACE] = DEFAULT_NAMESPACE
    route = route_of(request)
    try:
        request[PRINCIPAL] = principal = await _principal(request, route)
    except Unauthenticated as e:
        return _no_token(request, e)
    if request.path == "/" and "token" in request.query:
        return await _cleaned(request, principal)
    if route is None and request.match_info.http_exception is None:
        raise Forbidden("nobody may: this address has no rule")
    if route is None or route.rule.scope is None:
        return await handler(request)
    _check(request, principal, route)
    with trust.leases.hold(principal, _end(request)):
        return await handler(request)


async def _principal(request: web.Request, route: Route | None) -> Principal:
    """Return who asks. Raises Unauthenticated, LimitReached."""
    shown, trust = credentials_of(request), request.app[TRUST]
    public = route is not None and route.rule.scope is None
    if public and not (shown.bearer or shown.cookie):
        return NOBODY
    action = f"{request.method} {route.path if route else request.path}"
    try:
        return await trust.authenticate(shown, action, request[REQUEST_ID])
    except Unauthenticated:
        if public:
            return NOBODY
        raise


def _check(request: web.Request, principal: Principal, route: Route) -> None:
    """Ask the policy. Raises Forbidden, BadNamespace."""
    wanted = request.query.get("namespace") or principal.only_namespace(route.rule.scope or Scope.READ)
    request[NAMESPACE] = valid_namespace(wanted or DEFAULT_NAMESPACE)
    target = request.query.get("process", request.path)
    action = f"{request.method} {route.path}"
    trust = request.app[TRUST]
    trust.check(principal, route.rule, request[NAMESPACE], action, target, peer_of(request), request[REQUEST_ID])


def _forged(request: web.Request) -> bool:
    """Tell whether a page of somebody else may have made a browser send this, as Go's CrossOriginProtection does.

    The Origin, if any, is known to be ours already. A browser says one of the two; a program need not.
    """
    shown = credentials_of(request)
    if shown.bearer:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    return bool(shown.cookie) and "Origin" not in request.headers


def _own_address(request: web.Request) -> str:
    """Return the address of ours that was connected to."""
    address = request.get_extra_info("sockname")
    return str(address[0]) if address else ""


def _end(request: web.Request) -> Callable[[str], None]:
    """Return what ends a request that lasts longer than the right to it."""
    task = asyncio.current_task()

    def end(why: str) -> None:
        _log.info("ended %s: %s", request.path, why)
        if task is not None:
            task.cancel()

    return end


def credentials_of(request: web.Request) -> Credentials:
    """Return what a request shows."""
    return Credentials(
        bearer(request.headers.get("Authorization", "")) or request.query.get("token", ""),
        request.cookies.get(cookie_name(request), ""),
        request.remote or "",
        request.headers,
    )


def peer_of(request: web.Request) -> str:
    """Return the address a request comes from, from before our proxies."""
    return request.app[TRUST].proxies.address(request.remote or "", request.headers)


def cookie_name(request: web.Request) -> str:
    """Browsers do not tell the ports of a host apart, so the name does."""
    address = request.get_extra_info("sockname")
    return f"flarego-{address[1] if address else 0}"


async def _cleaned(request: web.Request, principal: Principal) -> web.Response:
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
    await set_cookie(request, response, principal)
    return response


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer, streams too, which request it was, and whether a page of another origin may read it."""
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    origin = request.headers.get("Origin")
    if origin is not None and origin in request.app[TRUST].site.origins:
        allow(response, origin)


async def set_cookie(request: web.Request, response: web.StreamResponse, principal: Principal) -> None:
    """Give a browser a cookie for the token it showed. Raises Unauthenticated."""
    trust = request.app[TRUST]
    value = await trust.authenticator.exchange(principal, credentials_of(request))
    secure = request.secure or trust.proxies.secure(request.remote or "", request.headers)
    response.set_cookie(cookie_name(request), value, httponly=True, samesite="Strict", path="/", secure=secure)


def _no_token(request: web.Request, error: Unauthenticated) -> web.Response:
    if "text/html" not in request.headers.get("Accept", ""):
        return _answer_to(error)
    page = request.app.get(LOGIN_PAGE)
    if page is not None and request.app[TRUST].authenticator.login():
        if request.path != "/":
            return _answer_to(error)
        return web.Response(status=401, body=page.read_bytes(), content_type="text/html", charset="utf-8")
    headers = {"Content-Security-Policy": policy(_STYLE), "WWW-Authenticate": "Bearer"}
    return web.Response(status=401, text=_NO_TOKEN, content_type="text/html", headers=headers)
