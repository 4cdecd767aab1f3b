"""`record`, `attach --record`, `replay`: a clip is made whatever ends the recording, and shown."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from targets import Target

from cli.running import FLAREGO, TIMEOUT_S, assert_refused, attached, flarego, on_terminal
from flarego.model.chunk import Chunk
from flarego.wire.clip import Clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of `pause`."""
    path = tmp_path_factory.mktemp("clips") / "pause.fgo"
    with Target("pause") as target:
        done = flarego("record", "--pid", target.pid, "-d", "1s", "-o", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("recording pause-")
    assert re.fullmatch(rf"{path}: \d\.\d s, [\d.]+ \w+", lines[-1])
    return path


def chunks(path: Path) -> list[Chunk]:
    with Clip.open(path) as clip:
        assert clip.problem == ""
        [info] = clip.processes
        return [message for message in clip.messages(info.process) if isinstance(message, Chunk)]


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([*FLAREGO, *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def grows(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.stat().st_size > 1500


def test_a_clip_is_recorded(clip: Path) -> None:
    found = chunks(clip)
    assert found[0].strings[0] == "" and sum(chunk.end - chunk.start for chunk in found) > 0.5e9


def test_ctrl_c_ends_a_recording_well(tmp_path: Path) -> None:
    path = tmp_path / "out.fgo"
    with Target("pause") as target:
        process = started("record", target.pid, "-o", path)
        until(grows(path))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, said
    assert chunks(path)


def test_the_end_of_the_process_ends_a_recording_well(tmp_path: Path) -> None:
    path = tmp_path / "out.fgo"
    with Target("pause") as target:
        process = started("record", target.pid, "-o", path)
        until(grows(path))
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    assert chunks(path)
    with Clip.open(path) as clip:
        assert clip.gone(clip.processes[0].process)


def test_what_is_there_is_not_overwritten(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "there.fgo"
    path.write_bytes(b"precious")
    with Target("pause") as target:
        assert_refused(flarego("record", target.pid, "-d", "1s", "-o", path), 1, "is there already")
        assert path.read_bytes() == b"precious"
        assert flarego("record", target.pid, "-d", "500ms", "-o", path, "--force").returncode == 0
    assert chunks(path)


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    with Target("pause") as target:
        done = flarego("record", target.pid, "-d", "1s", "-o", tmp_path / "nowhere" / "out.fgo")
        assert_refused(done, 1, "cannot be written")
        full = flarego("record", target.pid, "-d", "1s", "-o", "/dev/full", "--force")
    assert full.returncode == 1 and "No space left on device" in full.stderr and "Traceback" not in full.stderr


def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    path = tmp_path / "out.fgo"
    with Target("pause") as target, on_terminal("record", str(target.pid), "-d", "1s", "-o", str(path)) as terminal:
        terminal.expect("━")
        terminal.expect(r"out\.fgo: ")
        assert terminal.wait() == 0


def test_attach_records_too(tmp_path: Path) -> None:
    path = tmp_path / "out.fgo"
    with Target("pause") as target, attached(target.pid, "--record", path) as running:
        until(grows(path))
        done = running.end(signal.SIGINT)
    assert (done.returncode, done.stderr) == (0, "")
    assert chunks(path)


def test_attach_refuses_to_record_where_nothing_can_be_written() -> None:
    with Target("pause") as target:
        done = flarego("attach", target.pid, "--record", "/dev/full", "--force", "--listen", "127.0.0.1:0")
    assert_refused(done, 1, "No space left on device")


def test_attach_goes_on_when_the_disk_gets_full(tmp_path: Path) -> None:
    path = tmp_path / "out.fgo"

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1200, 1200))

    with Target("pause") as target, attached(target.pid, "--record", path, preexec_fn=little_room) as running:
        assert running.process.stderr is not None
        assert "recording has ended" in running.process.stderr.readline()
        time.sleep(0.5)  # nothing more shall happen
        assert running.process.poll() is None
        done = running.end(signal.SIGINT)
    assert (done.returncode, done.stderr) == (0, "")
    with Clip.open(path) as clip:
        assert clip.problem and clip.processes


def test_replay_serves_the_page_and_the_clips(clip: Path) -> None:
    process = started("replay", clip, clip, "--listen", "127.0.0.1:0", "--speed", "2")
    assert process.stdout is not None
    said = process.stdout.readline() + process.stdout.readline()
    url = re.search(r"http://\S+", said)
    assert url, said
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    base = url[0].partition("?")[0]
    with browser.open(url[0], timeout=10) as page:
        assert b"<fg-app" in page.read()
    with browser.open(base + "session", timeout=10) as response:
        session = json.load(response)
    assert (session["mode"], session["speed"], session["compare"]) == ("replay", 2.0, False)
    assert [entry["name"] for entry in session["clips"]] == ["pause.fgo", "pause (2).fgo"]
    for entry in session["clips"]:
        asked = urllib.request.Request(base + entry["url"], headers={"Range": "bytes=0-7"})
        with browser.open(asked, timeout=10) as response:
            assert (response.status, response.read()) == (206, b"\x89FGO\r\n\x1a\n")
            assert response.headers["Content-Range"] == f"bytes 0-7/{clip.stat().st_size}"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0


def test_replay_prints(clip: Path) -> None:
    done = flarego("replay", clip, "--summary")
    assert done.returncode == 0 and "main.main" in done.stdout, done.stderr
    told = json.loads(flarego("replay", clip, "--json").stdout)
    assert isinstance(told, dict)


def test_replay_of_what_is_damaged(clip: Path, tmp_path: Path) -> None:
    none, later, cut = (tmp_path / name for name in ("none.fgo", "later.fgo", "cut.fgo"))
    none.write_bytes(b"%PDF-1.7 and so on")
    later.write_bytes(clip.read_bytes()[:8] + b"\x07\0\0\0")
    cut.write_bytes(clip.read_bytes()[:-100])
    assert_refused(flarego("replay", none), 8, "not a clip")
    assert_refused(flarego("replay", later), 8, "version 7")
    done = flarego("replay", cut, "--summary")
    assert done.returncode == 0 and "no index" in done.stdout + done.stderr
