"""What each verb does when all is well."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from targets import Target

from cli.running import FLAREGO, attached, flarego, on_terminal, status, without_capabilities
from flarego import __version__


def test_version() -> None:
    assert flarego("version").stdout == f"flarego {__version__}\n"
    about = json.loads(flarego("version", "--json").stdout)
    assert about["version"] == __version__
    assert (Path(about["static"]) / "flarego-view.js").is_file()


def test_the_version_is_there_at_once() -> None:
    """Only what a verb needs is imported."""
    code = (
        "import sys; from flarego.cli.main import flarego; flarego(['version'], standalone_mode=False);"
        "print({name.partition('.')[0] for name in sys.modules} & {'aiohttp', 'rich', 'psutil', 'msgpack', 'asyncio'})"
    )
    done = subprocess.run([FLAREGO[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_help_needs_no_verb_and_tells_the_exit_codes() -> None:
    done = flarego("--help")
    assert done.returncode == 0
    assert "Exit codes:" in done.stdout and "9  cannot listen" in done.stdout


def test_ps_lists_go_processes_only() -> None:
    with Target("pause", version="1.22.10") as target:
        listed = flarego("ps").stdout
        machine = {entry["pid"]: entry for entry in json.loads(flarego("ps", "--json").stdout)}
    assert re.search(rf"^ *{target.pid} +\S+ +go1\.22\.10 +example\.com/targets ", listed, re.MULTILINE)
    assert machine[target.pid]["version"] == "go1.22.10"
    assert machine[target.pid]["attachable"] is True
    assert 1 not in machine or machine[1]["runtime"] == "go"


def test_attach_says_what_it_watches_how_and_where() -> None:
    with Target("pause") as target, attached("--pid", target.pid) as running:
        assert running.said[0].startswith("attached to pause")
        assert f"(pid {target.pid}), go1.27.3, example.com/targets" in running.said[0]
        assert re.match(r"engine +(perf|ptrace|memory)", running.said[1])
        assert re.match(r"dashboard +http://127\.0\.0\.1:\d+/\?token=\S{20,}$", running.said[2])
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(running.url, timeout=10) as page:
            assert b"<fg-app" in page.read()
        done = running.end(signal.SIGINT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_attach_ends_in_peace(number: int) -> None:
    with Target("pause") as target, attached(target.pid) as running:
        done = running.end(number)
        assert (done.returncode, done.stderr) == (0, "")
        assert status(target.pid)["TracerPid"] == "0"
        assert status(target.pid)["State"][0] in "RS"


def test_attach_ends_after_the_duration() -> None:
    with Target("pause") as target:
        began = time.monotonic()
        done = flarego("attach", target.pid, "--duration", "500ms", "--listen", "127.0.0.1:0")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 10


def test_attach_by_name() -> None:
    with Target("coroutines") as target:
        name = Path(f"/proc/{target.pid}/exe").readlink().name
        for pattern in (name, name[:-4] + "*"):
            done = flarego("attach", "--name", pattern, "--duration", "300ms", "--listen", "127.0.0.1:0")
            assert done.returncode == 0, done.stderr
            assert f"pid {target.pid}" in done.stdout


def test_attach_waits_for_the_process_to_start() -> None:
    """And takes it as young as it comes, before its runtime has set itself up."""
    command = [*FLAREGO, "attach", "--wait", "--name", "locked-*", "--duration", "300ms", "--listen", "127.0.0.1:0"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    assert waiting.poll() is None
    with Target("locked") as target:
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err) == (0, "")
    assert f"pid {target.pid}" in out


def test_ctrl_c_while_waiting() -> None:
    command = [*FLAREGO, "attach", "--wait", "--name", "never-started"]
    waiting = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
    )
    time.sleep(1)
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=10)
    assert (waiting.returncode, out) == (130, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("engine", ["perf", "ptrace", "memory"])
def test_each_engine_leaves_the_target_as_it_was(engine: str) -> None:
    with Target("burner") as target:
        descriptors = len(list(Path(f"/proc/{target.pid}/fd").iterdir()))
        done = flarego("attach", target.pid, "--engine", engine, "--duration", "1s", "--listen", "127.0.0.1:0")
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^engine +{engine}", done.stdout, re.MULTILINE)
        assert len(list(Path(f"/proc/{target.pid}/fd").iterdir())) == descriptors
        assert status(target.pid)["TracerPid"] == "0"
        assert status(target.pid)["State"][0] in "RS"
        assert target.ops() >= 0


def test_dump_as_json() -> None:
    with Target("states") as target:
        goroutines = json.loads(flarego("dump", "--pid", target.pid, "--json").stdout)
        everything = json.loads(flarego("dump", "--pid", target.pid, "--json", "--system", "--runtime").stdout)
    assert all(not g["system"] for g in goroutines)
    assert any(g["system"] for g in everything)
    main = next(g for g in goroutines if g["id"] == 1)
    assert main["frames"][-1]["function"] == "main.main"
    assert main["created_by"] is None
    by_id = {g["id"]: g for g in everything}
    assert len(by_id[1]["frames"]) > len(main["frames"])


def test_doctor() -> None:
    with Target("pause") as target:
        done = flarego("doctor", "--pid", target.pid)
        checks = json.loads(flarego("doctor", "--pid", target.pid, "--json").stdout)
    assert done.returncode == 0, done.stdout
    names = {check["name"] for check in checks}
    assert {"machine", "perf", "yama", "seccomp", "namespaces", "memory", "runtime"} <= names
    assert all(check["remedy"] for check in checks if check["level"] != "ok")
    for check in checks:
        assert check["name"] in done.stdout


def test_doctor_names_what_keeps_us_out() -> None:
    with Target("pause") as target:
        if os.geteuid() == 0:
            done = flarego("doctor", "--pid", target.pid, "--json", preexec_fn=without_capabilities)
        else:
            done = flarego("doctor", "--pid", 1, "--json")
    failed = {check["name"]: check for check in json.loads(done.stdout) if check["level"] == "fail"}
    assert done.returncode == 6
    assert "CAP_SYS_PTRACE" in failed["memory"]["remedy"] if os.geteuid() == 0 else failed


def test_demo(demo_binary: Path) -> None:
    done = flarego("demo", "--duration", "1s", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^dashboard +http://127", done.stdout, re.MULTILINE)
    pid = re.search(r"pid (\d+)", done.stdout)
    assert pid and not Path(f"/proc/{pid[1]}").exists()


def test_at_a_terminal_the_page_stays_when_the_target_has_gone() -> None:
    with Target("pause") as target, on_terminal("attach", str(target.pid), "--listen", "127.0.0.1:0") as terminal:
        terminal.expect(r"dashboard +http://\S+")
        terminal.expect(r"\d+ waiting")
        target.process.kill()
        terminal.expect(rf"process {target.pid} \(pause\S*\) exited; the page stays up until Ctrl-C")
        time.sleep(0.5)
        assert terminal.code() is None
        terminal.type("\x03")
        assert terminal.wait() == 0
