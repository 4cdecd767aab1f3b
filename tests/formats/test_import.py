"""Every import: other programs' files, our own exports back again, and what is no profile at all."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from targets import Target

from flarego.errors import FlareError
from flarego.formats.assembly import MAX_DEPTH
from flarego.formats.registry import IMPORTS, exporter, load
from flarego.formats.source import MAX_BYTES, BadFile, from_bytes
from flarego.formats.states import guess
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.profile import Profile
from flarego.wire.protobuf import blob, number, packed, text
from formats.recordings import Fixed, small

SECOND = 1_000_000_000


def imported(data: bytes | str, format: str | None = None, unit_ns: float = 1.0) -> Profile:
    source = from_bytes(data.encode() if isinstance(data, str) else data, "some/orders.txt", unit_ns)
    info, chunk = load(source, format)
    assert isinstance(info, ProcessInfo) and isinstance(chunk, Chunk)
    return Profile.read(info, chunk)


def stacks(profile: Profile) -> dict[tuple[str, str, str], tuple[float, int]]:
    """Return wall time and count by (stack, state, reason)."""
    found: dict[tuple[str, str, str], tuple[float, int]] = {}
    for row in profile.rows:
        key = ";".join(frame.function for frame in profile.stack(row.node)), row.state, row.reason
        wall, count = found.get(key, (0.0, 0))
        found[key] = wall + row.wall, count + row.count
    return found


# ---- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["pprof", "collapsed", "speedscope"])
def test_what_was_exported_comes_back_the_same(format: str) -> None:
    recorded = small()
    out = io.BytesIO()
    exporter(format).export(recorded, out)
    back, before = stacks(imported(out.getvalue())), stacks(recorded.profile())
    assert back.keys() == before.keys()
    for key, (wall, count) in before.items():
        assert back[key][0] == pytest.approx(wall, abs=6)
        assert format != "pprof" or back[key][1] == count


@pytest.mark.parametrize("format", ["speedscope", "pprof"])
def test_goroutine_counts_come_back(format: str) -> None:
    out = io.BytesIO()
    exporter(format).export(small(weight="count"), out)
    assert sum(row.count for row in imported(out.getvalue()).rows) == 13


def test_pprof_brings_labels_creators_inlining_cpu_and_times_back() -> None:
    recorded, out = small(), io.BytesIO()
    exporter("pprof").export(recorded, out)
    back = imported(out.getvalue())
    assert (back.process.name, back.process.build_id, back.process.epoch) == ("orders", "abc123", 10**18)
    assert back.end - back.start == recorded.end - recorded.start
    assert sum(row.cpu for row in back.rows) == pytest.approx(sum(row.cpu for row in recorded.profile().rows), abs=6)
    worker = next(row for row in back.rows if row.reason == "chan receive")
    group = back.groups[worker.group]
    assert group.created_by is not None and group.created_by.function == "main.start"
    assert group.labels == {"endpoint": "/orders", "state": "open"}
    inlined = next(frame for row in back.rows for frame in back.stack(row.node) if frame.function == "main.inlined")
    assert inlined.inlined and inlined.line == 13 and inlined.file == "/src/13.go"


# ---- Go's own ----------------------------------------------------------------------------------------------------


def test_a_goroutine_profile_says_what_goroutines_wait_for(go_profiles: Path) -> None:
    profile = imported((go_profiles / "goroutine.pb.gz").read_bytes())
    (wall, count) = stacks(profile)["main.receive;runtime.chanrecv1;runtime.chanrecv;runtime.gopark", "waiting",
                                    "chan receive"]  # fmt: skip
    assert (wall, count) == (5 * SECOND, 5)
    assert {"endpoint": "/orders"} in [group.labels for group in profile.groups]
    assert sum(row.count for row in profile.rows if row.state == "running") == 1
    assert profile.process.name.startswith("profiles-")


def test_a_cpu_profile_is_time_on_cpu(go_profiles: Path) -> None:
    profile = imported((go_profiles / "cpu.pb.gz").read_bytes())
    cpu = sum(row.cpu for row in profile.rows)
    assert 0 < cpu < 0.5e9 and cpu % 10_000_000 == 0
    assert {row.state for row in profile.rows} == {"running"}
    assert 0.25e9 < profile.end < 1e9
    assert any("main.spin" in stack for stack, _, _ in stacks(profile))


@pytest.mark.parametrize("kind", ["block", "mutex"])
def test_block_and_mutex_profiles_are_time_waited_for_locks(go_profiles: Path, kind: str) -> None:
    profile = imported((go_profiles / f"{kind}.pb.gz").read_bytes())
    waited = sum(row.wall for row in profile.rows if row.reason == "sync.Mutex.Lock")
    assert 0.05e9 < waited < 5e9
    assert {row.state for row in profile.rows} == {"waiting"}


def test_a_heap_profile_is_refused_by_name(go_profiles: Path) -> None:
    with pytest.raises(BadFile, match="inuse_space/bytes: not of time, and not of goroutines"):
        imported((go_profiles / "heap.pb.gz").read_bytes())


def test_a_dump_and_the_profile_of_the_same_program_agree(go_profiles: Path) -> None:
    dump = imported((go_profiles / "goroutine.txt").read_bytes())
    assert stacks(dump)["main.receive", "waiting", "chan receive"] == (5 * SECOND, 5)
    (group,) = {id(g): g for row in dump.rows if row.reason for g in [dump.groups[row.group]]}.values()
    assert group.created_by is not None and group.created_by.function == "main.main.func1"
    assert group.entry is not None and group.entry.function == "main.receive"


def test_every_goroutine_of_gos_own_dump_is_read() -> None:
    with Target("states") as target:
        text = target.goroutines()
    profile = imported(text)
    assert sum(row.count for row in profile.rows) == text.count("\ngoroutine ") + text.startswith("goroutine ")
    said = Counter(line.split("[")[1].split("]")[0].split(",")[0] for line in text.splitlines()
                   if line.startswith("goroutine "))  # fmt: skip
    seen: Counter[str] = Counter()
    for row in profile.rows:
        seen[row.reason or row.state] += row.count
    assert seen == said


DUMP = """\
panic: everything

goroutine 7 gp=0xc0 m=nil [chan receive (nil chan), 12 minutes, locked to thread] {"at": "/a \\"b\\"", user: "7"}:
runtime.gopark(0x1?, {0x2, 0x3})
\t/go/src/runtime/proc.go:435 +0xce fp=0x1 sp=0x2 pc=0x3
main.(*T[...]).run({0x5f1520, 0x3a})
\t/src/main.go:40 +0x21f
...12 frames elided...
main.begin()
\t/src/main.go:41
created by main.start in goroutine 1
\t/src/main.go:30 +0x5

goroutine 8 [runnable]:
\tgoroutine running on other thread; stack unavailable
created by main.other
\t/src/main.go:31
rax    0x0
"""


def test_a_panics_dump_tells_minutes_labels_and_creators() -> None:
    profile = imported(DUMP)
    first, second = profile.rows
    assert (first.state, first.reason, first.wait) == ("waiting", "chan receive (nil chan)", 12 * 60 * SECOND)
    functions = [frame.function for frame in profile.stack(first.node)]
    assert functions == ["main.begin", "… frames left out …", "main.(*T[...]).run", "runtime.gopark"]
    group = profile.groups[first.group]
    assert group.labels == {"at": '/a "b"', "user": "7"}
    assert group.created_by is not None and (group.created_by.function, group.created_by.line) == ("main.start", 30)
    assert (second.state, profile.stack(second.node)) == ("runnable", ())


# ---- other tools' ------------------------------------------------------------------------------------------------


def test_collapsed_stacks_of_other_tools_are_read() -> None:
    profile = imported("# perf, 99 Hz\njava;Foo.bar;[k] 12\n\nmain.main;time.Sleep 3.5 \n", unit_ns=1e7)
    assert stacks(profile) == {
        ("java;Foo.bar;[k]", "other", ""): (12e7, 0),
        ("main.main;time.Sleep", "waiting", "sleep"): (3.5e7, 0),
    }


def test_speedscopes_evented_profiles_are_time_between_events() -> None:
    events = [("O", 0, 1), ("O", 1, 2), ("C", 1, 5), ("O", 2, 5), ("C", 2, 6), ("C", 0, 9)]
    value = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": "a"}, {"name": "b", "file": "b.go", "line": 4}, {"name": "c"}]},
        "profiles": [
            {"type": "evented", "name": "thread 1", "unit": "microseconds", "startValue": 0, "endValue": 9,
             "events": [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events]},
            {"type": "sampled", "name": "thread 2", "unit": "seconds", "startValue": 0, "endValue": 2,
             "samples": [[0], [0, 2]], "weights": [0.5, 1.5]},
        ],
    }  # fmt: skip
    profile = imported(json.dumps(value))
    assert {stack: wall for (stack, _, _), (wall, _) in stacks(profile).items()} == {
        "a": 4000.0 + 0.5e9, "a;b": 3000.0, "a;c": 1000.0 + 1.5e9,
    }  # fmt: skip
    assert sorted(group.labels["profile"] for group in profile.groups) == ["thread 1", "thread 2"]


@pytest.mark.parametrize("as_map", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_older_tools_clip_is_read(as_map: bool, zipped: bool) -> None:
    def node(name: str, value: int, *children: dict[str, Any]) -> dict[str, Any]:
        below: Any = {child["name"]: child for child in children} if as_map else list(children)
        return {"name": name, "value": value} | ({"children": below} if children else {})

    tree = node("root", 0, node("main.work", 10, node("sync.(*Mutex).Lock", 4), node("main.x", 6)), node("gc", 3))
    data = json.dumps(tree).encode()
    profile = imported(gzip.compress(data) if zipped else data, unit_ns=1e7)
    assert stacks(profile) == {
        ("main.work;sync.(*Mutex).Lock", "waiting", "sync.Mutex.Lock"): (4e7, 0),
        ("main.work;main.x", "other", ""): (6e7, 0),
        ("gc", "other", ""): (3e7, 0),
    }


def test_pprof_of_other_languages_is_read_by_its_default_type_and_period() -> None:
    strings = ["", "alloc", "count", "wall", "microseconds", "f", "samples", "nanoseconds"]
    table = b"".join(text(6, s) for s in strings) + blob(5, number(1, 1) + number(2, 5))
    table += blob(4, number(1, 1) + blob(4, number(1, 1)))
    both = blob(1, number(1, 1) + number(2, 2)) + blob(1, number(1, 3) + number(2, 4))
    sample = blob(2, packed(1, [1]) + packed(2, [9, 250]))
    assert stacks(imported(both + table + sample + number(14, 3)))["f", "other", ""] == (250_000, 0)
    counted = blob(1, number(1, 6) + number(2, 2)) + blob(11, number(1, 3) + number(2, 7)) + number(12, 10_000_000)
    assert stacks(imported(counted + table + blob(2, packed(1, [1]) + packed(2, [7]))))["f", "other", ""] == (7e7, 0)


@pytest.mark.parametrize(
    ("functions", "found"),
    [
        (["runtime.gopark", "runtime.selectgo", "main.f"], ("waiting", "select")),
        (["runtime.gopark", "runtime.netpollblock", "internal/poll.runtime_pollWait"], ("waiting", "IO wait")),
        (["internal/runtime/syscall.Syscall6", "syscall.RawSyscall6"], ("syscall", "")),
        (["main.compute", "sync.(*Mutex).Lock"], ("other", "")),
        ([], ("other", "")),
    ],
)
def test_a_goroutine_does_what_it_stands_in(functions: Sequence[str], found: tuple[str, str]) -> None:
    assert guess(functions) == found


def test_a_very_deep_stack_keeps_both_of_its_ends() -> None:
    names = [f"f{i}" for i in range(5000)]
    (row,) = (profile := imported(";".join(names) + " 1")).rows
    functions = [frame.function for frame in profile.stack(row.node)]
    assert len(functions) == MAX_DEPTH + 1
    assert (functions[0], functions[MAX_DEPTH // 2], functions[-1]) == ("f0", "… frames left out …", "f4999")


# ---- what is no profile ------------------------------------------------------------------------------------------

EMPTY_SPEEDSCOPE = {"shared": {"frames": []}, "profiles": []}
HOSTILE = {
    "empty": b"",
    "zeros": bytes(5000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a clip": b"\x89FGO\r\n\x1a\n\x01\0\0\0",
    "cut gzip": gzip.compress(b"a;b 1\n" * 1000)[:-20],
    "not gzip": b"\x1f\x8bnothing",
    "gzip bomb": gzip.compress(bytes(MAX_BYTES + 10), 1),
    "many members": gzip.compress(b"") * 10_100,
    "nested JSON": b'{"name":"","value":0,"children":' + b"[" * 100_000,
    "wide JSON": b'{"name":"a","value":1,"children":[' + b"[]," * 6_000_000 + b"[]]}",
    "nested flames": b'{"name":"a","value":9,"children":[' * 600 + b"]}" * 600,
    "flames without names": b'{"name":"a","value":1,"children":[{"value":1}]}',
    "endless line": b"a" * (2 << 20) + b" 1\n",
    "prose": b"a line that ends in 1\n" + b"and then some that do not\n" * 50,
    "infinite": json.dumps({**EMPTY_SPEEDSCOPE, "shared": {"frames": [{"name": "a"}]}, "profiles": [
        {"type": "sampled", "name": "", "unit": "none", "samples": [[0]], "weights": [float("inf")]}]}).encode(),
    "frame not there": json.dumps({**EMPTY_SPEEDSCOPE, "profiles": [
        {"type": "sampled", "name": "", "unit": "none", "samples": [[4]], "weights": [1]}]}).encode(),
    "closes what is not open": json.dumps({**EMPTY_SPEEDSCOPE, "profiles": [
        {"type": "evented", "name": "", "unit": "none", "events": [{"type": "C", "frame": 0, "at": 1}]}]}).encode(),
    "pprof without strings": blob(1, number(1, 1) + number(2, 2)),
    "pprof that ends early": blob(1, number(1, 1) + number(2, 2)) + b"\x32\xff\xff\x03",
    "pprof difference": b"".join([blob(1, number(1, 1) + number(2, 2)), text(6, ""), text(6, "cpu"),
                                  text(6, "nanoseconds"), blob(2, packed(2, [-5]))]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_profile_is_a_typed_error(name: str) -> None:
    with pytest.raises(BadFile) as caught:
        load(from_bytes(HOSTILE[name], "evil"))
    assert caught.value.exit_code == 8 and caught.value.remedy
    assert "\n" not in caught.value.message and len(caught.value.message) < 300


@pytest.mark.parametrize("format", IMPORTS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_profile_or_a_typed_error(format: str, data: bytes) -> None:
    try:
        info, chunk = load(from_bytes(data), format)
    except FlareError:
        return
    assert isinstance(info, ProcessInfo) and isinstance(chunk, Chunk)
    Profile.read(info, chunk)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["name", "value", "children", "shared", "frames", "profiles", "type", "unit", "samples",
                         "weights", "events", "at", "frame"]), inner, max_size=6),
)  # fmt: skip


@pytest.mark.parametrize("format", ["speedscope", "fgo-json"])
@given(value=JSON)
def test_any_json_is_a_profile_or_a_typed_error(format: str, value: Any) -> None:
    with suppress(FlareError):
        load(from_bytes(json.dumps(value).encode()), format)


def test_recordings_of_tests_are_what_they_say() -> None:
    recorded: Fixed = small()
    assert sum(row.wall for row in recorded.profile().rows) == pytest.approx(11_160_074_087.4)
