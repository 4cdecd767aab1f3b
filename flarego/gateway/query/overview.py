"""What there is: processes, one of them, the gateway itself."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from flarego import __version__
from flarego.gateway.channel import Listed
from flarego.gateway.policy import PRINCIPAL, Scope
from flarego.gateway.query.question import Question, as_json, dumps


async def processes(question: Question) -> web.StreamResponse:
    listed = await question.sources.hub.processes(question.namespace)
    ordered = sorted(listed, key=lambda one: (one.info.name, one.info.process))
    return as_json(dumps({"processes": [_listed(one, question.namespace) for one in ordered]}))


def _listed(one: Listed, namespace: str) -> dict[str, Any]:
    info = one.info
    return {
        "process": info.process,
        "namespace": namespace,
        "name": info.name,
        "pid": info.pid,
        "host": info.host,
        "runtime": info.runtime,
        "runtime_version": info.runtime_version,
        "task": info.task,
        "command": info.command,
        "labels": dict(info.labels),
        "first_seen": one.first_seen,
        "last_seen": one.last_seen,
        "gone": one.gone,
        "goroutines": one.goroutines,
    }


async def process(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    channel, info = kept.channel, kept.info
    listed = channel.listed()
    assert listed is not None
    track = question.sources.pyramid.track(channel)
    names = {name for run in track.runs for name in run.series} if track else set()
    names |= set(channel.log[channel.log.end - 1].chunk().series)
    return as_json(
        dumps(
            {
                **_listed(listed, question.namespace),
                "module": info.module,
                "build_id": info.build_id,
                "epoch": info.epoch,
                "states": list(info.states),
                "reasons": list(info.reasons),
                "engine": {"name": info.engine, "why": info.engine_why},
                "start": kept.start,
                "end": kept.end,
                "chunks": channel.log.end - channel.log.begin,
                "bytes": channel.log.size,
                "series": sorted(names),
            }
        )
    )


async def status(question: Question) -> web.StreamResponse:
    principal, sources = question.request[PRINCIPAL], question.sources
    known = sorted({channel.namespace for channel in sources.hub.channels()})
    readable = [namespace for namespace in known if principal.may(Scope.READ, namespace)]
    everywhere = principal.may(Scope.ADMIN, None)
    sizes = sources.hub.sizes()
    return as_json(
        dumps(
            {
                "version": __version__,
                "time": time.time(),
                "namespaces": [
                    {
                        "namespace": namespace,
                        "processes": len(sources.hub.channels(namespace)),
                        "bytes": sizes.get(namespace, 0),
                    }
                    for namespace in readable
                ],
                "warnings": list(sources.hub.warnings),
                "limits_reached": [
                    {"limit": one.limit, "namespace": one.namespace, "times": one.times, "last": one.last}
                    for one in sources.meter.reached()
                    if one.namespace in readable or (everywhere and one.namespace not in known)
                ],
                "retention": {"seconds": sources.hub.bounds.seconds, "bytes": sources.hub.size},
                "sums": {"bytes": sources.pyramid.size, "given_up": sources.pyramid.given_up},
            }
        )
    )
