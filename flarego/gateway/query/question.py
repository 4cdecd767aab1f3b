"""A question about a process: what was asked, of whom, over which span."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from flarego.errors import FlareError
from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.limits import Meter
from flarego.gateway.policy import NAMESPACE
from flarego.gateway.pyramid import Pyramid
from flarego.gateway.query.fold import Check, Slice, take
from flarego.gateway.query.moment import Moment
from flarego.gateway.query.parameters import AnyParameter, Asked, BadQuery, Parameter, moment, named, process_id
from flarego.gateway.query.work import Workers
from flarego.model.chunk import ProcessInfo

SPAN_NS = 60_000_000_000
"""What is meant when nobody says from when on."""
PROCESS = process_id("process", "Id of the process, as api/v1/processes lists them.", "path")
FROM = moment("from", "From here on; without it, a minute before `to`.", None)
TO = moment("to", "Up to here; without it, the end of the newest chunk.", None)
NAMESPACE_PARAMETER = named(
    "namespace",
    "The namespace it belongs to; without it, the only one the token is good for, or `default`.",
    "[a-z0-9][a-z0-9._-]{0,62}",
    "a name: 1 to 63 of a-z 0-9 . _ -",
)
SPAN = (NAMESPACE_PARAMETER, FROM, TO)


class NotKept(FlareError):
    """A process or a span of which nothing is kept. HTTP: 404."""

    usual_remedy = "api/v1/processes lists what there is"


@dataclass(frozen=True)
class Sources:
    """Where answers come from."""

    hub: Hub
    pyramid: Pyramid
    meter: Meter
    workers: Workers


@dataclass(frozen=True)
class Kept:
    """A process, and what is kept of it."""

    channel: Channel
    info: ProcessInfo
    start: int
    end: int
    """The newest chunk's end, ns since the process's epoch."""


class Question:
    """One request, looked at."""

    def __init__(self, request: web.Request, sources: Sources, parameters: Sequence[AnyParameter]) -> None:
        """Raises BadQuery."""
        self.request = request
        self.sources = sources
        self.namespace: str = request[NAMESPACE]
        self.asked = Asked(request.query, [p for p in parameters if p is not PROCESS])

    async def kept(self, process: str) -> Kept:
        """Return what is kept of a process, also of one that another replica takes. Raises NotKept."""
        channel = await self.sources.hub.follow(self.namespace, process)
        if channel is None or channel.info is None:
            raise NotKept("there is no such process in this namespace")
        log = channel.log
        if log.end == log.begin:
            raise NotKept("nothing is kept of that process yet", remedy="ask again when its first chunk is there")
        track = self.sources.pyramid.track(channel)
        start = log[log.begin].end if track is None else track.runs[0].starts[0]
        return Kept(channel, channel.info, start, log[log.end - 1].end)

    async def subject(self) -> Kept:
        """Return what is kept of the process that the path names. Raises NotKept."""
        try:
            process = PROCESS.read(self.request.match_info["process"])
        except ValueError:
            raise NotKept("there is no such process in this namespace") from None
        return await self.kept(process)

    def span(self, kept: Kept, *, everything: bool = False) -> tuple[int, int]:
        """Return [from, to) in ns since the process's epoch. Raises BadQuery."""
        at = self.at(TO, kept)
        end = kept.end if at is None else at
        at = self.at(FROM, kept)
        start = at if at is not None else kept.start if everything else end - SPAN_NS
        if start >= end:
            raise BadQuery("from is not before to")
        return start, end

    def at(self, parameter: Parameter[Moment | None], kept: Kept) -> int | None:
        """Return a moment in ns since the process's epoch. Raises BadQuery."""
        moment_ = self.asked.get(parameter)
        return None if moment_ is None else moment_.within(kept.info.epoch, kept.end)

    def slice(self, kept: Kept, start: int, end: int) -> Slice:
        """Return what is kept and touches the span. Raises NotKept."""
        found = take(kept.channel, kept.info, self.sources.pyramid.track(kept.channel), start, end)
        if not found.n_chunks:
            raise NotKept(
                "nothing is kept of that span",
                remedy=f"what is kept begins at {kept.start} and ends at {kept.end} ns since the process's epoch",
            )
        return found

    async def work(self, work: Callable[[Check], bytes]) -> bytes:
        """Return what work returns, in a thread, within the limits."""
        return await self.sources.workers.answer(self.request, self.namespace, work)

    async def json(self, work: Callable[[Check], Any]) -> web.Response:
        """Answer with the JSON text of what work returns in its thread."""
        return as_json(await self.work(lambda check: dumps(work(check))))


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def as_json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def head(slice_: Slice, namespace: str) -> dict[str, Any]:
    """Return what every answer about a span begins with."""
    return {
        "process": slice_.info.process,
        "namespace": namespace,
        "epoch": slice_.info.epoch,
        "start": slice_.start,
        "end": slice_.end,
        "chunks": slice_.n_chunks,
        "damaged": slice_.damaged,
    }


def join(*parts: Iterable[AnyParameter]) -> tuple[AnyParameter, ...]:
    return tuple(parameter for part in parts for parameter in part)
