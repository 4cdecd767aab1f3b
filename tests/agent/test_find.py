"""Finding processes: whom a name means, what is said of those that may not be looked at."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from targets import Target, build

from flarego.agent.find import Found, by_name, by_pid, listed, wait_for
from flarego.errors import AmbiguousTarget, NoSuchProcess


@contextmanager
def sleeper(program: Path) -> Iterator[int]:
    """Run /bin/sleep under another name."""
    if not program.exists():
        program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    try:
        while by_pid(process.pid).name != program.name[:15]:
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_a_whole_name_is_meant_before_a_part_of_another(tmp_path: Path) -> None:
    with sleeper(tmp_path / "flarego-t1") as one, sleeper(tmp_path / "flarego-t1-b") as other:
        assert by_name("flarego-t1").pid == one
        assert by_name("*t1-b").pid == other
        assert by_name("t1-b").pid == other
        with pytest.raises(AmbiguousTarget, match=rf"(?s){one}.*{other}|{other}.*{one}"):
            by_name("flarego-t1*")


def test_the_go_program_is_meant_among_several(tmp_path: Path) -> None:
    program = tmp_path / "flarego-mixed"
    program.write_bytes(build("pause").read_bytes())
    program.chmod(0o755)
    (tmp_path / "sh").mkdir()
    with Target(program) as target, sleeper(tmp_path / "sh" / "flarego-mixed"):
        assert by_name("flarego-mixed").pid == target.pid


@pytest.mark.parametrize("pattern", ["", "no-such-name", "["])
def test_no_such_name(pattern: str) -> None:
    with pytest.raises(NoSuchProcess):
        by_name(pattern)


def test_a_thread_is_told_from_a_process() -> None:
    thread = threading.Thread(target=(event := threading.Event()).wait)
    thread.start()
    try:
        with pytest.raises(NoSuchProcess, match=f"{thread.native_id} is a thread of process {os.getpid()}"):
            by_pid(thread.native_id or 0)
    finally:
        event.set()
        thread.join()


def test_a_process_is_its_pid_and_its_start() -> None:
    with Target("pause") as target:
        found = by_pid(target.pid)
        assert found.state() in tuple("RS")
        assert abs(found.started - time.time()) < 30
        later = Found(found.pid, found.name, found.command, found.start_time + 1, found.user)
        assert later.state() == ""
    assert found.state() == ""


def test_waiting_finds_what_starts_later(tmp_path: Path) -> None:
    program, started = tmp_path / "flarego-late", []

    def start() -> None:
        program.symlink_to("/bin/sleep")
        started.append(subprocess.Popen([program, "60"]))

    timer = threading.Timer(0.3, start)
    timer.start()
    try:
        assert wait_for(None, "flarego-late").pid == started[0].pid
    finally:
        timer.join()
        started[0].kill()
        started[0].wait()


def test_what_may_not_be_looked_at_is_counted_or_named(tmp_path: Path) -> None:
    """An unprivileged user can still tell another's Go program where its path is readable."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    program = tmp_path / "pause"
    program.write_bytes(build("pause").read_bytes())
    program.chmod(0o755)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_mode & 1 == 0 and folder != Path("/"):
            folder.chmod(0o711)
    code = (
        "import os; from flarego.agent.find import listed; os.setgroups([]); os.setresuid(65534, 65534, 65534);"
        "print([(p.pid, p.why) for p in listed()[0]], listed()[1])"
    )
    with Target(program) as target:
        said = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"({target.pid}, 'not permitted')" in said
    assert int(said.split()[-1]) > 0


def test_a_pipe_for_an_argument_does_not_hold_us_up(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen([fifo, "60"], executable="/bin/sleep")
    try:
        code = (
            "import os; from flarego.agent.find import listed; os.setgroups([]); os.setresuid(65534, 65534, 65534);"
            "listed()"
        )
        subprocess.run(["python3", "-c", code], check=True, timeout=20)
    finally:
        process.kill()
        process.wait()


def test_500_processes_are_listed_within_a_second() -> None:
    """Of processor time: other tests may be running."""
    sleepers = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(500)]
    try:
        began = time.process_time()
        listed()
        took = time.process_time() - began
    finally:
        for process in sleepers:
            process.kill()
            process.wait()
    assert took < 1, took
