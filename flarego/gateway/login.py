"""A browser's way in and out: it shows a token once, and holds a cookie from then on."""

from __future__ import annotations

import json

from aiohttp import web

from flarego.gateway.auth import Credentials
from flarego.gateway.guard import REQUEST_ID, TRUST, cookie_name, credentials_of, peer_of, refused, set_cookie
from flarego.gateway.policy import PRINCIPAL, PUBLIC, add_route

_MAX_BODY = 4096


def add_login(app: web.Application) -> None:
    """Add `POST session/login` ({"token": TOKEN}) and `POST session/logout`. The guard refuses other sites' pages."""
    add_route(app, "POST", "/session/login", _login, PUBLIC)
    add_route(app, "POST", "/session/logout", _logout, PUBLIC)


async def _login(request: web.Request) -> web.Response:
    trust = request.app[TRUST]
    if request.content_type != "application/json":
        return refused(415, "the token is sent as JSON", 'send {"token": "flg_…"}')
    body = await request.content.read(_MAX_BODY + 1)
    try:
        token = json.loads(body)["token"] if len(body) <= _MAX_BODY else None
    except (ValueError, KeyError, TypeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token:
        return refused(400, "there is no token in that", 'send {"token": "flg_…"}')
    shown = Credentials(token, "", request.remote or "", request.headers)
    principal = await trust.authenticate(shown, "login", request[REQUEST_ID])
    await trust.authenticator.leave(credentials_of(request))  # of whoever was logged in there before
    response = web.Response(status=204)
    await set_cookie(request, response, principal)
    trust.audit.write(principal, "login", "session", "", peer_of(request), "allowed", request_id=request[REQUEST_ID])
    return response


async def _logout(request: web.Request) -> web.Response:
    trust, principal = request.app[TRUST], request[PRINCIPAL]
    await trust.authenticator.leave(credentials_of(request))
    response = web.Response(status=204)
    response.del_cookie(cookie_name(request), path="/", httponly=True, samesite="Strict")
    if principal.key:
        trust.audit.write(
            principal, "logout", "session", "", peer_of(request), "allowed", request_id=request[REQUEST_ID]
        )
    return response
