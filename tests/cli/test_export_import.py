"""`flarego export` and `flarego import`, as a user runs them, on a clip of a real program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from formats.foreign import pprof_top
from formats.live import record
from formats.recordings import small
from formats.trace_processor import TraceProcessor

from cli.running import assert_refused, flarego
from flarego import demo
from flarego.cli.moment import MomentType
from flarego.formats.recording import Recording
from flarego.wire.clip import Clip, ClipWriter

FORMATS = ("pprof", "collapsed", "speedscope", "perfetto", "gecko", "svg", "html", "json")
HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of the demo service."""
    path = tmp_path_factory.mktemp("clip") / "demo.fgo"
    with demo.start(demo.build(), goroutines=300) as service:
        record(service.pid, path, 3)
    return path


@pytest.fixture
def little(tmp_path: Path) -> Path:
    """A clip that the test knows by heart: tests/formats/recordings.py, `small`."""
    recorded = small()
    path = tmp_path / "little.fgo"
    with path.open("wb") as file:
        writer = ClipWriter(file)
        writer.write(recorded.process)
        for chunk in recorded.held:
            writer.write(chunk)
        writer.close()
    return path


def whole(clip: Clip) -> Recording:
    (process,) = clip.processes
    return Recording(clip, process, *clip.span(process.process))


@pytest.fixture
def totals(clip: Path) -> Iterator[dict[str, float]]:
    with Clip.open(clip) as opened:
        rows = whole(opened).profile().rows
        yield {"wall": sum(row.wall for row in rows), "cpu": sum(row.cpu for row in rows),
               "goroutines": sum(row.count for row in rows), "rows": len(rows)}  # fmt: skip


def export(clip: Path, name: str, *options: str) -> Path:
    path = clip.parent / name
    done = flarego("export", clip, "-o", path, *options)
    assert done.returncode == 0, done.stderr
    return path


def test_every_tool_finds_the_totals_of_a_real_recording(clip: Path, totals: dict[str, float]) -> None:
    """To within the rounding of each row to a whole ns."""
    near = pytest.approx(totals["wall"], abs=totals["rows"])
    profile = export(clip, "demo.pb.gz")
    for index in ("wall", "cpu", "goroutines"):
        assert pprof_top(profile, index)[0] == pytest.approx(totals[index], abs=totals["rows"])
    lines = export(clip, "demo.folded").read_text().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == near
    first = json.loads(export(clip, "demo.speedscope.json").read_text())["profiles"][0]
    assert sum(first["weights"]) == first["endValue"] == near
    threads = json.loads(export(clip, "demo.gecko.json").read_text())["threads"]
    assert sum(sum(thread["samples"]["weight"]) for thread in threads) * 1e6 == near
    assert sum(row["wall_ns"] for row in json.loads(export(clip, "demo.json").read_text())["rows"]) == near
    with TraceProcessor(export(clip, "demo.pftrace").read_bytes()) as trace:
        assert trace.one("select sum(extract_arg(arg_set_id, 'debug.wall_ns')) from slice") == near
        assert not list(trace.query("select name from stats where severity = 'error' and value > 0"))


@pytest.mark.parametrize("ending", ["pb.gz", "folded", "speedscope.json"])
def test_an_export_imported_again_has_the_same_totals(clip: Path, totals: dict[str, float], ending: str) -> None:
    back = clip.parent / "back.fgo"
    done = flarego("import", export(clip, f"again.{ending}"), "-o", back)
    assert done.returncode == 0, done.stderr
    with Clip.open(back) as opened:
        rows = whole(opened).profile().rows
        assert sum(row.wall for row in rows) == pytest.approx(totals["wall"], abs=totals["rows"])


def test_a_span_holds_what_was_in_it_and_nothing_else(clip: Path, totals: dict[str, float]) -> None:
    def wall(*options: str) -> float:
        rows = json.loads(export(clip, "part.json", *options).read_text())["rows"]
        return float(sum(row["wall_ns"] for row in rows))

    with Clip.open(clip) as opened:
        (process,) = opened.processes
        start, end = opened.span(process.process)
    middle = f"{(end - start) / 2e9:.3f}s"
    first, second = wall("--to", middle), wall("--from", middle)
    chunk = 0.3 / 2 * totals["wall"]  # the one in the middle is in both
    assert totals["wall"] - totals["rows"] <= first + second <= totals["wall"] + chunk
    assert wall("--from", f"-{middle}") == pytest.approx(second, rel=0.2)
    clock = datetime.fromtimestamp((process.epoch + (start + end) // 2) / 1e9).isoformat()
    assert wall("--from", clock) == pytest.approx(second, rel=0.2)
    assert wall("--state", "waiting", "--reason", "select") < wall("--state", "waiting") < totals["wall"]


def test_groups_are_chosen_by_who_made_them_or_by_label(little: Path) -> None:
    def lines(*options: str) -> list[str]:
        return flarego("export", little, "-f", "collapsed", "-o", "-", *options).stdout.splitlines()

    everything = lines()
    assert len(everything) == 6
    assert len(lines("--group", "main.start")) == 2
    assert lines("--group", "endpoint=/orders") == [
        "[waiting: chan receive];main.main;main.worker;runtime.gopark 8400000000"
    ]
    assert lines("--group", "runtime.gcStart", "--weight", "count") == [
        "[waiting: GC worker (idle)];runtime.gcBgMarkWorker 1"
    ]
    assert lines("--state", "running", "--weight", "cpu") == ["[running];main.main;main.serve;main.inlined 720000000"]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--state", "sleeping"), 3, "nothing in that span passes the filters"),
        (("--from", "2s"), 3, r"the recording is 1\.2 s long"),
        (("--from", "1s", "--to", "0.5s"), 3, "--to is not after --from"),
        (("--process", "nobody"), 3, "holds no process nobody"),
    ],
)
def test_what_is_not_there_is_said(little: Path, options: tuple[str, ...], code: int, says: str) -> None:
    assert_refused(flarego("export", little, "-o", little.parent / "x.svg", *options), code, says)
    assert not (little.parent / "x.svg").exists()


def test_a_file_appears_when_it_is_whole(little: Path) -> None:
    (little.parent / "folder.svg").mkdir()
    assert_refused(flarego("export", little, "-o", little.parent / "folder.svg"), 1, "cannot write")
    assert_refused(flarego("export", little, "-o", little.parent / "none" / "x.svg"), 1, "cannot write")
    assert sorted(path.name for path in little.parent.iterdir()) == ["folder.svg", "little.fgo"]


def test_the_format_has_to_be_known(little: Path) -> None:
    done = flarego("export", little, "-o", "-")
    assert done.returncode == 2 and "--format pprof|collapsed|" in done.stderr
    assert flarego("export", little, "-o", "-", "--format", "svg").stdout.startswith("<?xml")


def test_a_goroutine_dump_can_come_through_a_pipe(tmp_path: Path) -> None:
    dump = "goroutine 1 [select, 3 minutes]:\nmain.main()\n\t/src/main.go:3 +0x1\n"
    done = flarego("import", "-", "-o", tmp_path / "now.fgo", "--name", "orders", input=dump)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "orders: 1 different stacks and states, imported from a goroutine dump\n"
    shown = flarego("export", tmp_path / "now.fgo", "-o", "-", "-f", "json")
    (row,) = json.loads(shown.stdout)["rows"]
    assert (row["reason"], row["longest_wait_ns"], row["count"]) == ("select", 180_000_000_000, 1)


def test_a_unit_tells_what_samples_stand_for(tmp_path: Path) -> None:
    (tmp_path / "perf.folded").write_text("main;work 7\n")
    flarego("import", tmp_path / "perf.folded", "-o", tmp_path / "perf.fgo", "--unit", "10ms")
    shown = flarego("export", tmp_path / "perf.fgo", "-o", "-", "-f", "collapsed", "--state-frame", "none")
    assert shown.stdout == "main;work 70000000\n"


def test_what_cannot_be_imported_is_refused(tmp_path: Path, little: Path) -> None:
    (tmp_path / "notes.txt").write_text("no profile\n")
    assert_refused(flarego("import", tmp_path / "notes.txt", "-o", tmp_path / "x.fgo"), 8, "none of the formats")
    assert_refused(flarego("import", little, "-o", tmp_path / "x.fgo"), 8, "is a clip already")
    assert not (tmp_path / "x.fgo").exists()


@pytest.mark.parametrize(
    ("text", "at"),
    [("12.5s", 13.5), ("1m30s", 91), ("90", 91), ("250ms", 1.25), ("-10s", 191), ("-1m", 141), ("0", 1)],
)
def test_moments_count_from_the_beginning_or_back_from_the_end(text: str, at: float) -> None:
    moment = MomentType().convert(text, None, None)
    assert moment.within(10**9, 201 * 10**9, 0) == round(at * 1e9)


def test_a_time_of_day_is_that_of_the_recording_even_past_midnight() -> None:
    epoch = int(datetime(2026, 11, 23, 23, 0).timestamp()) * 10**9
    convert = MomentType().convert
    assert convert("23:30:00.5", None, None).within(0, 2 * HOUR_NS, epoch) == HOUR_NS // 2 + 500_000_000
    assert convert("00:30", None, None).within(0, 2 * HOUR_NS, epoch) == HOUR_NS * 3 // 2
    assert convert("2026-11-24T00:15:00", None, None).within(0, 2 * HOUR_NS, epoch) == HOUR_NS * 5 // 4


def test_help_names_every_format() -> None:
    assert "|".join(FORMATS) in re.sub(r"\s+", "", flarego("export", "--help").stdout)
