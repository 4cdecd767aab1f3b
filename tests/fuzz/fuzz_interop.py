"""Mutated bodies for whatever strangers may send to a gateway: OTLP, Pyroscope, JSON chunks.

Only typed errors may come out; what comes in becomes chunks that a page can read, and takes no more time than it may.

    python tests/fuzz/fuzz_interop.py [TARGET…] [--runs N] [--seed N]
"""

from __future__ import annotations

import argparse
import base64
import functools
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flarego.formats import json_chunks, otlp_import, pyroscope_import
from flarego.formats.otlp_schema import REQUEST, SCHEMA
from flarego.formats.pushed import Pushed
from flarego.gateway.interop.identity import identify
from flarego.gateway.interop.stream import Stream
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.profile import Profile
from flarego.wire.codec import decode, encode
from fuzz.fuzz_formats import fuzz as fuzz_with
from fuzz.fuzz_formats import mutate, mutate_value, pprof

NOW = 1_800_000_000.0
MAX_S = 20.0
"""No body may take longer, on whatever machine this runs."""
OTLP: dict[str, Any] = {
    "resource_profiles": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"string_value": "s"}},
                                    {"key": "process.pid", "value": {"int_value": 7}}]},
        "scope_profiles": [{"scope": {"name": "x"}, "profiles": [
            {"sample_type": {"type_strindex": 1, "unit_strindex": 2}, "time_unix_nano": int(NOW * 1e9) - 10**9,
             "duration_nano": 10**9, "profile_id": b"0123456789abcdef", "samples": [
                 {"stack_index": 1, "values": [5], "attribute_indices": [1, 2]},
                 {"stack_index": 1, "timestamps_unix_nano": [1, 2]}]},
            {"sample_type": {"type_strindex": 3, "unit_strindex": 4}, "period": 1000, "samples": [
                {"stack_index": 1, "values": [2, 3]}], "period_type": {"type_strindex": 1, "unit_strindex": 2}},
        ]}],
    }],
    "dictionary": {
        "mapping_table": [{}, {"filename_strindex": 6}],
        "location_table": [{}, {"lines": [{"function_index": 1, "line": 3}, {"function_index": 1}]},
                           {"mapping_index": 1, "address": 4096, "attribute_indices": [1]}],
        "function_table": [{}, {"name_strindex": 5, "filename_strindex": 6}],
        "string_table": ["", "cpu", "nanoseconds", "samples", "count", "main.a", "/f.go", "flarego.state", "thread"],
        "attribute_table": [{}, {"key_strindex": 7, "value": {"string_value": "waiting"}},
                            {"key_strindex": 8, "value": {"double_value": 1.5}}],
        "stack_table": [{}, {"location_indices": [1, 2]}],
    },
}  # fmt: skip
_LABELS = [{"name": "service_name", "value": "s"}, {"name": "pod", "value": "p"}]
_SAMPLES = [{"raw_profile": pprof(), "ID": "1"}, {"raw_profile": gzip.compress(pprof(), 1)}]
PUSH = {"series": [{"labels": _LABELS, "samples": _SAMPLES}]}
PUSH_JSON = {"series": [{"labels": _LABELS, "samples": [{"rawProfile": base64.b64encode(pprof()).decode()}]}]}
MESSAGES = [
    {"type": "process", "process": "p-1", "name": "p", "pid": 3, "labels": {"a": "b"}, "runtime": "go"},
    {"type": "chunk", "process": "p-1", "start_ms": NOW * 1000 - 500, "end_ms": NOW * 1000, "sequence": 3,
     "series": {"heap.live": 5}, "flame": {"name": "r", "children": [{"name": "a", "value": 3}]},
     "stacks": [{"stack": ["a", {"function": "b", "file": "f", "line": 3}], "state": "waiting", "reason": "select",
                 "wall_ns": 5, "count": 2, "labels": {"x": "y"}, "created_by": "c"}, {"stack": [], "cpu_ns": 1}]},
    {"type": "gone", "process": "p-1", "why": "x"},
]  # fmt: skip
FOLDED = b"main.a;main.b 12\n[waiting: select];x 3.5\n"
TARGETS = ("otlp", "otlp-json", "push", "push-json", "ingest", "names", "lines", "text")


def otlp_json() -> dict[str, Any]:
    """Return the request as JSON has it."""

    from flarego.formats.structure import camel as name

    def camel(value: Any) -> Any:
        if isinstance(value, dict):
            return {name(key): camel(one) for key, one in value.items()}
        if isinstance(value, list):
            return [camel(one) for one in value]
        return value.hex() if isinstance(value, bytes) else value

    found: dict[str, Any] = camel(OTLP)
    return found


@functools.cache
def seeds() -> dict[str, Any]:
    return {
        "otlp": SCHEMA.write(OTLP, REQUEST),
        "otlp-json": otlp_json(),
        "push": pyroscope_import.SCHEMA.write(PUSH, "PushRequest"),
        "push-json": PUSH_JSON,
        "text": MESSAGES,
    }


def body(target: str, chance: random.Random) -> bytes:
    """Return one mutated body."""
    seed = seeds()[target]
    if isinstance(seed, bytes):
        return mutate(seed, chance)
    for _ in range(chance.randint(0, 3)):
        seed = mutate_value(seed, chance)
    data = json.dumps(seed).encode()
    return data if chance.random() < 0.8 else mutate(data, chance)


def run(target: str, chance: random.Random) -> None:
    """Read one mutated body, as a gateway does."""
    began = time.monotonic()
    profiles = _read(target, chance)
    if profiles:
        fold(profiles, check=chance.random() < 0.05)
    assert time.monotonic() - began < MAX_S


def _read(target: str, chance: random.Random) -> Sequence[Pushed]:
    match target:
        case "otlp":
            return otlp_import.read_bytes(body(target, chance)).profiles
        case "otlp-json":
            return otlp_import.read_json(body(target, chance)).profiles
        case "push" | "push-json":
            return pyroscope_import.read_push(body(target, chance), json=target == "push-json").profiles
        case "ingest":
            about = pyroscope_import.Ingest("a.cpu{b=c}", 1, 2, chance.choice(tuple(pyroscope_import.FORMATS)))
            data = pprof() if about.format == "pprof" else FOLDED
            return pyroscope_import.read_ingest(mutate(data, chance), about).profiles
        case "names":
            name = mutate(b"orders.cpu{region=eu,pod=a}", chance).decode("utf-8", "replace")
            identify(pyroscope_import.labels_of(name), "127.0.0.1")
            return []
        case _:
            return _messages(target, chance)


def _messages(target: str, chance: random.Random) -> Sequence[Pushed]:
    if target == "lines":
        lines = [json.dumps(mutate_value(m, chance) if chance.random() < 0.5 else m) for m in MESSAGES]
        data = "\n".join(lines).encode()
        data = data if chance.random() < 0.8 else mutate(data, chance)
    else:
        data = body(target, chance)
    messages = json_chunks.read(data, lines=target == "lines")
    return [Pushed({}, m.assembly, "wall", m.start, m.end, "json", m.id, m.series)
            for m in messages if isinstance(m, json_chunks.Sent)]  # fmt: skip


def fold(profiles: Sequence[Pushed], *, check: bool) -> None:
    """Make a chunk of profiles; it has to be one that everybody can read."""
    stream = Stream(identify(profiles[0].attributes, "127.0.0.1"), "fuzz", int((NOW - 60) * 1e9))
    for pushed in profiles:
        stream.pend(pushed, NOW)
    messages = stream.fold(stream.claim(), NOW)
    chunk = messages[-1]
    assert isinstance(chunk, Chunk) and 0 <= chunk.start < chunk.end
    if not check:
        return
    info = decode(encode(stream.info()))
    read = decode(encode(chunk))
    assert isinstance(info, ProcessInfo) and isinstance(read, Chunk)
    profile = Profile.read(info, read)
    for row in profile.rows:
        profile.stack(row.node)
        assert 0 <= row.wall < float("inf") and 0 <= row.cpu < float("inf")


def fuzz(target: str, runs: int, seed: int, report: Callable[[str], None] = print) -> float:
    """Run one target; returns executions per second. Anything but a FlareError comes through, with its seed."""
    return fuzz_with(target, runs, seed, report, run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for target in options.targets or TARGETS:
        rate = fuzz(target, options.runs, options.seed, lambda line: print(line, flush=True))
        print(f"{target}: {options.runs:,} executions, {rate:,.0f} a second, no finding", flush=True)


if __name__ == "__main__":
    main()
