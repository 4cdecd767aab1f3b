"""What is answered about a span of a process, and what it may be asked with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from flarego.formats.plain import clean
from flarego.gateway.clips import send_clip, write_history
from flarego.gateway.hub import History
from flarego.gateway.query import export, flame, groups, series
from flarego.gateway.query.filters import FILTERS, Filters, described
from flarego.gateway.query.fold import Check, Slice, take
from flarego.gateway.query.parameters import (
    BadQuery,
    choice,
    duration,
    flag,
    moment,
    number,
    process_id,
    texts,
)
from flarego.gateway.query.question import PROCESS, SPAN, Kept, NotKept, Question, as_json, dumps, head, join
from flarego.model.chunk import Chunk
from flarego.model.diff import compare
from flarego.model.leaks import Growth
from flarego.model.profile import Profile
from flarego.model.words import difference_json, suspect_json
from flarego.wire.codec import decode

LIMIT = number("limit", "Nodes at most, the heaviest; the rest is summed in `rest`.", 1, 50_000, 5_000)
DEPTH = number("depth", "Calls at most; what is deeper is summed in `rest`.", 1, flame.MAX_DEPTH, flame.MAX_DEPTH)
WEIGHT = choice("weight", "Time of all goroutines, on CPU, of those that wait; or how many there were at the end.",
                [*flame.WEIGHTS], "wall")  # fmt: skip
INVERT = flag("invert", "The innermost functions first, and who calls them above.")
SHAPE = choice("shape", "A tree of objects, or columns: smaller, and fast to read.", ("tree", "columns"), "tree")
FORMAT = choice("format", "`json`, or another tool's: the file that `flarego export` writes.",
                ("json", *export.FORMATS), "json")  # fmt: skip
NAME = texts("name", "Only series of this name, in which * stands for anything; without it, all.")
STEP = duration("step", "Length of a bucket, such as 1s or 500ms; without it, a round one that makes up to 300.", 0)
BY = choice("by", "What goroutines of a group have in common.", groups.BY, "stack")
ROWS = number("limit", "Groups at most, those with most goroutines.", 1, 5_000, 200)
KIND = texts("kind", "Only events of this kind: gc, engine, note.")
NEWEST = number("limit", "Events at most, the newest.", 1, 10_000, 1_000)
STACKS = number("limit", "Stacks at most, those that changed most.", 1, 5_000, 200)
BASE = process_id("base", "The process to compare with; without it, the same.")
BASE_FROM = moment("base_from", "The other span's begin; without it, as long a span as the first.", None)
BASE_TO = moment("base_to", "The other span's end; without it `from`, or of another process the newest chunk.", None)

ABOUT_ONE = join((PROCESS,), SPAN)
FLAME = join(ABOUT_ONE, (WEIGHT,), FILTERS, (INVERT, DEPTH, LIMIT, SHAPE, FORMAT))
SERIES = join(ABOUT_ONE, (NAME, STEP))
GROUPS = join(ABOUT_ONE, (BY,), FILTERS, (ROWS,))
DIFF = join(ABOUT_ONE, (BASE, BASE_FROM, BASE_TO), FILTERS[:-1], (STACKS,))
EVENTS = join(ABOUT_ONE, (KIND, NEWEST))


async def flame_graph(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept)
    slice_, asked, filters = question.slice(kept, start, end), question.asked, Filters.of(question.asked)
    weight, format = asked.get(WEIGHT), asked.get(FORMAT)
    if format != "json":
        return await _exported(question, kept, slice_, filters, weight, format)
    invert, shape, depth, limit = asked.get(INVERT), asked.get(SHAPE), asked.get(DEPTH), asked.get(LIMIT)

    def work(check: Check) -> bytes:
        profile = filters.keep(slice_.fold(check))
        graph = flame.Flame(profile, weight, invert=invert, depth=depth, check=check)
        kept_nodes = graph.keep(limit)
        timed = flame.WEIGHTS[weight] == "nanoseconds"
        answer = {
            **head(slice_, question.namespace),
            "weight": weight,
            "unit": flame.WEIGHTS[weight],
            "filters": described(filters),
            "invert": invert,
            "total": graph.totals[0],
            "mean": graph.totals[0] / profile.span if timed else graph.totals[0],
            "left_out": {
                "nodes": graph.left_out,
                "weight": sum(graph.rest[node] for node in kept_nodes),
                "deeper": graph.cut,
            },
        }
        check()
        if shape == "columns":
            return dumps(answer | flame.columns(graph, kept_nodes))
        root = "".join(flame.tree(graph, kept_nodes)).encode("utf-8", "replace")
        return dumps(answer)[:-1] + b',"root":' + root + b"}"

    return as_json(await question.work(work))


async def _exported(
    question: Question, kept: Kept, slice_: Slice, filters: Filters, weight: str, format: str
) -> web.StreamResponse:
    log = kept.channel.log
    first = next(i for i in range(log.begin, log.end) if log[i].end > slice_.start)
    while first > log.begin and log[first - 1].generation == log[first].generation:
        first -= 1
    chunks = [log[index].data for index in range(first, log.end)]
    limit = question.sources.meter.limits.query_bytes
    work = partial(export.export, slice_, chunks, filters, weight, format, limit)
    body = await question.work(work)
    name = f"{kept.info.process}{export.suffix(format)}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": export.FORMATS[format][1]}
    return web.Response(body=body, headers=headers)


async def series_in_buckets(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept)
    slice_, wanted = question.slice(kept, start, end), series.names(question.asked.all(NAME))
    step = question.asked.get(STEP) or series.step_for(slice_.start, slice_.end, slice_.n_chunks)
    if (slice_.end - slice_.start) / step > series.MAX_BUCKETS:
        raise BadQuery(f"that makes more than {series.MAX_BUCKETS} buckets", remedy="a longer step, or a shorter span")
    track = question.sources.pyramid.track(kept.channel)
    points = series.take_points(track, *track.find(start, end), wanted) if track else None

    def work(check: Check) -> Any:
        found = series.read_points(slice_.chunks(check), wanted) if points is None else points
        return head(slice_, question.namespace) | series.bucketed(found, slice_.start, slice_.end, step, check)

    return await question.json(work)


async def goroutine_groups(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    slice_ = question.slice(kept, *question.span(kept))
    first = question.slice(kept, slice_.start, slice_.start + 1)
    filters, by, limit = Filters.of(question.asked), question.asked.get(BY), question.asked.get(ROWS)

    def work(check: Check) -> Any:
        profile, before = (filters.keep(one.fold(check)) for one in (slice_, first))
        found = groups.group(profile, before, by, limit, check)
        return head(slice_, question.namespace) | {
            "by": by,
            "filters": described(filters),
            "goroutines": found.goroutines,
            "groups": found.told,
            "left_out": found.groups - len(found.told),
        }

    return await question.json(work)


async def difference(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept)
    other = question.asked.get(BASE)
    base = await question.kept(other) if other else kept
    at = question.at(BASE_TO, base)
    base_end = at if at is not None else base.end if other else start
    at = question.at(BASE_FROM, base)
    base_start = at if at is not None else base_end - (end - start)
    if base_start >= base_end:
        raise BadQuery("base_from is not before base_to")
    after, before = question.slice(kept, start, end), question.slice(base, base_start, base_end)
    filters, limit = Filters.of(question.asked), question.asked.get(STACKS)

    def work(check: Check) -> Any:
        profiles: list[Profile] = []
        for one in (before, after):
            profiles.append(filters.keep(one.fold(check)))
            check()
        compared = difference_json(compare(*profiles), limit)
        return {"namespace": question.namespace, "filters": described(filters), **compared}

    return await question.json(work)


async def events(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept)
    slice_, log = question.slice(kept, start, end), kept.channel.log
    kinds, limit = frozenset(question.asked.all(KIND)), question.asked.get(NEWEST)
    track = question.sources.pyramid.track(kept.channel)
    packets = (
        [log[i].data for i in track.packets_with_events(*track.find(start, end)) if i >= log.begin] if track else None
    )

    def work(check: Check) -> Any:
        chunks = slice_.chunks(check) if packets is None else _decoded(packets, check)
        found = [event for chunk in chunks for event in chunk.events if not kinds or event.get("kind") in kinds]
        return head(slice_, question.namespace) | {
            "events": [clean(event) for event in found[-limit:]],
            "left_out": max(len(found) - limit, 0),
        }

    return await question.json(work)


def _decoded(packets: Sequence[bytes], check: Check) -> Iterator[Chunk]:
    for data in packets:
        check()
        chunk = decode(data)
        if isinstance(chunk, Chunk):
            yield chunk


_WINDOWS = 16


async def leaks(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept, everything=True)
    slice_ = question.slice(kept, start, end)
    length = (slice_.end - slice_.start) // _WINDOWS
    track = question.sources.pyramid.track(kept.channel)
    moments = [slice_.end - 1 - i * length for i in range(_WINDOWS)][::-1]
    looks = [take(kept.channel, kept.info, track, at, at + 1) for at in moments]

    def work(check: Check) -> Any:
        growth = Growth()
        for look in looks:
            if look.n_chunks:
                growth.note(look.fold(check))
        found = [suspect_json(suspect, slice_.info) for suspect in growth.suspects()]
        return head(slice_, question.namespace) | {"suspects": found}

    return await question.json(work)


async def clip(question: Question) -> web.StreamResponse:
    kept = await question.subject()
    start, end = question.span(kept, everything=True)
    channel = kept.channel
    history = History(channel.info_data, channel.log.packets(), channel.gone_data)
    try:
        return await send_clip(question.request, partial(write_history, history, start, end))
    except OverflowError:
        raise NotKept("nothing is kept of that span") from None
