"""The one place that says who may do what: a rule for every route, every RPC and every WebSocket message.

Routes are added with their rules, and what has no rule is denied. The rules are data, so that the test of who may do
what is made from them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from flarego.errors import FlareError
from flarego.gateway.audit import NO_AUDIT, Audit
from flarego.gateway.auth.principal import Forbidden, Principal, Scope

__all__ = ["NAMESPACE", "PRINCIPAL", "PUBLIC", "RPC_RULES", "Rule", "Scope", "add_route", "add_rpc", "check", "routes"]

DEFAULT_NAMESPACE = "default"
_NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Rule:
    """What is needed to do something."""

    scope: Scope | None
    """None: nothing, everybody may."""
    namespaced: bool = True
    """Whether it concerns the one namespace that the request names; otherwise the scope in any namespace will do, and
    the handler shows no more than what the principal may see."""
    audited: bool = True
    """Whether the audit log says that it was done. That it was refused it says always."""


PUBLIC = Rule(None, namespaced=False, audited=False)


@dataclass(frozen=True)
class Route:
    """A rule, and what it is for. The method of a WebSocket message is MESSAGE, its path has the kind after a #."""

    method: str
    path: str
    rule: Rule


PRINCIPAL = web.RequestKey("principal", Principal)
NAMESPACE = web.RequestKey("namespace", str)
_ROUTES: web.AppKey[dict[tuple[str, str], Route]] = web.AppKey("policy.routes", dict)
RPC_RULES: dict[str, Rule] = {}
"""By the full path of the method: /flarego.v1.Ingest/Stream."""


class BadNamespace(FlareError):
    """A namespace that cannot be one."""

    usual_remedy = "a namespace is 1 to 63 of a-z 0-9 . _ -, and begins with a letter or digit"


def valid_namespace(text: str) -> str:
    """Return the namespace. Raises BadNamespace."""
    if not _NAMESPACE.fullmatch(text):
        raise BadNamespace("that is no name of a namespace")
    return text


def add_route(app: web.Application, method: str, path: str, handler: Handler, rule: Rule) -> None:
    """Add a route that its rule guards: the only way to add one. GET answers HEAD as well."""
    if not isinstance(rule, Rule):
        raise TypeError(f"{method} {path} has no rule")
    added = app.router.add_get(path, handler) if method == "GET" else app.router.add_route(method, path, handler)
    _add(app, Route(method, added.resource.canonical if added.resource else path, rule))


def add_message(app: web.Application, path: str, kind: str, rule: Rule) -> None:
    """Say what it takes to send this kind of message (TEXT, BINARY) over the WebSocket at a path."""
    _add(app, Route("MESSAGE", f"{path}#{kind}", rule))


def add_rpc(path: str, rule: Rule) -> None:
    """Say what it takes to call a method."""
    if not isinstance(rule, Rule):
        raise TypeError(f"{path} has no rule")
    RPC_RULES[path] = rule


def routes(app: web.Application) -> Sequence[Route]:
    """Return every route and message there is, with its rule."""
    return tuple(app.get(_ROUTES, {}).values())


def route_of(request: web.Request) -> Route | None:
    """Return the rule of what is asked for; None when nobody wrote one."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return None if resource is None else request.app[_ROUTES].get((method, resource.canonical))


def message_rule(app: web.Application, path: str, kind: str) -> Rule | None:
    """Return the rule of a kind of message; None when nobody wrote one: it is to be refused."""
    route = app[_ROUTES].get(("MESSAGE", f"{path}#{kind}"))
    return None if route is None else route.rule


def check(
    principal: Principal,
    rule: Rule,
    namespace: str,
    action: str,
    target: str,
    *,
    audit: Audit = NO_AUDIT,
    peer: str = "",
    request_id: str = "",
) -> None:
    """Let it happen, or raise Forbidden. Either way the audit log says so.

    `action` names what is done ("GET /clip", "/flarego.v1.Ingest/Stream"), `target` what to (a process, a clip).
    """
    allowed = rule.scope is None or principal.may(rule.scope, namespace if rule.namespaced else None)
    if rule.audited or not allowed:
        outcome = "allowed" if allowed else "refused"
        audit.write(principal, action, target, namespace, peer, outcome, request_id=request_id)
    if not allowed:
        where = f" in namespace {namespace}" if rule.namespaced else ""
        raise Forbidden(f"{principal.name} may not {rule.scope}{where}")


def _add(app: web.Application, route: Route) -> None:
    if _ROUTES not in app:
        app[_ROUTES] = {}
    if (route.method, route.path) in app[_ROUTES]:
        raise ValueError(f"{route.method} {route.path} is there already: whose rule would count?")
    app[_ROUTES][route.method, route.path] = route
