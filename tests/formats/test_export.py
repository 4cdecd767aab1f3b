"""Every export, compared with the recording's own totals by the programs that people open it with."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from flarego.formats.category import COLOURS, category_of
from flarego.formats.collapsed import escape, unescape
from flarego.formats.registry import EXPORTS, exporter, guess_export
from flarego.model.profile import BadRows
from formats.foreign import pprof, pprof_top, speedscope
from formats.recordings import Fixed, Seen, Stream, recording, small
from formats.trace_processor import TraceProcessor

STATIC = Path(__file__).resolve().parents[2] / "flarego" / "static"


def written(format: str, recorded: Fixed) -> bytes:
    out = io.BytesIO()
    exporter(format).export(recorded, out)
    return out.getvalue()


def saved(format: str, recorded: Fixed, folder: Path) -> Path:
    path = folder / f"clip{EXPORTS[format].suffixes[0]}"
    path.write_bytes(written(format, recorded))
    return path


def total(recorded: Fixed) -> float:
    return sum(map(recorded.weigh, recorded.profile().rows))


# ---- pprof -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "weight"), [("wall", "wall"), ("cpu", "cpu"), ("goroutines", "count")])
def test_go_tool_pprof_shows_the_same_totals(index: str, weight: str, tmp_path: Path) -> None:
    recorded = small(weight=weight)
    whole, functions = pprof_top(saved("pprof", recorded, tmp_path), index)
    assert whole == pytest.approx(total(recorded), abs=5)
    profile = recorded.profile()
    for name in ("main.main", "main.worker", "runtime.gcBgMarkWorker"):
        inside = sum(
            recorded.weigh(row) for row in profile.rows if name in [f.function for f in profile.stack(row.node)]
        )
        assert functions.get(name, (0, 0))[1] == pytest.approx(inside, abs=5)


def test_go_tool_pprof_knows_states_reasons_creators_and_labels(tmp_path: Path) -> None:
    path = saved("pprof", small(), tmp_path)
    _, functions = pprof_top(path, "wall", "-tagfocus=reason=chan receive")
    assert functions["main.main"][1] == 8_400_000_000
    assert "runtime.gcBgMarkWorker" not in functions
    tags = pprof(path, "-tags", "-sample_index=goroutines")
    for expected in ("state: Total", "chan receive", "created_by", "main.start", "label.state", "/orders"):
        assert expected in tags


def test_inlined_frames_are_lines_of_one_location(tmp_path: Path) -> None:
    text = pprof(saved("pprof", small(), tmp_path), "-raw")
    assert re.search(r"main\.inlined /src/13\.go:13.*\n\s+main\.serve /src/10\.go:10", text)


def test_pprof_opens_at_the_weight_that_was_asked_for(tmp_path: Path) -> None:
    assert "Type: goroutines" in pprof(saved("pprof", small(weight="count"), tmp_path), "-top")


# ---- speedscope, collapsed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["speedscope", "collapsed", "pprof"])
@pytest.mark.parametrize("weight", ["wall", "count"])
def test_speedscopes_own_importer_finds_the_same_totals(
    browser: Browser, format: str, weight: str, tmp_path: Path
) -> None:
    recorded = small(weight=weight)
    totals = speedscope(browser, saved(format, recorded, tmp_path))
    first, *others = totals.values()
    assert first == pytest.approx(total(recorded), abs=5)
    if format == "speedscope":
        assert sum(others) == first
        assert totals["waiting: chan receive"] == (7 if weight == "count" else 8.4e9)


def test_collapsed_stacks_say_states_first_last_or_not() -> None:
    def lines(where: str) -> list[str]:
        return written("collapsed", small(state_frame=where, states=["running"])).decode().splitlines()

    assert lines("first") == ["[running];main.main;main.serve;main.inlined 900000015"]
    assert lines("last") == ["main.main;main.serve;main.inlined;[running] 900000015"]
    assert lines("none") == ["main.main;main.serve;main.inlined 900000015"]


def test_names_cannot_end_a_frame_or_a_line() -> None:
    text = written("collapsed", recording([Stream().chunk(Seen("f[struct { a int\nb int }] 12%3B"))])).decode()
    assert text == "[waiting: chan receive];f[struct { a int%0Ab int }] 12%253B 1000000\n"
    assert escape("a;b") == "a%3Bb"


@given(st.text())
def test_an_escaped_name_is_one_frame_on_one_line_and_comes_back(name: str) -> None:
    assert not set(escape(name)) & set(";\r\n")
    assert unescape(escape(name)) == (name or "?")


# ---- Perfetto ----------------------------------------------------------------------------------------------------


def test_perfettos_trace_processor_finds_the_same_totals() -> None:
    recorded = small()
    profile = recorded.profile()
    with TraceProcessor(written("perfetto", recorded)) as trace:
        errors = trace.query("select name, value from stats where severity = 'error' and value > 0")
        assert not list(errors)
        by_state = {
            row.name: row.total
            for row in trace.query("""
                select name, sum(value * span) as total from (
                    select track.name as name, value, lead(ts) over (partition by track_id order by ts) - ts as span
                    from counter join track on track_id = track.id join track parent on track.parent_id = parent.id
                    where parent.name = 'goroutines by state') group by name""")
        }
        groups = {
            row.name: (row.wall, row.cpu)
            for row in trace.query("""
                select track.name as name, sum(extract_arg(arg_set_id, 'debug.wall_ns')) as wall,
                    sum(extract_arg(arg_set_id, 'debug.cpu_ns')) as cpu
                from slice join track on track_id = track.id join track parent on track.parent_id = parent.id
                where parent.name = 'goroutine groups' group by track.name""")
        }
        collections = [row.name for row in trace.query("select name from slice where name like 'GC %' or dur > 0 and "
                                                       "name = 'collecting' order by ts")]  # fmt: skip
        heap = trace.one("select max(value) from counter join track on track_id = track.id where name = 'heap.live'")
        process = trace.one("select name from process where pid = 7")
    assert sum(by_state.values()) == pytest.approx(total(recorded))
    assert by_state["waiting: chan receive"] == pytest.approx(8.4e9)
    assert sum(wall for wall, _ in groups.values()) == pytest.approx(total(recorded))
    assert sum(cpu for _, cpu in groups.values()) == pytest.approx(sum(row.cpu for row in profile.rows))
    assert "created by main.start {endpoint=/orders, state=open}" in groups
    assert collections == ["collecting", "GC 4 done"]
    assert heap == 5e6
    assert process == "orders"


def test_a_lanes_slice_ends_where_its_goroutines_do_something_else() -> None:
    stream = Stream()
    chunks = [stream.chunk(Seen("a", reason=reason, wall=2e8)) for reason in ("select", "select", "sleep")]
    with TraceProcessor(written("perfetto", recording(chunks))) as trace:
        slices = [(row.ts, row.dur, row.name) for row in trace.query("select ts, dur, name from slice order by ts")]
    assert slices == [(0, 400_000_000, "waiting: select"), (400_000_000, 200_000_000, "waiting: sleep")]


# ---- the Firefox profiler ----------------------------------------------------------------------------------------


def test_gecko_tables_agree_with_each_other_and_with_the_totals() -> None:
    recorded = small()
    profile = json.loads(written("gecko", recorded))
    strings, categories = profile["shared"]["stringArray"], profile["meta"]["categories"]
    assert profile["meta"]["preprocessedProfileVersion"] == 57
    assert [category["color"] for category in categories].count("grey") == 1
    weight = 0.0
    for thread in profile["threads"]:
        samples, stacks, frame_table = thread["samples"], thread["stackTable"], thread["frameTable"]
        functions = thread["funcTable"]
        for table in (samples, stacks, frame_table, functions, thread["markers"]):
            assert {len(column) for column in table.values() if isinstance(column, list)} <= {table["length"]}
        assert samples["time"] == sorted(samples["time"])
        assert all(stack is None or 0 <= stack < stacks["length"] for stack in samples["stack"])
        assert all(prefix is None or prefix < i for i, prefix in enumerate(stacks["prefix"]))
        assert all(frame < frame_table["length"] for frame in stacks["frame"])
        assert all(function < functions["length"] for function in frame_table["func"])
        assert all(name < len(strings) for name in functions["name"])
        for category, subcategory in zip(frame_table["category"], frame_table["subcategory"], strict=True):
            assert subcategory < len(categories[category]["subcategories"])
        weight += sum(samples["weight"])
    assert weight * 1e6 == pytest.approx(total(recorded))
    assert profile["threads"][0]["markers"]["data"] == [{"type": "GC", "cycle": 4, "pause": 0.06}]
    counters = {counter["name"]: counter["samples"] for counter in profile["counters"]}
    assert sum(counters["heap.live"]["count"]) == 5e6
    assert sum(counters["goroutines.waiting"]["count"]) == 15


def test_gecko_threads_are_groups_and_the_small_ones_share_one() -> None:
    rows = [Seen("a", wall=1e6 * (i + 1), created_by=f"main.f{i}") for i in range(60)]
    recorded = recording([Stream().chunk(*rows)])
    threads = json.loads(written("gecko", recorded))["threads"]
    assert [thread["name"] for thread in threads[:2]] == ["created by main.f59", "created by main.f58"]
    assert (len(threads), threads[-1]["name"]) == (40, "21 more groups")
    assert sum(sum(t["samples"]["weight"]) for t in threads) * 1e6 == pytest.approx(total(recorded))


# ---- SVG, JSON ---------------------------------------------------------------------------------------------------


def boxes(recorded: Fixed) -> dict[str, float]:
    """Return the width of each box by the first line of its title."""
    root = ElementTree.fromstring(written("svg", recorded).decode())
    space = "{http://www.w3.org/2000/svg}"
    found = {}
    for group in root.iter(f"{space}g"):
        title, rect = group.find(f"{space}title"), group.find(f"{space}rect")
        assert title is not None and title.text is not None and rect is not None
        found[title.text.split("\n")[0]] = float(rect.get("width", 0))
    return found


def test_svg_boxes_are_as_wide_as_their_share() -> None:
    widths = boxes(small())
    assert widths["main.worker"] > 0
    assert widths["[waiting: chan receive]"] / widths["all"] == pytest.approx(8.4 / 11.16, rel=0.01)


def test_svg_is_safe_whatever_functions_are_called() -> None:
    name = """</title><script>alert(1)</script>"&\x00\x1b[31m"""
    text = written("svg", recording([Stream().chunk(Seen(f"{name};leaf"))])).decode()
    root = ElementTree.fromstring(text)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "\x00" not in text and "\x1b" not in text and " on" not in re.sub(r">[^<]*<", "", text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_colours_and_categories_are_the_pages_own() -> None:
    script = (STATIC / "paint" / "colour.js").read_text()
    palette = dict(re.findall(r'^  (\w+): "(#[0-9a-f]{6})",$', script, re.MULTILINE))
    assert {name: palette[name] for name in COLOURS} == COLOURS
    names = re.findall(r'\{ id: "(\w+)"', (STATIC / "model" / "category.js").read_text())
    assert set(names) == set(COLOURS)
    assert category_of("waiting", "sync.Mutex.Lock") == "lock"
    assert category_of("waiting", "GC worker (idle)") == "gc"


def test_json_holds_everything_and_its_totals() -> None:
    recorded = small(reasons=["chan receive", ""])
    value = json.loads(written("json", recorded))
    assert sum(row["wall_ns"] for row in value["rows"]) == pytest.approx(total(recorded), abs=5)
    worker = next(row for row in value["rows"] if row["reason"] == "chan receive")
    stack = [value["frames"][i]["function"] for i in value["stacks"][worker["stack"]]]
    assert stack == ["main.main", "main.worker", "runtime.gopark"]
    assert value["groups"][worker["group"]]["labels"] == {"endpoint": "/orders", "state": "open"}
    assert worker["longest_wait_ns"] == 9_000_000_000
    assert value["series"]["time_ns"] == [200_000_000 * (i + 1) for i in range(6)]
    assert {len(column) for column in value["series"].values()} == {6}
    assert value["events"] == [{"kind": "gc", "at": 600_000_005, "cycle": 4, "pause": 60_000}]


# ---- clips that nobody of ours wrote -----------------------------------------------------------------------------

ALL = [format for format in EXPORTS if format != "html"]
WRONG = {
    "node": array("I", [99]), "group": array("I", [7]), "wall": array("d", [float("nan")]),
    "cpu": array("d", [-1.0]), "wait": array("d", [float("inf")]),
}  # fmt: skip


@pytest.mark.parametrize("format", ALL)
@pytest.mark.parametrize("column", WRONG)
def test_rows_that_make_no_sense_are_a_typed_error(format: str, column: str) -> None:
    chunk = Stream().chunk(Seen("main"))
    broken = replace(chunk, rows={**chunk.rows, column: WRONG[column].tobytes()})
    with pytest.raises(BadRows):
        written(format, recording([broken]))


@pytest.mark.parametrize("format", ALL)
def test_events_and_series_may_be_anything(format: str) -> None:
    events = [{"kind": "gc", "at": "soon", "cycle": None}, {"at": float("inf"), b"x": b"\xff", "deep": [{"a": [1]}]}]
    series = {"heap.live": float("nan"), "goroutines.waiting": float("inf"), "odd": 1.0}
    data = written(format, recording([Stream().chunk(Seen("main"), series=series, events=events)]))
    if format in ("json", "gecko", "speedscope"):
        json.loads(data, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize("format", ALL)
def test_a_span_without_anything_is_empty_and_no_error(format: str) -> None:
    nothing = Fixed(cast(Any, None), small().process, 0, 10**9)
    assert written(format, nothing) is not None


# ---- names of files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.pb.gz", "pprof"), ("b/A.PPROF", "pprof"), ("x.speedscope.json", "speedscope"), ("x.gecko.json", "gecko"),
     ("x.json", "json"), ("x.folded", "collapsed"), ("x.pftrace", "perfetto"), ("x.html", "html"), ("x.zip", None)],
)  # fmt: skip
def test_the_name_of_a_file_tells_its_format(name: str, format: str | None) -> None:
    assert guess_export(name) == format
