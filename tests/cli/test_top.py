"""`flarego top` at a terminal, of real processes and of clips."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from model.recorded import Seen
from targets import Target

from cli.running import assert_refused, flarego
from cli.screen import watched
from cli.test_summary_diff import HOSTILE, IDLE, LOCK, clip, leak
from flarego.wire.clip import Clip

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"


@pytest.fixture(scope="module")
def states() -> object:
    with Target("states") as target:
        yield target


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return clip(tmp_path / "leak.fgo", *([leak(10 + 4 * moment), LOCK, IDLE] for moment in range(8)))


def test_every_group_of_a_live_process_and_every_view(states: Target, tmp_path: Path) -> None:
    """The whole way: groups, stack, filter, sort, flame graph, waits, pause, help, save, quit."""
    with watched("top", states.pid, cwd=tmp_path) as top:
        text = top.until(lambda text: "waitMutex" in text)
        assert re.search(r"^states\S* +pid \d+  go1", text) and "LIVE" in text
        assert re.search(r"1 +[\d.]+ \w+ +sync\.Mutex\.Lock +main\.waitMutex +main\.main", text)
        assert re.search(r"more in \d+ groups are idle", text) and "waitSleep" not in text
        assert re.search(r"LCK .* 5$", text, re.MULTILINE)
        assert max(map(len, top.lines)) <= 80

        top.press("i")
        top.until(lambda text: "waitSleep" in text)
        top.press("i/waitmutex\r")
        text = top.until(lambda text: "/waitmutex" in text and "waitWaitGroup" not in text)
        top.press("\r")
        text = top.until(lambda text: "1 goroutine " in text)
        assert re.search(r"sync\.\(\*Mutex\)\.Lock .*\n.*main\.waitMutex .*\n.* created by main\.main", text)
        top.press("\x7f\x1b")
        top.until(lambda text: "waitWaitGroup" in text)
        top.press("s")
        top.until(lambda text: "s change" in text)

        top.press("2")
        text = top.until(lambda text: "wall time of the last seconds" in text)
        assert "▏lock" in text
        top.press(DOWN)
        top.press(RIGHT)
        top.press(DOWN)
        text = top.until(lambda text: re.search(r"main\.wait\w+  main\.go:\d+  [\d.]+ %", text))
        top.press("\r")
        top.until(lambda text: "all ▸ lock" in text or "all ▸ " in text)
        top.press("\x7f")
        top.press("3")
        top.until(lambda text: "Leak suspects: none" in text and "held by writer" in text)

        top.press("1 ")
        clock = re.search(r"PAUSED +(\d\d:\d\d:\d\d)", top.until(lambda text: "PAUSED" in text))
        top.press("?")
        top.until(lambda text: "freeze the picture" in text)
        top.press("x")
        text = top.until(lambda text: "freeze the picture" not in text)
        assert clock and clock[1] in text
        top.press(" ")
        top.until(lambda text: "LIVE" in text and clock[1] not in text)

        top.press("w")
        top.until(lambda text: "saved " in text)
        top.press("q")
        assert top.end() == 0
        assert top.is_given_back()
    (saved,) = tmp_path.glob("*.fgo")
    with Clip.open(saved) as opened:
        assert not opened.problem
        assert opened.processes[0].pid == states.pid
        assert opened.overview(opened.processes[0].process).rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back_whatever_ends_it(states: Target, number: int) -> None:
    with watched("top", states.pid) as top:
        top.until(lambda text: "waitMutex" in text)
        top.process.send_signal(number)
        assert top.end() == 0
        assert top.is_given_back()


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(recorded: Path) -> None:
    with watched("top", recorded) as top:
        top.until(lambda text: "main.lock" in text)
        top.press("\x1a")
        while b"\x1b[?1049l" not in top.raw:
            top._read()
        top.process.send_signal(signal.SIGCONT)
        while top.raw.count(b"\x1b[?1049h") < 2:
            top._read()
        top.press("q")
        assert top.end() == 0


def test_the_targets_end_is_shown_and_the_picture_stays() -> None:
    with Target("pause") as target, watched("top", target.pid) as top:
        top.until(lambda text: "LIVE" in text)
        target.close()
        text = top.until(lambda text: "ENDED" in text)
        assert re.search(r"process \d+ \(pause\S* .*the picture stays; q quits", text)
        top.press("q")
        assert top.end() == 0


def test_a_clip_with_a_leak_names_the_suspect(recorded: Path) -> None:
    with watched("top", recorded, columns=120, rows=30) as top:
        text = top.until(lambda text: "main.send" in text)
        assert "CLIP" in text and "⚑" in text
        top.press("3")
        text = top.until(lambda text: "Leak suspects" in text)
        assert re.search(r"⚑ .*→ 38 +select +main\.send +main\.serve", text)
        top.press("w")
        top.until(lambda text: "this is a clip already" in text)


def test_it_follows_the_size_of_the_terminal(recorded: Path) -> None:
    with watched("top", recorded, columns=160, rows=40) as top:
        top.until(lambda text: "main.go:7" in text)
        top.resize(40, 10)
        top.until(lambda text: "main.go:7" not in text and re.search(r"38 +main\.send +select", text))
        assert all(len(line) <= 40 for line in top.lines)
        top.resize(10, 2)
        top.press("2")
        top.press("q")
        assert top.end() == 0


def test_without_colour_nothing_is_coloured(recorded: Path) -> None:
    with watched("top", recorded, NO_COLOR="1") as top:
        top.until(lambda text: "main.send" in text)
        top.press("2")
        top.until(lambda text: "▏select" in text)
        assert not re.search(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|9[0-7]|10[0-7])m", top.raw)


def test_names_from_a_target_cannot_control_the_terminal(tmp_path: Path) -> None:
    seen = Seen([HOSTILE, "main.日本語のとても長い名前" * 9], 3, reason="select")
    path = clip(tmp_path / "evil.fgo", [seen, LOCK], name="e\x1b[2Jvil")
    with watched("top", path) as top:
        top.until(lambda text: "e�[2Jvil" in text and "main.lock" in text)
        top.press("2")
        top.until(lambda text: "▏select" in text)
        top.press("1\r")
        top.until(lambda text: "goroutines" in text)
        assert b"\x07" not in top.raw and b"\x1b[31mEvil" not in top.raw


def test_one_table_for_pipes(states: Target) -> None:
    done = flarego("top", states.pid)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert re.search(r"^states\S*  pid \d+", done.stdout)
    row = r"^ +1 .*sync\.RWMutex\.RLock +main\.waitRWMutexReader +main\.go:\d+ +main\.main$"
    assert re.search(row, done.stdout, re.MULTILINE)


def test_one_picture_for_programs(states: Target) -> None:
    told = json.loads(flarego("top", "--pid", states.pid, "--json", "--duration", "1s").stdout)
    assert told["pid"] == states.pid
    groups = {group["function"]: group for group in told["groups"]}
    assert groups["main.waitMutex"]["reason"] == "sync.Mutex.Lock"
    assert groups["main.waitMutex"]["created_by"] == "main.main"
    assert groups["main.waitSleep"]["idle"] and not groups["main.waitMutex"]["idle"]
    assert any(frame["function"] == "sync.(*Mutex).Lock" for frame in groups["main.waitMutex"]["frames"])
    assert told["states"]["lock"] == 5
    assert told["sampler"]["scan_hz"] > 0


def test_who_is_to_be_shown_has_to_be_said(tmp_path: Path) -> None:
    assert flarego("top").returncode == 2
    assert flarego("top", "1", "--pid", "2").returncode == 2
    assert flarego("top", tmp_path / "nothing.fgo").returncode == 2
    assert_refused(flarego("top", "--name", "no-such-program-anywhere"), 3, "no-such-program")
    text = tmp_path / "text.fgo"
    text.write_text("no clip")
    assert_refused(flarego("top", text), 8, "text.fgo")


def test_large_numbers_are_readable(tmp_path: Path) -> None:
    path = clip(tmp_path / "many.fgo", [Seen(["main.main", "main.handle", "main.wait"], 1234567)])
    with watched("top", path) as top:
        assert "1 234 567 goroutines" in top.until(lambda text: "main.wait" in text)
