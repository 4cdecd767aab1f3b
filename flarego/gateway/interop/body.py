"""Bodies of requests: read within bounds, whatever they are compressed to."""

from __future__ import annotations

import math

from aiohttp import web

from flarego.formats.pushed import MAX_BODY
from flarego.formats.source import BadFile
from flarego.gateway.guard import TRUST
from flarego.gateway.limits import LimitReached
from flarego.gateway.policy import NAMESPACE


class TooLarge(BadFile):
    """A body of more bytes than flarego takes."""

    usual_remedy = "send profiles in parts, or more often"


async def read_body(request: web.Request) -> bytes:
    """Return the body, decompressed. Raises TooLarge, BadFile."""
    limit = limit_of(request)
    data = bytearray()
    try:
        async for block in request.content.iter_any():
            data += block
            if len(data) > limit:
                raise too_large(request)
    except web.RequestPayloadError as e:
        raise BadFile(f"a body that cannot be read: {e}") from None
    return bytes(data)


def limit_of(request: web.Request) -> int:
    """Return how many bytes a body may have, decompressed."""
    return min(MAX_BODY, request.app[TRUST].meter.limits.request_bytes or MAX_BODY)


def too_large(request: web.Request) -> TooLarge:
    """Return the error, after it was counted."""
    request.app[TRUST].meter.count("request_bytes", request[NAMESPACE])
    return TooLarge(f"a body of more than {limit_of(request):,} bytes, decompressed")


def status_of(error: BadFile | LimitReached) -> int:
    """Return the HTTP status that stands for an error."""
    if isinstance(error, LimitReached):
        return 429
    return 413 if isinstance(error, TooLarge) else 400


def headers_of(error: BadFile | LimitReached) -> dict[str, str]:
    """Return what the answer to a sender that is to come again says of when."""
    return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))} if isinstance(error, LimitReached) else {}
