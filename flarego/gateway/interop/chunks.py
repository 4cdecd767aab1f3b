"""Flame-graph chunks in JSON, from agents in any language. formats/JSON.md is for who writes one."""

from __future__ import annotations

from functools import partial
from importlib.resources import files

from aiohttp import web

from flarego.formats.json_chunks import Described, Ended, Message, Sent, read
from flarego.formats.pushed import Pushed
from flarego.formats.source import BadFile
from flarego.gateway.guard import peer_of, refused
from flarego.gateway.interop.body import read_body, status_of
from flarego.gateway.interop.identity import Identity, task_of, version_of
from flarego.gateway.interop.intake import Intake
from flarego.gateway.interop.otlp import RULE
from flarego.gateway.policy import NAMESPACE, PUBLIC, add_route

PROTOCOL = "json"
PATH = "/api/v1/ingest"
SCHEMA_PATH = "/api/v1/ingest/schema.json"
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


def add_chunks(app: web.Application, intake: Intake) -> None:
    """Add POST api/v1/ingest, and the schema of what it takes."""
    schema = files("flarego.formats").joinpath("json_chunks.schema.json").read_bytes()

    async def ingest(request: web.Request) -> web.Response:
        if request.content_type not in (*_LINES, "application/json"):
            return refused(415, f"a body of the type {request.content_type}",
                           "send application/x-ndjson (a message a line) or application/json")  # fmt: skip
        namespace = request[NAMESPACE]
        try:
            data = await read_body(request)
            lines = request.content_type in _LINES
            messages = await intake.read(PROTOCOL, namespace, partial(read, lines=lines), data)
            began: dict[str, int] = {}
            for sent in messages:
                if isinstance(sent, Sent):
                    began.setdefault(sent.process, sent.start)
            for message in messages:
                await _take(intake, namespace, message, peer_of(request), began.get(message.process, 0))
        except BadFile as e:
            return refused(status_of(e), e.message, e.remedy)
        return web.json_response({"taken": len(messages)})

    async def shown(request: web.Request) -> web.Response:
        return web.Response(body=schema, content_type="application/schema+json")

    add_route(app, "POST", PATH, ingest, RULE)
    add_route(app, "GET", SCHEMA_PATH, shown, PUBLIC)


async def _take(intake: Intake, namespace: str, message: Message, peer: str, began: int) -> None:
    """Take a message; `began` is when the first chunk of its process begins, Unix ns."""
    match message:
        case Described():
            await intake.describe(PROTOCOL, namespace, _identity(message, peer), began)
        case Sent():
            stream = intake.known(namespace, message.process)
            if stream is None:
                raise BadFile(
                    f"line {message.line}: nobody has said who {message.process} is",
                    remedy='send its {"type": "process"} first, best in every request: gateways come and go',
                )
            pushed = Pushed({}, message.assembly, "wall", message.start, message.end, PROTOCOL, message.id,
                            message.series)  # fmt: skip
            intake.pend(PROTOCOL, namespace, stream, pushed)
            await intake.flush(namespace, message.process)
        case Ended():
            await intake.end(namespace, message.process, message.why)


def _identity(described: Described, peer: str) -> Identity:
    return Identity(
        process=described.process,
        name=described.name,
        pid=described.pid,
        host=described.host or peer,
        command=described.command,
        runtime=described.runtime or "unknown",
        runtime_version=version_of(described.runtime or "unknown", described.runtime_version),
        task=described.task or task_of(described.runtime),
        labels=described.labels,
    )
