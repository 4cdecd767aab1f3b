"""gRPC-Web: the same calls over HTTP/1.1, for browsers and for proxies that speak nothing else.

A browser cannot stream in, so its request is read whole. Calls are authenticated and checked as over HTTP/2; the
cookie of a browser that is logged in counts as well, because no other origin's page can send this content type.
"""

from __future__ import annotations

import binascii
import re
from collections import deque
from collections.abc import Iterable

from aiohttp import web

from flarego.gateway.guard import cookie_name, refused
from flarego.gateway.mux import address_of
from flarego.gateway.policy import PUBLIC, add_route
from flarego.gateway.rpc.server import Call, Services
from flarego.wire.grpc import CallFailed, Deframer, Status, encode_text, frame, timeout

_KINDS = re.compile(r"application/grpc-web(?P<text>-text)?(\+proto)?", re.ASCII)
_PIECES = re.compile(rb"[^=]+={0,2}")
_TRAILERS = 0x80


class WebCall(Call):
    """A call that came as a POST request."""

    def __init__(self, request: web.Request, response: web.StreamResponse, messages: Iterable[bytes], text: bool):
        peer = address_of(request.transport) if request.transport is not None else ""
        super().__init__(request.match_info.route.resource.canonical, peer, request.headers)  # type: ignore[union-attr]
        self._request, self._response = request, response
        self.cookie = request.cookies.get(cookie_name(request), "")
        self._messages = deque(messages)
        self._text = text

    async def recv(self) -> bytes | None:
        return self._messages.popleft() if self._messages else None

    async def send(self, message: bytes) -> None:
        await self.write(frame(message))

    async def write(self, data: bytes) -> None:
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write(binascii.b2a_base64(data, newline=False) if self._text else data)


def add_grpc_web(app: web.Application, services: Services, limit: int) -> None:
    """Answer gRPC-Web at every method's path. limit: bytes of a request."""

    async def answer(request: web.Request) -> web.StreamResponse:
        kind = _KINDS.fullmatch(request.content_type)
        if kind is None:
            return refused(415, "this address speaks gRPC-Web", "call it with a gRPC client")
        text = kind["text"] is not None
        response = web.StreamResponse(headers={"Content-Type": request.content_type})
        response.enable_chunked_encoding()
        call = WebCall(request, response, (), text)
        try:
            call = WebCall(request, response, await _messages(request, text, limit), text)
            patience = request.headers.get("grpc-timeout")
            status, why = await services.answer(call, timeout(patience) if patience else None)
        except CallFailed as e:
            status, why = Status(e.status), e.message
        trailers = f"grpc-status:{int(status)}\r\n" + (f"grpc-message:{encode_text(why)}\r\n" if why else "")
        await call.write(frame(trailers.encode(), _TRAILERS))
        await response.write_eof()
        return response

    for path in services.paths:
        add_route(app, "POST", path, answer, PUBLIC)  # `services` asks who it is


async def _messages(request: web.Request, text: bool, limit: int) -> list[bytes]:
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > limit:
            raise CallFailed(Status.RESOURCE_EXHAUSTED, f"a request of more than {limit} bytes")
    deframer = Deframer(limit, request.headers.get("grpc-encoding", "identity"))
    messages = list(deframer.feed(_unwrapped(bytes(body)) if text else bytes(body)))
    if deframer.partial:
        raise CallFailed(Status.INTERNAL, "the last message was cut short")
    return messages


def _unwrapped(body: bytes) -> bytes:
    """Return what base64 pieces stand for, each of which may end in padding."""
    try:
        return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in _PIECES.findall(body))
    except binascii.Error:
        raise CallFailed(Status.INTERNAL, "a request that is not base64") from None
