"""What answers look like, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
NATURAL: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def table(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def maybe(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "null"}]}


def record(about: str = "", /, **fields: Schema) -> Schema:
    """An object that has all of these fields; more may be added one day."""
    schema: dict[str, Any] = {"type": "object", "required": [*fields], "properties": fields}
    return {"description": about, **schema} if about else schema


_SPAN = {
    "process": TEXT,
    "namespace": TEXT,
    "epoch": {"type": "integer", "description": "Unix ns of time 0."},
    "start": {"type": "integer", "description": "Where the first chunk that touches the span begins, ns since epoch."},
    "end": {"type": "integer", "description": "Where the last one ends."},
    "chunks": NATURAL,
    "damaged": {"type": "integer", "minimum": 0, "description": "Chunks left out: they contradict themselves."},
}
_AMOUNT = record(
    "On both sides; `ratio` is null for what was not there before.",
    before=NUMBER, after=NUMBER, change=NUMBER, ratio=maybe(NUMBER),
)  # fmt: skip
_LISTED = {
    "process": TEXT,
    "namespace": TEXT,
    "name": TEXT,
    "pid": NATURAL,
    "host": TEXT,
    "runtime": TEXT,
    "runtime_version": TEXT,
    "task": TEXT,
    "command": TEXT,
    "labels": table(TEXT),
    "first_seen": {"type": "number", "description": "Unix seconds."},
    "last_seen": {"type": "number", "description": "Unix seconds."},
    "gone": {"type": "string", "description": 'Why nothing more comes; "" while it is watched.'},
    "goroutines": NATURAL,
}
_FRAME = record(function=TEXT, file=TEXT, line=NATURAL, inlined=BOOLEAN)
_PLACE = {
    "state": TEXT,
    "reason": TEXT,
    "function": TEXT,
    "file": TEXT,
    "line": NATURAL,
    "created_by": maybe(TEXT),
    "entry": maybe(TEXT),
}
_NODES = record(
    "One entry for each node, a parent before its children; the root, 0, has parent -1. Function and file: numbers of"
    " `strings`.",
    parent=many(INTEGER), function=many(NATURAL), file=many(NATURAL),
    self=many(NUMBER), rest=many(NUMBER), total=many(NUMBER),
)  # fmt: skip
_NODE = record(
    "`total` is `self`, the children's totals and `rest`: what the bounds cut off below. The root's function is \"\".",
    function=TEXT, file=TEXT, total=NUMBER, self=NUMBER, rest=NUMBER, children=many(ref("Node")),
)  # fmt: skip
_FLAME: Schema = {
    **record(
        **_SPAN,
        weight=TEXT,
        unit={"type": "string", "enum": ["nanoseconds", "goroutines"]},
        filters={"type": "object"},
        invert=BOOLEAN,
        total=NUMBER,
        mean=NUMBER,
        left_out=record(
            "What the bounds cut off: nodes over the limit, the weight in all `rest`, whether stacks were deeper.",
            nodes=NATURAL, weight=NUMBER, deeper=BOOLEAN,
        ),
    ),
    "anyOf": [{"required": ["root"]}, {"required": ["strings", "nodes"]}],
}  # fmt: skip
_FLAME["properties"].update(root=ref("Node"), strings=many(TEXT), nodes=_NODES)

_GROUP: Schema = record(
    "What else is said depends on `by`.",
    count=NATURAL, change=INTEGER, mean=NUMBER, cpu=NUMBER, longest_wait=NUMBER, states=table(NATURAL),
)  # fmt: skip
_CHANGE: Schema = record(
    "A state or a stack; goroutines on both sides, `cpu` as busy cores, `longest_wait` in ns.",
    verdict={"type": "string", "enum": ["new", "gone", "more", "less", "same"]},
    state=TEXT, reason=TEXT, before=NUMBER, after=NUMBER, change=NUMBER, ratio=maybe(NUMBER),
    share=_AMOUNT, cpu=_AMOUNT, longest_wait=_AMOUNT,
)  # fmt: skip
_SIDE: Schema = record(
    "`start` and `end` in Unix ns.",
    process=TEXT, pid=NATURAL, name=TEXT, host=TEXT, module=TEXT, runtime=TEXT, build_id=TEXT,
    start=INTEGER, end=INTEGER,
)  # fmt: skip

SCHEMAS: Mapping[str, Schema] = {
    "Error": record("What went wrong, and what to do about it.", error=TEXT, remedy=maybe(TEXT)),
    "Processes": record(processes=many(record(**_LISTED))),
    "Process": record(
        **_LISTED, module=TEXT, build_id=TEXT, epoch=INTEGER, states=many(TEXT), reasons=many(TEXT),
        engine=record(name=TEXT, why=TEXT), start=INTEGER, end=INTEGER, chunks=NATURAL, bytes=NATURAL,
        series=many(TEXT),
    ),
    "Status": record(
        version=TEXT,
        time=NUMBER,
        namespaces=many(record(namespace=TEXT, processes=NATURAL, bytes=NATURAL)),
        warnings=many(TEXT),
        limits_reached=many(record(limit=TEXT, namespace=TEXT, times=NATURAL, last=NUMBER)),
        retention=record(seconds=NUMBER, bytes=NATURAL),
        sums=record("What is added up beforehand.", bytes=NATURAL, given_up=NATURAL),
    ),
    "Node": _NODE,
    "Flame": _FLAME,
    "Series": record(
        **_SPAN,
        step={"type": "integer", "description": "ns."},
        times={"type": "array", "items": INTEGER, "description": "Where each bucket begins, ns since epoch."},
        series=table(record(min=many(maybe(NUMBER)), max=many(maybe(NUMBER)), avg=many(maybe(NUMBER)))),
    ),
    "Groups": record(
        **_SPAN, by=TEXT, filters={"type": "object"}, goroutines=NATURAL, groups=many(_GROUP), left_out=NATURAL,
    ),
    "Difference": record(
        namespace=TEXT, filters={"type": "object"}, before=_SIDE, after=_SIDE, goroutines=_AMOUNT, busy=_AMOUNT,
        states=many(_CHANGE), stacks=many(_CHANGE),
    ),
    "Events": record(**_SPAN, events=many({"type": "object"}), left_out=NATURAL),
    "Leaks": record(
        **_SPAN,
        suspects=many(
            record(**_PLACE, start=INTEGER, end=INTEGER, counts=many(NATURAL), per_minute=NUMBER, longest_wait=NUMBER)
        ),
    ),
}  # fmt: skip
