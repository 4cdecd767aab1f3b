"""Clips over HTTP: those being replayed, in ranges; and the retention, saved as one."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from flarego.gateway.guard import refused
from flarego.gateway.hub import History, Hub
from flarego.gateway.policy import NAMESPACE, PRINCIPAL, Rule, Scope, add_route
from flarego.model.chunk import Chunk, Message, ProcessInfo
from flarego.model.merge import within
from flarego.wire.clip import Clip, ClipWriter
from flarego.wire.codec import decode

_TYPE = "application/octet-stream"
_BLOCK = 1 << 16
_BREATH_S = 0.0005
_NANOSECONDS = re.compile(r"\d{1,18}", re.ASCII)

FLEET = web.AppKey("fleet", bool)
"""Whether there may be several processes, which come and go."""
_HUB = web.AppKey("clips.hub", Hub)
_SAVING = web.AppKey("clips.saving", asyncio.Lock)


@dataclass(frozen=True)
class Replay:
    """Clips the page is to show, by the names it knows them by."""

    clips: Mapping[str, Path]
    speed: float = 1.0
    compare: bool = False

    @classmethod
    def of(cls, paths: Sequence[Path], *, speed: float = 1.0, compare: bool = False) -> Replay:
        """Return the replay of files, which may have the same name."""
        clips: dict[str, Path] = {}
        for path in paths:
            name, number = path.name, 2
            while name in clips:
                name, number = f"{path.stem} ({number}){path.suffix}", number + 1
            clips[name] = path
        return cls(clips, speed, compare)

    def session(self) -> dict[str, object]:
        """Return what the page is told, see static/core/session.js."""
        clips = [
            {"name": name, "url": f"clips/{quote(name, safe='')}", "size": path.stat().st_size}
            for name, path in self.clips.items()
        ]
        return {"mode": "replay", "clips": clips, "speed": self.speed, "compare": self.compare}


def add_clips(app: web.Application, hub: Hub, replay: Replay | None) -> None:
    """Add the routes `session`, `clips/NAME` and `clip`."""
    app[_HUB], app[_SAVING] = hub, asyncio.Lock()

    async def session(request: web.Request) -> web.Response:
        told = replay.session() if replay else {"mode": "live", "fleet": request.app.get(FLEET, False)}
        principal = request[PRINCIPAL]
        return web.json_response(told | {"user": principal.name if principal.kind != "local" else ""})

    async def clip(request: web.Request) -> web.StreamResponse:
        path = replay.clips.get(request.match_info["name"]) if replay else None
        if path is None or not path.is_file():
            return refused(404, "there is no such clip")
        if request.query:
            return await _save(request, path)
        return web.FileResponse(path, headers={"Content-Type": _TYPE})

    add_route(app, "GET", "/session", session, Rule(Scope.READ, namespaced=False, audited=False))
    add_route(app, "GET", "/clips/{name}", clip, Rule(Scope.READ))
    add_route(app, "GET", "/clip", _save, Rule(Scope.READ))


async def _save(request: web.Request, path: Path | None = None) -> web.StreamResponse:
    """Answer with a clip of what is kept, or of what a clip holds: `?process=ID&from=NS&to=NS`, since its epoch."""
    process = request.query.get("process", "")
    hub, namespace = request.app[_HUB], request[NAMESPACE]
    if path is None and process:
        await hub.follow(namespace, process)
    history = hub.history(process, namespace)
    if path is None and history is None:
        return refused(404, "nothing is kept of that process", "wait for the first picture, or name a process")
    bounds = [request.query.get(name) for name in ("from", "to")]
    if not all(bound is None or _NANOSECONDS.fullmatch(bound) for bound in bounds):
        return refused(400, "from and to are nanoseconds since the process's epoch", "leave them out for everything")
    start, end = (None if bound is None else int(bound) for bound in bounds)
    if path is not None:
        return await send_clip(request, partial(write_part, path, process, start, end))
    assert history is not None
    return await send_clip(request, partial(write_history, history, start, end))


async def send_clip(request: web.Request, write: Callable[[BinaryIO], str | None]) -> web.StreamResponse:
    """Answer with the clip that `write` writes; it returns a name for it, None when there is nothing."""
    with tempfile.TemporaryFile() as file:
        async with request.app[_SAVING]:  # one at a time: it holds the interpreter's lock for a while
            name = await asyncio.to_thread(write, file)
        if name is None:
            return refused(404, "nothing is kept of that span", "save a later one, or everything")
        return await _send(request, file, name)


def write_history(history: History, start: int | None, end: int | None, file: BinaryIO) -> str | None:
    """Write the span of a history as a clip, and return a name for it; None when there is nothing."""
    info = decode(history.info)
    assert isinstance(info, ProcessInfo)
    decoded = (chunk for data in history.chunks if isinstance(chunk := decode(data), Chunk))
    gone = decode(history.gone) if history.gone else None
    return _write(info, chain(within(decoded, start, end), [gone] if gone else []), start, end, file)


def write_part(path: Path, process: str, start: int | None, end: int | None, file: BinaryIO) -> str | None:
    """Write the span of a clip's process as a clip, and return a name for it; None when there is nothing.

    Raises ClipError where the clip is damaged.
    """
    with Clip.open(path) as clip:
        info = next((info for info in clip.processes if process in ("", info.process)), None)
        return _write(info, clip.messages(info.process, start, end), start, end, file) if info else None


def _write(
    info: ProcessInfo, messages: Iterable[Message], start: int | None, end: int | None, file: BinaryIO
) -> str | None:
    writer = ClipWriter(file)
    writer.write(info)
    first: Chunk | None = None
    for message in messages:
        if isinstance(message, Chunk):
            first = first or message
            time.sleep(_BREATH_S)  # lets go of the interpreter's lock: the live stream comes first
        writer.write(message)
    if first is None:
        return None
    if start is not None and end is not None:
        writer.show(info.process, start, end)
    writer.close()
    return clip_name(info, first.start)


def clip_name(info: ProcessInfo, start: int) -> str:
    """Return a file name that tells what a clip is of and when it begins, UTC."""
    from datetime import UTC, datetime

    name = re.sub(r"[^\w.-]+", "-", info.name, flags=re.ASCII).strip("-.") or "clip"
    return f"{name}-{info.pid}-{datetime.fromtimestamp((info.epoch + start) / 1e9, UTC):%Y%m%dT%H%M%S}.fgo"


async def _send(request: web.Request, file: BinaryIO, name: str) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": _TYPE, "Content-Disposition": f'attachment; filename="{name}"'}
    )
    response.content_length = file.tell()
    file.seek(0)
    await response.prepare(request)
    while block := file.read(_BLOCK):
        await response.write(block)
    await response.write_eof()
    return response
