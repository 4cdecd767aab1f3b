"""The query API under api/v1: its routes, its description, and a page that lists it for people."""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from aiohttp import web

from flarego.gateway.guard import TRUST, refused
from flarego.gateway.headers import policy
from flarego.gateway.hub import Hub
from flarego.gateway.limits import Meter
from flarego.gateway.policy import Rule, Scope, add_route
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.query.export import TooLarge
from flarego.gateway.query.openapi import MOMENTS, document, example
from flarego.gateway.query.operations import OPERATIONS, Operation
from flarego.gateway.query.parameters import BadQuery, Several
from flarego.gateway.query.question import NotKept, Question, Sources, as_json, dumps
from flarego.gateway.query.work import GoneAway, Workers
from flarego.model.profile import BadRows
from flarego.wire.prometheus import Counter, Family, Gauge, Histogram

_RULE = Rule(Scope.READ, namespaced=False, audited=False)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SMALLER = "ask for a shorter span, or for less of it"


def add_query(app: web.Application, hub: Hub, pyramid: Pyramid | None = None, meter: Meter | None = None) -> None:
    """Add the API's routes. A pyramid that is not given is made, and taps the hub; a meter, the application's own."""
    pyramid = pyramid or Pyramid.beside(hub)
    meter, registry = meter or app[TRUST].meter, app[TRUST].registry
    registry.collect(partial(_sums, pyramid))
    took = registry.histogram("flarego_query_seconds", "How long questions took, waiting included.", ["operation"])
    sources = Sources(hub, pyramid, meter, Workers(meter))
    for operation in OPERATIONS:
        add_route(app, "GET", operation.path, _handler(operation, sources, took), operation.rule)
    described, page = dumps(document()), _page()

    async def openapi(request: web.Request) -> web.Response:
        return as_json(described)

    async def listing(request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy(_STYLE)})

    async def close(app: web.Application) -> None:
        sources.workers.close()

    add_route(app, "GET", "/api/v1/openapi.json", openapi, _RULE)
    add_route(app, "GET", "/api/v1/", listing, _RULE)
    app.on_cleanup.append(close)


def _sums(pyramid: Pyramid) -> Iterator[Family]:
    size = Gauge("flarego_sums_bytes", "What is added up beforehand takes, about.")
    size.set(pyramid.size)
    given_up = Counter("flarego_sums_given_up_total", "Processes that were too much to add up beforehand.")
    given_up.inc(by=pyramid.given_up)
    return iter((size, given_up))


def _handler(operation: Operation, sources: Sources, took: Histogram) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        try:
            return await operation.handler(Question(request, sources, operation.parameters))
        except BadQuery as e:
            return refused(400, e.message, e.remedy)
        except NotKept as e:
            return refused(404, e.message, e.remedy)
        except BadRows as e:  # what is kept was sent by strangers
            return refused(404, f"what is kept of that span cannot be read: {e.message}", "ask for another span")
        except TooLarge:
            sources.meter.refuse("query_bytes", "", "the answer is larger than answers may be")
            raise
        except OverflowError:
            return refused(429, "there is more in that span than flarego adds up", _SMALLER)
        except GoneAway:
            raise ConnectionResetError from None
        finally:
            took.observe(time.monotonic() - began, operation.name)

    return handle


_STYLE = """
:root { color-scheme: dark light; }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1.5rem; background: Canvas; color: CanvasText;
  font: 16px/1.6 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { margin: 2.5rem 0 0; font-size: 1.1rem; }
code, pre { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { padding: .6rem .8rem; border-left: 3px solid #f2a83b; }
table { border-spacing: 0 .3rem; } td { vertical-align: top; } td:first-child { padding-right: 1rem; }
td:first-child code { white-space: nowrap; }
"""


def _page() -> str:
    """Everything on it is our own text."""
    parts = [_section(operation) for operation in OPERATIONS]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>FlareGo: the query API</title><style>{_STYLE}</style></head>
<body><h1>The query API</h1>
<p>What FlareGo knows, folded on the server. For programs: <a href="openapi.json">openapi.json</a>, OpenAPI 3.1. Every
error is <code>{{"error", "remedy"}}</code>.</p>
<p>A moment (<code>from</code>, <code>to</code>) is one of: {_text(MOMENTS)}</p>
{"".join(parts)}</body></html>"""


def _section(operation: Operation) -> str:
    rows = ""
    for parameter in operation.parameters:
        one = parameter.one if isinstance(parameter, Several) else parameter
        rows += f"<tr><td><code>{html.escape(one.name)}</code></td><td>{_text(one.about)}</td></tr>"
    return f"""<h2 id="{operation.name}">{html.escape(operation.summary)}</h2>
<p><code>GET {html.escape(operation.path)}</code></p><p>{_text(operation.about)}</p>
<pre>{html.escape(example(operation))}</pre><table>{rows}</table>
"""


def _text(text: str) -> str:
    """Return it as HTML: what is between backquotes is code."""
    parts = html.escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
