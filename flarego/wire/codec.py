"""Messages to bytes and back: msgpack, as FORMAT.md says. The only place that knows msgpack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import msgpack

from flarego.errors import FlareError
from flarego.model.chunk import WIDTHS, Chunk, Gap, Gone, Message, Notice, ProcessInfo

VERSION = 1
MAX_MESSAGE = 64 << 20
"""Bytes. A first chunk of 100,000 distinct stacks is about 10 MB."""
MAX_DEPTH = 16
"""Levels of maps and lists in a message, itself one of them."""
MAX_LABELS = 32
"""Of a process."""
MAX_LABEL_NAME, MAX_LABEL_VALUE = 128, 512
_MAX_ITEMS = 4 << 20
_PROCESS_TEXTS = ("process", "name", "command", "host", "runtime", "runtime_version", "module", "build_id", "task")
_T = TypeVar("_T")


class BadMessage(FlareError):
    """Bytes that are no message of ours, or one that contradicts itself."""

    exit_code = 8


def encode(message: Message) -> bytes:
    """Return the message's bytes."""
    # Names of processes and symbols need not be Unicode; that must not stop the stream.
    packed: bytes = msgpack.packb(_to_map(message), unicode_errors="replace")
    return packed


def decode(data: bytes) -> Message | None:
    """Return the message, or None when its type is one this version does not know. Raises BadMessage."""
    if len(data) > MAX_MESSAGE:
        raise BadMessage(f"a message of {len(data)} bytes is larger than any we send")
    try:
        value = msgpack.unpackb(
            data,
            max_str_len=1 << 20,
            max_bin_len=MAX_MESSAGE,
            max_array_len=_MAX_ITEMS,
            max_map_len=1 << 16,
            max_ext_len=0,
            strict_map_key=True,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as e:
        raise BadMessage(f"not a message: {e}") from None
    if not isinstance(value, dict):
        raise BadMessage("not a message: no map")
    return _from_map(value)


def _to_map(message: Message) -> dict[str, Any]:
    match message:
        case ProcessInfo():
            value = {f.name: getattr(message, f.name) for f in fields(message)}
            value["engine"] = {"name": message.engine, "why": message.engine_why}
            del value["engine_why"]
            for optional in ("labels", "namespace"):
                if not value[optional]:
                    del value[optional]
            return {"type": "process", "version": VERSION} | value
        case Chunk():
            value = {f.name: getattr(message, f.name) for f in fields(message)}
            always = ("process", "generation", "sequence", "start", "end")
            return {"type": "chunk"} | {k: v for k, v in value.items() if v or k in always}
        case Gone():
            return {"type": "gone", "process": message.process, "at": message.at, "why": message.why}
        case Gap():
            return {"type": "gap", "process": message.process, "from": message.first, "to": message.last}
        case Notice():
            return {"type": "notice", "warnings": message.warnings}


def _from_map(value: dict[str, Any]) -> Message | None:
    match value.get("type"):
        case "process":
            return _process(value)
        case "chunk":
            return _chunk(value)
        case "gone":
            return Gone(_get(value, "process", str), _natural(value, "at"), _get(value, "why", str))
        case "gap":
            return Gap(_get(value, "process", str), _natural(value, "from"), _natural(value, "to"))
        case "notice":
            return Notice(_texts(value, "warnings"))
        case _:
            return None


def _get(value: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    found = value.get(key)
    if not isinstance(found, kind):
        raise BadMessage(f"{key!r} should be {kind.__name__}, not {type(found).__name__}")
    return found


def _natural(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise BadMessage(f"{key!r} should be a number from 0 on")
    return found


def _fraction(value: Mapping[str, Any], key: str) -> float:
    found = value.get(key)
    if not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise BadMessage(f"{key!r} should be a fraction from 0 on")
    return float(found)


def _process(value: dict[str, Any]) -> ProcessInfo:
    version = _natural(value, "version")
    if version > VERSION:
        raise BadMessage(
            f"a stream of version {version}; this flarego knows versions up to {VERSION}",
            remedy="update flarego",
        )
    engine = _get(value, "engine", dict)
    return ProcessInfo(
        **{key: _get(value, key, str) for key in _PROCESS_TEXTS},
        pid=_natural(value, "pid"),
        epoch=_natural(value, "epoch"),
        budget=_fraction(value, "budget"),
        states=tuple(_texts(value, "states")),
        reasons=tuple(_texts(value, "reasons")),
        engine=_get(engine, "name", str),
        engine_why=_get(engine, "why", str),
        labels=_labels(value),
        namespace=_get({"namespace": ""} | value, "namespace", str),
    )


def _labels(value: Mapping[str, Any]) -> Mapping[str, str]:
    labels = value.get("labels", {})
    if not isinstance(labels, dict) or len(labels) > MAX_LABELS:
        raise BadMessage(f"'labels' should be a map of at most {MAX_LABELS} entries")
    for name, text in labels.items():
        if not isinstance(text, str) or len(name) > MAX_LABEL_NAME or len(text) > MAX_LABEL_VALUE:
            raise BadMessage("a label that is no text, or too long")
    return labels


def _chunk(value: dict[str, Any]) -> Chunk:
    start, end = _natural(value, "start"), _natural(value, "end")
    if end < start:
        raise BadMessage("a chunk that ends before it starts")
    return Chunk(
        process=_get(value, "process", str),
        generation=_natural(value, "generation"),
        sequence=_natural(value, "sequence"),
        start=start,
        end=end,
        strings=_texts(value, "strings"),
        frames=_columns(value, "frames"),
        locations=_locations(value),
        nodes=_columns(value, "nodes"),
        groups=_maps(value, "groups"),
        rows=_columns(value, "rows"),
        members=_members(value),
        series=_numbers(value, "series"),
        events=_maps(value, "events"),
        waits=_maps(value, "waits"),
        processors=_maps(value, "processors"),
        sampler=_map(value, "sampler"),
    )


def _texts(value: Mapping[str, Any], key: str) -> Sequence[str]:
    texts = value.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadMessage(f"{key!r} should be a list of texts")
    return texts


def _maps(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    maps = value.get(key, [])
    if not isinstance(maps, list) or not all(isinstance(entry, dict) and shallow(entry) for entry in maps):
        raise BadMessage(f"{key!r} should be a list of maps")
    return maps


def _map(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key, {})
    if not isinstance(found, dict) or not shallow(found):
        raise BadMessage(f"{key!r} should be a map")
    return found


def shallow(value: object, levels: int = MAX_DEPTH - 2) -> bool:
    """Return whether lists and maps are nested no deeper than that, so that whoever walks them may recurse."""
    if not isinstance(value, dict | list):
        return True
    entries = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(shallow(entry, levels - 1) for entry in entries)


def _numbers(value: Mapping[str, Any], key: str) -> Mapping[str, float]:
    numbers = value.get(key, {})
    if not isinstance(numbers, dict) or not all(isinstance(n, int | float) for n in numbers.values()):
        raise BadMessage(f"{key!r} should be a map of numbers")
    return numbers


def _columns(value: Mapping[str, Any], table: str) -> Mapping[str, bytes]:
    """The table's columns that this version knows, all of one length; {} when the table is left out."""
    found = value.get(table)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadMessage(f"{table!r} should be a map of columns")
    columns: dict[str, bytes] = {}
    lengths = set()
    for name, width in WIDTHS[table].items():
        column = columns[name] = _get(found, name, bytes)
        if len(column) % width:
            raise BadMessage(f"column {table}.{name} has {len(column)} bytes, not a multiple of {width}")
        lengths.add(len(column) // width)
    if len(lengths) > 1:
        raise BadMessage(f"columns of {table!r} differ in length")
    return columns


def _members(value: Mapping[str, Any]) -> Mapping[str, bytes]:
    columns = _columns(value, "members")
    if not columns:
        return {}
    left = _get(value["members"], "left", bytes)
    if len(left) % 8:
        raise BadMessage(f"column members.left has {len(left)} bytes, not a multiple of 8")
    return {**columns, "left": left}


def _locations(value: Mapping[str, Any]) -> Mapping[str, bytes]:
    found = value.get("locations")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadMessage("'locations' should be a map of columns")
    count, frame = _get(found, "count", bytes), _get(found, "frame", bytes)
    if sum(count) * 4 != len(frame):
        raise BadMessage("column locations.frame does not have the frames that locations.count promises")
    return {"count": count, "frame": frame}
