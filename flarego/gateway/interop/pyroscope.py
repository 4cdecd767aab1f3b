"""Pyroscope in: its push API (Connect, unary) and the older /ingest, so that its clients can point here.

X-Scope-OrgID, its tenant, is a header anybody can send: the namespace is the token's, or `?namespace=`.
"""

from __future__ import annotations

import math
from functools import partial

from aiohttp import BodyPartReader, web

from flarego.formats.pyroscope_import import PUSH_PATH, Found, Ingest, read_ingest, read_push
from flarego.formats.source import BadFile
from flarego.gateway.guard import peer_of, refused
from flarego.gateway.interop.body import headers_of, limit_of, read_body, status_of, too_large
from flarego.gateway.interop.intake import Intake
from flarego.gateway.interop.otlp import RULE
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import NAMESPACE, add_route

PROTOCOL = "pyroscope"
PREFIXES = ("", "/pyroscope")
"""Where its clients look for it; the second is what Grafana Cloud taught some of them."""
_CONNECT_CODES = {400: "invalid_argument", 413: "invalid_argument", 415: "unimplemented", 429: "resource_exhausted"}
_MAX_PARTS = 8
_SCALES = (1, 10**3, 10**6, 10**9)


def add_pyroscope(app: web.Application, intake: Intake) -> None:
    """Add the push API and /ingest."""

    async def push(request: web.Request) -> web.Response:
        """A Connect call: errors are JSON, an empty message is success."""
        as_json = request.content_type == "application/json"
        if not as_json and request.content_type not in ("application/proto", "application/x-protobuf"):
            return _connect_error(415, f"a body of the type {request.content_type}; send application/proto")
        try:
            data = await read_body(request)
            await _take(intake, request, await intake.read(
                PROTOCOL, request[NAMESPACE], partial(read_push, json=as_json), data))  # fmt: skip
        except (BadFile, LimitReached) as e:
            return _connect_error(status_of(e), e.message, headers_of(e))
        return web.Response(body=b"{}" if as_json else b"", content_type=request.content_type)

    async def ingest(request: web.Request) -> web.Response:
        try:
            about = _about(request)
            data = await _profile(request)
            await _take(intake, request, await intake.read(
                PROTOCOL, request[NAMESPACE], partial(read_ingest, about=about), data))  # fmt: skip
        except (BadFile, LimitReached) as e:
            response = refused(status_of(e), e.message, e.remedy)
            response.headers.update(headers_of(e))
            return response
        return web.Response()

    for prefix in PREFIXES:
        add_route(app, "POST", prefix + PUSH_PATH, push, RULE)
        add_route(app, "POST", f"{prefix}/ingest", ingest, RULE)


async def _take(intake: Intake, request: web.Request, found: Found) -> None:
    intake.count(PROTOCOL, "ignored", found.ignored)
    await intake.take(PROTOCOL, request[NAMESPACE], found.profiles, peer_of(request))


def _connect_error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"code": _CONNECT_CODES[status], "message": message}, status=status, headers=headers)


def _about(request: web.Request) -> Ingest:
    """Return what the query says. Raises BadFile."""
    query = request.query
    form = query.get("format", "")
    if not form:
        form = "pprof" if request.content_type == "multipart/form-data" else "folded"
    return Ingest(
        name=query.get("name", ""),
        start=_time(query.get("from", "")),
        end=_time(query.get("until", "")),
        format=form,
        units=query.get("units", "samples"),
        sample_rate=_rate(query.get("sampleRate", "") or "100"),
        spy=query.get("spyName", "")[:64],
    )


def _time(text: str) -> int:
    """Return Unix ns of seconds, milliseconds, microseconds or nanoseconds, told by their size; 0 for none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise BadFile(f"{text[:40]!r} is no time", remedy="from and until are seconds since 1970")
    return int(text) * _SCALES[(19 - max(len(text), 10)) // 3]


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1e6:
        raise BadFile(f"{text[:40]!r} is no sample rate", remedy="sampleRate is a number of samples a second")
    return rate


async def _profile(request: web.Request) -> bytes:
    """Return the profile of a body that is one, or a form with one. Raises BadFile."""
    if request.content_type != "multipart/form-data":
        return await read_body(request)
    try:
        return await _profile_of_form(request)
    except (ValueError, AssertionError, web.RequestPayloadError) as e:
        raise BadFile(f"a form that cannot be read: {e}") from None


async def _profile_of_form(request: web.Request) -> bytes:
    reader, found, left = await request.multipart(), b"", limit_of(request)
    for _ in range(_MAX_PARTS):
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader):
            raise BadFile("a form in a form")
        data = bytearray()
        while block := await part.read_chunk():
            left -= len(block)
            if left < 0:
                raise too_large(request)
            data += block
        if part.name == "profile":
            found = bytes(data)
        elif part.name == "prev_profile" and data:
            raise BadFile("a profile of everything since the program began, and what to take from it",
                          remedy="send the difference, as today's clients do")  # fmt: skip
    if not found:
        raise BadFile("a form without a profile", remedy="its field is called profile")
    return found
