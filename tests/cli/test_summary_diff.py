"""What clips come to in a terminal and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from model.recorded import Seen, chunk
from wire.streams import INFO

from cli.running import flarego, on_terminal
from flarego.wire.clip import ClipWriter

STEP = 10
HOSTILE = "main.\x1b[31mEvil\x07\r\nname"


def clip(path: Path, *moments: Sequence[Seen], name: str = "orders", cut: int = 0) -> Path:
    with path.open("wb") as file:
        writer = ClipWriter(file)
        writer.write(replace(INFO, name=name))
        for number, seen in enumerate(moments):
            series = {"heap.live": 1e6 * (number + 1), "heap.goal": 8e6, "heap.total_alloc": 5e7 * number}
            series |= {"sched.latency.p50": 2e3, "sched.latency.p99": 9e5, "runq.global": 1, "runq.local": 2}
            events = [{"kind": "gc", "at": number * STEP * 10**9, "cycle": number, "pause": 1000 * (number + 1)}]
            writer.write(chunk(*seen, number=number, seconds=STEP, series=series, events=events))
        writer.close()
    if cut:
        path.write_bytes(path.read_bytes()[:-cut])
    return path


def leak(count: int) -> Seen:
    return Seen(["main.main", "main.handle", "main.send"], count, reason="select", created_by="main.serve", wait=5e9)


LOCK = Seen(["main.main", "main.handle", "main.lock"], 3, wait=9e9, cpu=1e9)
IDLE = Seen(["main.worker"], 100)


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    return clip(tmp_path / "leak.fgo", *([leak(10 + 4 * moment), LOCK, IDLE] for moment in range(8)))


def test_a_summary_says_where_time_went_and_who_waited(leaking: Path) -> None:
    done = flarego("replay", leaking, "--summary")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "\x1b" not in text
    assert re.search(r"^orders  pid 17  go1\.27\.3  example\.com/orders", text)
    assert "1 min 20 s from" in text and "141 goroutines at the end, 100 idle" in text
    assert re.search(r"24\.0 +88\.9 % +select +main\.send +main\.go:7 +main\.serve", text)
    assert re.search(r"9 s +3 +chan receive +main\.lock", text)
    assert "main.worker" not in text
    assert "8 cycles" in text and "at most 8 µs" in text and "goal 7.63 MiB" in text
    assert re.search(r"10 → \d+ → \d+ → \d+ → \d+ → 38", text)


def test_a_summary_fits_eighty_columns_of_a_terminal(leaking: Path) -> None:
    with on_terminal("replay", str(leaking), "--summary") as terminal:
        terminal.expect("latency")
        said = terminal._said
        assert terminal.wait() == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert "\x1b[" in said
    assert max(map(len, plain.splitlines())) <= 80
    assert "main.send" in plain


def test_a_summary_for_programs(leaking: Path) -> None:
    told = json.loads(flarego("replay", leaking, "--json").stdout)
    (process,) = told["processes"]
    assert told["problem"] == ""
    assert process["pid"] == 17 and process["start"] == INFO.epoch
    assert process["states"][0] == {"state": "waiting", "reason": "chan receive", "mean": 103, "cpu": 8e9, "count": 103}
    stack = process["stacks"][0]
    assert (stack["function"], stack["created_by"]) == ("main.send", "main.serve")
    assert (stack["mean"], stack["count"]) == (24, 38)
    assert [frame["function"] for frame in stack["frames"]] == ["main.send", "main.handle", "main.main"]
    assert process["waits"][0]["longest_wait"] == 9e9
    assert process["suspects"][0]["counts"][-1] == 38
    assert process["gc"] == {"cycles": 8, "paused": 36000, "longest": 8000}
    assert process["series"]["heap.live"]["most"] == 8e6
    assert process["rates"]["heap.total_alloc"] == pytest.approx(5e6)


def test_a_clip_that_was_cut_is_summed_up_and_says_so(tmp_path: Path) -> None:
    path = clip(tmp_path / "cut.fgo", [LOCK], [LOCK], cut=20)
    told = json.loads(flarego("replay", path, "--json").stdout)
    assert told["problem"]
    assert "note: " in flarego("replay", path, "--summary").stdout


def test_names_from_a_clip_cannot_control_a_terminal(tmp_path: Path) -> None:
    seen = replace(LOCK, stack=[HOSTILE], created_by=HOSTILE, reason="select", entry="main.x")
    path = clip(tmp_path / "evil.fgo", [seen], name="evil\x1b[2J\nname")
    for arguments in (["replay", path, "--summary"], ["diff", path, path], ["top", path]):
        done = flarego(*arguments)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    before = clip(tmp_path / "before.fgo", [LOCK, IDLE], [LOCK, IDLE])
    after = clip(tmp_path / "after.fgo", [replace(LOCK, count=9), replace(leak(4), stack=["main.new", "main.send"])])
    return before, after


def test_diff_says_more_new_and_by_how_much(pair: tuple[Path, Path]) -> None:
    done = flarego("diff", *pair)
    assert done.returncode == 0, done.stderr
    assert "goroutines  103 → 13.0 in the mean" in done.stdout
    assert re.search(r"▲ more +\+6\.00 +3\.00 +9\.00 +\N{MINUS SIGN}30\.8 +chan receive +main\.lock", done.stdout)
    assert re.search(r"✚ new +\+4\.00 +0 +4\.00 +\+30\.8 +select +main\.send", done.stdout)
    assert flarego("diff", *pair, "--summary").stdout == done.stdout


def test_diff_the_other_way_round_says_less_and_gone(pair: tuple[Path, Path]) -> None:
    text = flarego("diff", *pair[::-1]).stdout
    assert re.search(r"▼ less .* main\.lock", text)
    assert re.search(r"✖ gone .* main\.send", text)


def test_diff_for_programs(pair: tuple[Path, Path]) -> None:
    told = json.loads(flarego("diff", *pair, "--json").stdout)
    assert told["goroutines"]["before"] == 103
    assert told["busy"] == {"before": 3, "after": 13, "change": 10, "ratio": 10 / 3}
    lock, new = told["stacks"]
    assert (lock["verdict"], lock["before"], lock["after"], lock["function"]) == ("more", 3, 9, "main.lock")
    assert (new["verdict"], new["ratio"]) == ("new", None)
    assert lock["share"]["after"] == pytest.approx(9 / 13)
    assert {state["reason"] for state in told["states"]} == {"chan receive", "select"}


def test_a_clip_is_no_different_from_itself(pair: tuple[Path, Path]) -> None:
    text = flarego("diff", pair[0], pair[0]).stdout
    assert "(same)" in text and "▲" not in text


def test_diff_of_what_is_no_clip(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    text = tmp_path / "text.fgo"
    text.write_text("no clip at all")
    done = flarego("diff", pair[0], text)
    assert done.returncode == 8
    assert done.stderr.startswith("flarego: ") and "remedy: " in done.stderr
    assert done.stdout == ""
    assert flarego("diff", pair[0], tmp_path / "nothing.fgo").returncode == 2
    assert flarego("diff", *pair, "--json", "--summary").returncode == 2
    assert flarego("diff", pair[0]).returncode == 2


def test_diff_opens_the_page_with_both(pair: tuple[Path, Path]) -> None:
    with on_terminal("diff", *map(str, pair), "--open", "--listen", "127.0.0.1:0") as terminal:
        terminal.expect(r"http://\S+")
        terminal.type("\x03")
        assert terminal.wait() == 0
