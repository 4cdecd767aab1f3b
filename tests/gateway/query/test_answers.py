"""What the API answers is what model/ makes of the same chunks; and what it refuses, it refuses in one form."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from flarego.formats.source import Source
from flarego.gateway.query.openapi import document
from flarego.gateway.query.operations import OPERATIONS
from flarego.model.chunk import Chunk, Gone
from flarego.model.diff import compare
from flarego.model.merge import within
from flarego.model.names import package_of
from flarego.model.profile import Profile, Row
from flarego.wire.clip import Clip
from gateway.query.conftest import Api
from gateway.query.programs import INFO, PERIOD_NS, Program

FLAME = f"processes/{INFO.process}/flame"
END = 400 * PERIOD_NS


def fold(chunks: Sequence[Chunk], start: int, end: int = END) -> Profile:
    return Profile.fold(INFO, within(chunks, start, end))


def by_path(profile: Profile, weigh: Callable[[Row], float], invert: bool) -> Mapping[tuple[str, ...], float]:
    """Return the weight of every node of the flame graph, by the functions on the way to it."""
    totals: dict[tuple[str, ...], float] = {}
    for row in profile.rows:
        names = tuple(frame.function for frame in profile.stack(row.node))
        names = names[::-1] if invert else names
        for depth in range(len(names) + 1):
            totals[names[:depth]] = totals.get(names[:depth], 0.0) + weigh(row)
    return {path: total for path, total in totals.items() if total}


def walk(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    yield path, node
    for child in node["children"]:
        yield from walk(child, (*path, child["function"]))


def totals_of(answer: Mapping[str, Any]) -> Mapping[tuple[str, ...], float]:
    return {path: node["total"] for path, node in walk(answer["root"]) if node["total"]}


@pytest.mark.parametrize(
    ("weight", "weigh"),
    [
        ("wall", lambda row: row.wall),
        ("cpu", lambda row: row.cpu),
        ("count", lambda row: row.count),
        ("waiting", lambda row: row.wall * (row.state == "waiting")),
    ],
)
@pytest.mark.parametrize("invert", [False, True])
async def test_a_flame_graph_is_the_sum_of_its_rows(
    api: Api, chunks: list[Chunk], weight: str, weigh: Callable[[Row], float], invert: bool
) -> None:
    answer = await api.one("flame", weight=weight, invert=str(invert).lower(), system="in")
    profile = fold(chunks, END - 60_000_000_000)
    assert (answer["start"], answer["end"]) == (profile.start, profile.end)
    assert totals_of(answer) == by_path(profile, weigh, invert)
    assert answer["left_out"] == {"nodes": 0, "weight": 0, "deeper": False}
    timed = weight != "count"
    assert answer["mean"] == (answer["total"] / profile.span if timed else answer["total"])


async def test_columns_say_what_the_tree_says(api: Api) -> None:
    tree, columns = await api.one("flame"), await api.one("flame", shape="columns")
    strings, nodes = columns["strings"], columns["nodes"]
    paths: list[tuple[str, ...]] = []
    for parent, function in zip(nodes["parent"], nodes["function"], strict=True):
        paths.append((*paths[parent], strings[function]) if parent >= 0 else ())
    assert {path: total for path, total in zip(paths, nodes["total"], strict=True) if total} == totals_of(tree)


async def test_what_bounds_cut_off_is_summed_and_said(api: Api) -> None:
    whole = await api.one("flame")
    few = await api.one("flame", limit=12)
    found = list(walk(few["root"]))
    assert len(found) == 12
    assert few["total"] == whole["total"]
    assert few["left_out"]["nodes"] == len(list(walk(whole["root"]))) - 12
    for _, node in found:
        parts = node["self"] + node["rest"] + sum(child["total"] for child in node["children"])
        assert node["total"] == pytest.approx(parts)
    assert few["left_out"]["weight"] == pytest.approx(sum(node["rest"] for _, node in found))
    lightest = min(node["total"] for _, node in found)
    shown = {path for path, _ in found}
    assert all(node["total"] <= lightest for path, node in walk(whole["root"]) if path not in shown)
    flat = await api.one("flame", depth=2)
    assert flat["left_out"]["deeper"]
    assert max(len(path) for path, _ in walk(flat["root"])) == 2
    assert sum(node["self"] + node["rest"] for _, node in walk(flat["root"])) == pytest.approx(whole["total"])


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({"state": "waiting"}, lambda row, group, stack: row.state == "waiting"),
        ({"state": ["running", "syscall"]}, lambda row, group, stack: row.state in ("running", "syscall")),
        ({"reason": "chan receive"}, lambda row, group, stack: row.reason == "chan receive"),
        ({"label": "tenant=blue"}, lambda row, group, stack: group.labels.get("tenant") == "blue"),
        ({"label": "tenant"}, lambda row, group, stack: "tenant" in group.labels),
        ({"group": "f3"}, lambda row, group, stack: any("f3" in text for text in group.texts())),
        ({"group": "*.F?"}, lambda row, group, stack: any(text[-3:-1] == ".f" for text in group.texts())),
        (
            {"package": "example.com/p4"},
            lambda row, group, stack: any(package_of(frame.function) == "example.com/p4" for frame in stack),
        ),
        ({"state": "waiting", "label": "tenant=red"}, lambda row, group, stack: row.state == "waiting"
         and group.labels.get("tenant") == "red"),
    ],
)  # fmt: skip
async def test_filters(api: Api, chunks: list[Chunk], query: dict[str, Any], keeps: Callable[..., bool]) -> None:
    answer = await api.one("flame", **query)
    profile = fold(chunks, END - 60_000_000_000)
    wall = sum(
        row.wall
        for row in profile.rows
        if not profile.groups[row.group].system
        and keeps(row, profile.groups[row.group], profile.stack(row.node))
    )
    assert answer["total"] == wall > 0


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("60000000000", 60_000_000_000),
        ("-20s", END - 20_000_000_000),
        ("-0.3m", END - 18_000_000_000),
        ("-1m2s500ms", END - 62_500_000_000),
        (f"@{INFO.epoch // 10**9 + 60}", 60_000_000_000),
        (f"@{INFO.epoch // 10**9 + 60}.25", 60_200_000_000),
        (datetime.fromtimestamp(INFO.epoch / 1e9 + 60, UTC).isoformat(), 60_000_000_000),
        (datetime.fromtimestamp(INFO.epoch / 1e9 + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), 60_000_000_000),
        ("0", 0),
    ],
)
async def test_moments(api: Api, start: str, first: int) -> None:
    answer = await api.one("events", **{"from": start})
    assert answer["start"] == first - first % PERIOD_NS
    assert answer["end"] == END


async def test_a_plus_that_became_a_space_is_a_time_zone(api: Api) -> None:
    at = datetime.fromtimestamp(INFO.epoch / 1e9 + 70, UTC).isoformat()
    status, _, body = await api.raw(f"processes/{INFO.process}/events?from={at}")
    assert status == 200, body
    assert json.loads(body)["start"] == 70_000_000_000


async def test_series_are_bucketed(api: Api, chunks: list[Chunk]) -> None:
    answer = await api.one("series", name=["heap.*", "goroutines.running"], step="1s", **{"from": "-10s"})
    assert set(answer["series"]) == {"heap.live", "goroutines.running"}
    assert answer["times"] == [70_000_000_000 + i * 10**9 for i in range(10)]
    for i, at in enumerate(answer["times"]):
        values = [chunk.series["heap.live"] for chunk in chunks if at < chunk.end <= at + 10**9]
        bucket = {key: column[i] for key, column in answer["series"]["heap.live"].items()}
        assert bucket == {"min": min(values), "max": max(values), "avg": pytest.approx(sum(values) / 5)}
    every = await api.one("series")
    assert every["step"] == 200_000_000
    assert set(every["series"]) == set(chunks[0].series)


async def test_groups_are_the_goroutines_at_the_end(api: Api, chunks: list[Chunk]) -> None:
    last = Profile.fold(INFO, within(chunks, END - 1, END))
    own = [row for row in last.rows if not last.groups[row.group].system]
    answers = {by: await api.one("groups", by=by) for by in ("stack", "created", "state", "label")}
    for answer in answers.values():
        assert answer["goroutines"] == sum(row.count for row in own)
        assert sum(group["count"] for group in answer["groups"]) == answer["goroutines"]
        assert [group["count"] for group in answer["groups"]] == sorted(
            (group["count"] for group in answer["groups"]), reverse=True
        )
    red = next(g for g in answers["label"]["groups"] if g["labels"] == {"tenant": "red"})
    assert red["count"] == sum(row.count for row in own if last.groups[row.group].labels == {"tenant": "red"})
    states = {group["state"]: group["count"] for group in answers["state"]["groups"]}
    assert states["running"] == sum(row.count for row in own if row.state == "running")
    before = Profile.fold(INFO, within(chunks, END - 60_000_000_000, END - 60_000_000_000 + 1))
    changed = sum(group["change"] for group in answers["state"]["groups"])
    assert changed == answers["state"]["goroutines"] - sum(
        row.count for row in before.rows if not before.groups[row.group].system
    )
    few = await api.one("groups", limit=3)
    assert len(few["groups"]) == 3
    assert few["left_out"] == len(answers["stack"]["groups"]) - 3


async def test_a_difference_is_that_of_the_model(api: Api, chunks: list[Chunk]) -> None:
    answer = await api.one("diff", **{"from": "-20s", "base_from": "10000000000", "base_to": "-50s"})
    expected = compare(fold(chunks, 10_000_000_000, 30_000_000_000), fold(chunks, END - 20_000_000_000))
    assert answer["goroutines"]["before"] == pytest.approx(expected.whole.before)
    assert answer["goroutines"]["after"] == pytest.approx(expected.whole.after)
    assert len(answer["stacks"]) == min(len(expected.places), 200)
    assert [c["change"] for c in answer["stacks"]] == pytest.approx([c.wall.change for c in expected.places[:200]])
    same = await api.one("diff", base=INFO.process, base_from="-20s", **{"from": "-20s"})
    assert {change["verdict"] for change in same["stacks"]} == {"same"}


async def test_two_processes_are_compared(api: Api, chunks: list[Chunk]) -> None:
    other = Program(stacks=60, seed=2, info=replace(INFO, process="other", epoch=INFO.epoch + 10**12))
    theirs = list(other.chunks(100))
    api.gateway.hub.publish(other.info)
    for chunk in theirs:
        api.gateway.hub.publish(chunk)
    answer = await api.one("diff", base="other", base_from="-10s", **{"from": "-10s"})
    assert (answer["before"]["process"], answer["after"]["process"]) == ("other", INFO.process)
    before = Profile.fold(other.info, within(theirs, 10_000_000_000, 20_000_000_000))
    expected = compare(before, fold(chunks, END - 10_000_000_000))
    assert answer["busy"]["before"] == pytest.approx(expected.busy.before)
    assert answer["busy"]["after"] == pytest.approx(expected.busy.after)
    assert answer["before"]["start"] == other.info.epoch + 10_000_000_000


async def test_events_are_those_of_the_span(api: Api, chunks: list[Chunk]) -> None:
    answer = await api.one("events", **{"from": "-30s"})
    assert answer["events"] == [dict(event) for chunk in chunks[250:] for event in chunk.events]
    newest = await api.one("events", limit=2, kind=["gc", "note"])
    assert newest["events"] == answer["events"][-2:]
    assert newest["left_out"] > 0
    assert (await api.one("events", kind="note"))["events"] == []


async def test_a_clip_of_the_span(api: Api, tmp_path: Any) -> None:
    status, headers, body = await api.get(f"processes/{INFO.process}/clip", **{"from": "-10s"})
    assert status == 200
    assert ".fgo" in headers["Content-Disposition"]
    path = tmp_path / "clip.fgo"
    path.write_bytes(body)
    with Clip.open(path) as clip:
        assert clip.span(INFO.process) == (END - 10_000_000_000, END)


@pytest.mark.parametrize("format", ["collapsed", "pprof", "speedscope"])
async def test_other_formats_hold_the_same(api: Api, format: str) -> None:
    from flarego.formats.registry import load

    total = (await api.one("flame", state="waiting"))["total"]
    status, headers, body = await api.get(FLAME, format=format, state="waiting")
    assert status == 200
    assert headers["Content-Disposition"].startswith("attachment")
    messages = load(Source(io.BytesIO(body), f"answer.{format}"))
    (chunk,) = (message for message in messages if isinstance(message, Chunk))
    profile = Profile.fold(next(m for m in messages if not isinstance(m, Chunk | Gone)), [chunk])  # type: ignore[arg-type]
    assert sum(row.wall for row in profile.rows) == pytest.approx(total)


@pytest.mark.parametrize(
    ("format", "begins"), [("svg", b"<?xml"), ("html", b"<!doctype"), ("rows", b"{"), ("gecko", b"{")]
)
async def test_files_are_never_shown_by_the_browser(api: Api, format: str, begins: bytes) -> None:
    filters = {"package": "example.com/p4", "label": "tenant", "group": "f*", "from": "-3s"}
    status, headers, body = await api.get(FLAME, format=format, weight="waiting", **filters)
    assert status == 200
    assert (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).startswith(begins)
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_everything_answers_as_it_is_described(api: Api) -> None:
    described = document()
    base = f"processes/{INFO.process}"
    for operation in OPERATIONS:
        if not operation.answer:
            continue
        path = operation.path.removeprefix("/api/v1/").replace("processes/{process}", base)
        status, _, body = await api.get(path)
        assert status == 200, (path, body)
        schema = {"$ref": f"#/components/schemas/{operation.answer}", "components": described["components"]}
        jsonschema.validate(json.loads(body), schema, jsonschema.Draft202012Validator)


async def test_a_list_of_processes_and_one_of_them(api: Api) -> None:
    _, _, body = await api.get("processes")
    (listed,) = json.loads(body)["processes"]
    assert listed["process"] == INFO.process
    assert listed["labels"] == {"app": "orders"}
    assert listed["gone"] == ""
    api.gateway.hub.publish(Gone(INFO.process, END, "exited"))
    _, _, body = await api.get(f"processes/{INFO.process}")
    one = json.loads(body)
    assert one["gone"] == "exited"
    assert (one["start"], one["end"], one["chunks"]) == (0, END, 400)
    assert one["reasons"] == list(INFO.reasons)
    assert "heap.live" in one["series"]


async def test_the_status_tells_how_much_there_is(api: Api) -> None:
    api.gateway.hub.warn(["Redis is away"])
    _, _, body = await api.get("status")
    status = json.loads(body)
    assert status["warnings"] == ["Redis is away"]
    assert status["namespaces"] == [
        {"namespace": "default", "processes": 1, "bytes": api.gateway.hub.channels()[0].log.size}
    ]
    assert status["sums"]["bytes"] > 0


async def test_people_get_a_page_and_programs_a_description(api: Api) -> None:
    status, headers, body = await api.get("")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'sha256-")
    assert b"openapi.json" in body
    assert all(operation.path.encode() in body for operation in OPERATIONS)
    _, _, body = await api.get("openapi.json")
    described = json.loads(body)
    assert described["openapi"] == "3.1.0"
    assert all("curl" in path["get"]["description"] for path in described["paths"].values())


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"from": "yesterday"}, "from has to be a moment"),
        ({"from": "-"}, "from has to be a moment"),
        ({"from": "NaN"}, "from has to be a moment"),
        ({"from": "1e400"}, "from has to be a moment"),
        ({"from": "9" * 400}, "from has to be a moment"),
        ({"from": "2026-11-24T03:00:00"}, "from has to be a moment"),
        ({"from": "9999-12-31T23:59:59-23:59", "to": "0"}, "from is not before to"),
        ({"from": "-1m", "to": "-2m"}, "from is not before to"),
        ({"limit": "0"}, "limit has to be"),
        ({"limit": "-1"}, "limit has to be"),
        ({"limit": "1e3"}, "limit has to be"),
        ({"limit": "٣"}, "limit has to be"),
        ({"depth": "9" * 30}, "depth has to be"),
        ({"weight": "heavy"}, "weight has to be one of"),
        ({"invert": "maybe"}, "invert has to be"),
        ({"format": "../../etc/passwd"}, "format has to be one of"),
        ({"weigth": "wall"}, "there is no parameter 'weigth'"),
        ({"from": ["0", "1"]}, "from is given 2 times"),
        ({"state": ["x"] * 33}, "state is given 33 times"),
        ({"group": "x" * 1025}, "group has more than"),
        ({"namespace": "UPPER/.."}, "that is no name of a namespace"),
    ],
)
async def test_what_cannot_be_understood_is_refused(api: Api, query: dict[str, Any], error: str) -> None:
    status, said = await api.refused(FLAME, **query)
    assert status == 400
    assert said.startswith(error)


@pytest.mark.parametrize(
    "path",
    ["nope", "..%2F..%2Fetc%2Fpasswd", "%00", "a" * 129, "%E2%80%AE", f"{INFO.process}%2Fflame", "..", "%2e%2e"],
)
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    status, _, _ = await api.raw(f"processes/{path}/flame")
    assert status == 404
    status, _, _ = await api.raw(f"processes/{INFO.process}/diff?base={path}")
    assert status in (400, 404)


async def test_spans_of_which_nothing_is_kept_are_not_found(api: Api) -> None:
    for span in ({"from": "@0", "to": "@1"}, {"from": "9" * 17, "to": "9" * 18}):
        status, said = await api.refused(FLAME, **span)
        assert (status, said) == (404, "nothing is kept of that span")
    status, _ = await api.refused(f"processes/{INFO.process}/series", step="1ms")
    assert status == 400
