"""OTLP profiles in, over HTTP and gRPC. The version of the signal is formats/otlp_schema.py's affair."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from flarego.formats.otlp_import import Found, read_bytes, reader
from flarego.formats.otlp_schema import HTTP_PATH, RESPONSE, RPC_PATH, SCHEMA, STATUS
from flarego.formats.source import BadFile
from flarego.gateway.guard import peer_of
from flarego.gateway.interop.body import headers_of, read_body, status_of
from flarego.gateway.interop.intake import Intake
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import NAMESPACE, Rule, Scope, add_route
from flarego.gateway.rpc.server import Call
from flarego.wire.grpc import CallFailed, Status

PROTOCOL = "otlp"
RULE = Rule(Scope.INGEST, audited=False)
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_CODES = {400: Status.INVALID_ARGUMENT, 413: Status.INVALID_ARGUMENT, 415: Status.INVALID_ARGUMENT,
          429: Status.RESOURCE_EXHAUSTED}  # fmt: skip


def add_otlp(app: web.Application, intake: Intake) -> None:
    """Add POST /v1/profiles."""

    async def export(request: web.Request) -> web.Response:
        read = reader(request.content_type)
        if read is None:
            return _refused(request, 415, f"a body of the type {request.content_type}; send {_PROTOBUF} or {_JSON}")
        try:
            data = await read_body(request)
            found = await intake.read(PROTOCOL, request[NAMESPACE], read, data)
            await _take(intake, request[NAMESPACE], found, peer_of(request))
        except (BadFile, LimitReached) as e:
            return _refused(request, status_of(e), e.message, headers_of(e))
        return _answer(request, response_of(found), RESPONSE)

    add_route(app, "POST", HTTP_PATH, export, RULE)


class ExportProfiles:
    """The method that collectors and SDKs call."""

    path = RPC_PATH
    rule = RULE

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def call(self, call: Call) -> None:
        namespace = call.require(namespace_of(call))
        data = await call.recv() or b""
        try:
            found = await self._intake.read(PROTOCOL, namespace, read_bytes, data)
            await _take(self._intake, namespace, found, call.peer)
        except BadFile as e:
            raise CallFailed(Status.INVALID_ARGUMENT, e.message) from None
        except LimitReached as e:  # RESOURCE_EXHAUSTED would mean: do not send this again
            raise CallFailed(Status.UNAVAILABLE, e.message) from None
        await call.send(SCHEMA.write(response_of(found), RESPONSE))


def namespace_of(call: Call) -> str:
    """Return the namespace a call is meant for: its metadata's, the token's only one, "default"."""
    named = call.metadata.get("x-flarego-namespace", "")
    return named or call.principal.only_namespace(Scope.INGEST) or "default"


async def _take(intake: Intake, namespace: str, found: Found, peer: str) -> None:
    intake.count(PROTOCOL, "refused", found.rejected)
    await intake.take(PROTOCOL, namespace, found.profiles, peer)


def response_of(found: Found) -> dict[str, Any]:
    """Return the response's message: what was not taken, and why."""
    if not found.rejected:
        return {}
    return {"partial_success": {"rejected_profiles": found.rejected, "error_message": found.why}}


def _refused(request: web.Request, status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _answer(request, {"code": _CODES[status].value, "message": message}, STATUS, status, headers)


def _answer(
    request: web.Request, value: dict[str, Any], message: str, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer in the form the request has."""
    if request.content_type == _JSON:
        body, form = json.dumps(SCHEMA.to_json(value, message)).encode(), _JSON
    else:
        body, form = SCHEMA.write(value, message), _PROTOBUF
    return web.Response(status=status, body=body, content_type=form, headers=headers)
