"""What people already run, watched: OTLP profiles, Pyroscope's clients, and chunks in JSON from agents of their own.

All of it becomes processes and chunks like any other, so that retention, page, clips and queries need not know. The
alternative, to store profiles as they come and fold them when asked, is what profile stores do: nothing would be live.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from flarego.gateway.interop.chunks import add_chunks
from flarego.gateway.interop.intake import Intake
from flarego.gateway.interop.otlp import ExportProfiles, add_otlp
from flarego.gateway.interop.pyroscope import add_pyroscope
from flarego.gateway.rpc.server import Rpc

__all__ = ["Intake", "add_interop", "interop_rpcs"]


def add_interop(app: web.Application, intake: Intake) -> None:
    """Add all routes; what they take is published while the application runs."""

    async def running(app: web.Application) -> AsyncIterator[None]:
        async with intake.running():
            yield

    add_otlp(app, intake)
    add_pyroscope(app, intake)
    add_chunks(app, intake)
    app.cleanup_ctx.append(running)


def interop_rpcs(intake: Intake) -> list[Rpc]:
    """Return the gRPC methods."""
    return [ExportProfiles(intake)]
