"""Mutated profiles for the importers: only typed errors may come out, and what comes in is a clip's messages.

python tests/fuzz/fuzz_formats.py [TARGET…] [--runs N] [--seed N]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flarego.errors import FlareError
from flarego.formats.registry import load
from flarego.formats.source import from_bytes
from flarego.model.chunk import Chunk, Message
from flarego.model.profile import Profile
from flarego.wire.protobuf import blob, number, packed, text

DUMP = b"""goroutine 1 [running]:
main.main()
\t/src/main.go:7 +0x1d

goroutine 18 gp=0xc0 m=nil [chan receive, 5 minutes, locked to thread] {"k": "v\\n", user: "7"}:
runtime.gopark(0x1?, {0x2, 0x3})
\t/go/src/runtime/proc.go:435 +0xce fp=0x1 sp=0x2 pc=0x3
...additional frames elided...
created by main.start in goroutine 1
\t/src/main.go:30 +0x5
"""
SPEEDSCOPE = {
    "$schema": "https://www.speedscope.app/file-format-schema.json", "exporter": "x", "name": "n",
    "shared": {"frames": [{"name": "a", "file": "f", "line": 3}, {"name": "[waiting: select]"}, {"name": "b"}]},
    "profiles": [
        {"type": "sampled", "name": "s", "unit": "milliseconds", "startValue": 0, "endValue": 9,
         "samples": [[1, 0, 2], [0], []], "weights": [3, 5, 1]},
        {"type": "evented", "name": "e", "unit": "none", "startValue": 0, "endValue": 9, "events": [
            {"type": "O", "frame": 0, "at": 0}, {"type": "O", "frame": 2, "at": 2}, {"type": "C", "frame": 2, "at": 4},
            {"type": "C", "frame": 0, "at": 8}]},
    ],
}  # fmt: skip
FLAMES = {"name": "root", "value": 0, "children": {
    "main.a": {"name": "main.a", "value": 9, "children": [{"name": "b", "value": 4}, {"name": "c", "value": 1}]},
    "main.d": {"value": 2}}}  # fmt: skip


def pprof() -> bytes:
    """Return a small goroutine-and-time profile with labels, inlined frames and a mapping."""
    strings = ["", "wall", "nanoseconds", "cpu", "goroutines", "count", "main.a", "main.b", "/f.go", "state", "waiting"]
    kinds = b"".join(blob(1, number(1, kind) + number(2, unit)) for kind, unit in ((1, 2), (3, 2), (4, 5)))
    label = blob(3, number(1, 9) + number(2, 10)) + blob(3, number(1, 7) + number(3, 42) + number(4, 2))
    samples = blob(2, packed(1, [1, 2]) + packed(2, [5000, 1, 3]) + label)
    samples += blob(2, number(1, 2) + b"\x10\x01\x10\x02\x10\x03")
    location = blob(4, number(1, 1) + blob(4, number(1, 1) + number(2, 7)) + blob(4, number(1, 2) + number(2, 9)))
    location += blob(4, number(1, 2) + number(3, 0x401000))
    functions = b"".join(blob(5, number(1, i) + number(2, 5 + i) + number(4, 8)) for i in (1, 2))
    tables = blob(3, number(1, 1) + number(5, 8)) + location + functions + b"".join(text(6, s) for s in strings)
    return kinds + samples + tables + number(9, 10**18) + number(10, 10**9) + blob(11, b"\x08\x03") + number(14, 1)


SEEDS: dict[str, Sequence[Any]] = {
    "pprof": [pprof()],
    "goroutines": [DUMP],
    "collapsed": [b"[waiting: chan receive];a;b%3Bc 12\na 3.5\n", b"x;y 1\n\n# note\nz 2\n"],
    "speedscope": [SPEEDSCOPE],
    "fgo-json": [FLAMES],
}
TARGETS = (*SEEDS, "recognised", "gzip")
_INSERTED = (b"\xff" * 10, b"\0", b"\x80" * 9 + b"\x01", b"9" * 20, b"[", b"{", b"\n", b" ", b'"')
_WILD: Sequence[Any] = (None, True, -1, 0, 1e308, 1 << 70, -0.5, "", "[running]", "\ud800", [], {}, [[]], {"name": "x"})


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with some changed, repeated, swapped or cut."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        if not out:
            break
        at, size = chance.randrange(len(out)), chance.randint(1, 12)
        match chance.randrange(6):
            case 0:
                out[at] = chance.randrange(256)
            case 1:
                out[at] ^= 1 << chance.randrange(8)
            case 2:
                out[at:at] = chance.choice(_INSERTED)
            case 3:
                del out[at : at + size]
            case 4:
                source = chance.randrange(len(out))
                out[at:at] = out[source : source + size]
            case 5 if chance.random() < 0.2:
                del out[at:]
    return bytes(out)


def mutate_value(value: Any, chance: random.Random) -> Any:
    """Return a JSON value with one of its parts changed."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.1:
            changed.pop(key)
        else:
            changed[key] = mutate_value(value[key], chance)
        return changed
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        return [*value[:at], mutate_value(value[at], chance), *value[at + chance.randint(0, 1) :]]
    return chance.choice(_WILD)


def profile(target: str, chance: random.Random) -> bytes:
    """Return one mutated file."""
    seed = chance.choice(SEEDS[target])
    if isinstance(seed, bytes):
        return mutate(seed, chance)
    for _ in range(chance.randint(0, 3)):
        seed = mutate_value(seed, chance)
    data = json.dumps(seed).encode()
    return data if chance.random() < 0.8 else mutate(data, chance)


def run(target: str, chance: random.Random) -> None:
    """Read one mutated file; what is read has to make sense to who reads clips."""
    name = target if target in SEEDS else chance.choice(tuple(SEEDS))
    data = profile(name, chance)
    if target == "gzip":
        data = mutate(gzip.compress(data, 1), chance)
    messages = load(from_bytes(data), name if target in SEEDS else None)
    if chance.random() < 0.02:
        check(messages)


def check(messages: Sequence[Message]) -> None:
    info, chunk = messages
    assert isinstance(chunk, Chunk) and not isinstance(info, Chunk)
    read = Profile.read(info, chunk)  # type: ignore[arg-type]
    for row in read.rows:
        read.stack(row.node)
        assert 0 <= row.wall < float("inf") and 0 <= row.cpu < float("inf")


def fuzz(
    target: str,
    runs: int,
    seed: int,
    report: Callable[[str], None] = print,
    run: Callable[[str, random.Random], None] = run,
) -> float:
    """Run one target; returns executions per second. Anything but a FlareError comes through, with its seed."""
    began = time.monotonic()
    for i in range(runs):
        chance = random.Random(seed + i)
        try:
            run(target, chance)
        except FlareError:
            pass
        except BaseException:
            report(f"{target}: seed {seed + i}")
            raise
        if i and i % 250_000 == 0:
            report(f"{target}: {i:,}")
    return runs / (time.monotonic() - began)


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
