"""`flarego agent` as people run it: real Go processes, the real gateway, signals, systemd, probes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from targets import Target

from agent.gateways import FLAREGO, Real, Told, Watching, free_port, refuse, until
from flarego.model.chunk import Chunk, Gone, ProcessInfo

PROMPT_S = 2.0
"""In which an agent leaves that is told to."""


class Agent:
    """A running `flarego agent`."""

    def __init__(self, *options: object, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*FLAREGO, "agent", *map(str, options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def leave(self) -> tuple[int, str, float]:
        """Tell it to go; return exit code, what it logged, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log, time.monotonic() - began

    def end(self) -> tuple[int, str]:
        """Wait until it ends by itself."""
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log


Start = Callable[..., Agent]


@pytest.fixture
def start() -> Iterator[Start]:
    agents: list[Agent] = []

    def begin(*options: object, **environment: str) -> Agent:
        agents.append(Agent(*options, **environment))
        return agents[-1]

    yield begin
    for agent in agents:
        agent.process.kill()
        agent.process.communicate()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Real]:
    gateway = Real(tmp_path)
    gateway.start()
    yield gateway
    gateway.kill()


@pytest.fixture
def watching(gateway: Real) -> Iterator[Watching]:
    watching = Watching(gateway)
    yield watching
    watching.close()


def is_of(pid: int, kind: type) -> Callable[[Any], bool]:
    return lambda message: isinstance(message, kind) and message.process.startswith(f"{pid}-")


def test_a_process_is_seen_at_the_gateway_with_who_it_is_and_where(
    start: Start, gateway: Real, watching: Watching
) -> None:
    with Target("many", "-n", 20) as target:
        agent = start(target.pid, *gateway.reach, "--label", "team=payments", "--label", "tier=1",
                      NODE_NAME="node-7")  # fmt: skip
        info = watching.until(is_of(target.pid, ProcessInfo))
        assert (info.pid, info.runtime, info.namespace) == (target.pid, "go", "default")
        assert info.labels.items() >= {"team": "payments", "tier": "1", "k8s.node.name": "node-7"}.items()
        assert re.fullmatch(rf"{target.pid}-\d+-[0-9a-f]{{8}}", info.process)
        watching.until(lambda message: isinstance(message, Chunk) and message.series["goroutines.waiting"] > 19)
        code, log, took = agent.leave()
        assert code == 0 and took < PROMPT_S, log
        gone = watching.until(is_of(target.pid, Gone))
        assert "the agent was stopped" in gone.why
        assert target.process.poll() is None


def test_it_ends_when_the_processes_it_was_given_have(start: Start, gateway: Real, watching: Watching) -> None:
    with Target("blocked") as target, Target("blocked") as other:
        agent = start("--pid", target.pid, "--pid", other.pid, *gateway.reach)
        for _ in range(2):
            watching.until(lambda message: isinstance(message, ProcessInfo))
        target.process.kill()
        assert "exited" in watching.until(is_of(target.pid, Gone)).why
        assert agent.process.poll() is None
        other.process.kill()
        code, log = agent.end()
        assert code == 5 and "exited" in log


def test_all_of_a_name_are_followed_as_they_come_and_go(start: Start, gateway: Real, watching: Watching) -> None:
    with Target("blocked") as first, Target("deadlocked"):
        name = Path(f"/proc/{first.pid}/exe").readlink().name
        agent = start("--name", f"{name[:9]}*", *gateway.reach)
        watching.until(is_of(first.pid, Chunk))
        with Target("blocked") as second:
            watching.until(is_of(second.pid, Chunk))
        watching.until(is_of(second.pid, Gone))
        watching.until(is_of(first.pid, Chunk))
        assert {int(process.split("-")[0]) for process in watching.processes} == {first.pid, second.pid}
        assert agent.leave()[0] == 0


def test_a_process_that_becomes_a_go_program_is_met_and_one_that_becomes_another_is_met_again(
    start: Start, gateway: Real, watching: Watching, tmp_path: Path
) -> None:
    with Target("blocked") as target:
        binary = Path(f"/proc/{target.pid}/exe").readlink()
        agent = start("--all", *gateway.reach)
        watching.until(is_of(target.pid, Chunk))
        script = f'read line; "{binary}" & exec "{binary}"'
        with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as shell:
            time.sleep(1.2)  # long enough to be known as no Go program
            assert shell.stdin is not None
            shell.stdin.write(b"\n")
            shell.stdin.flush()
            watching.until(is_of(shell.pid, Chunk))
            shell.kill()
        agent.leave()


def test_a_gateway_that_is_killed_and_comes_back(start: Start, gateway: Real) -> None:
    with Target("blocked") as target:
        agent = start(target.pid, *gateway.reach)
        before = Watching(gateway)
        before.until(is_of(target.pid, Chunk))
        before.close()
        gateway.kill()
        time.sleep(1)
        gateway.start()
        after = Watching(gateway)
        chunk = after.until(is_of(target.pid, Chunk))
        assert chunk.sequence > 1
        for _ in range(5):
            after.until(is_of(target.pid, Chunk))
        after.close()
        assert agent.leave()[0] == 0


def test_no_gateway_and_a_signal(start: Start) -> None:
    with Target("blocked") as target:
        agent = start(target.pid, "--gateway", f"127.0.0.1:{free_port()}")
        time.sleep(2)
        code, log, took = agent.leave()
        assert code == 0 and took < PROMPT_S, log
        assert re.search(r"undelivered=[1-9]", log) and log.count("no connection") == 1


def test_a_second_signal_leaves_at_once(start: Start) -> None:
    with Target("blocked") as target:
        agent = start(target.pid, "--gateway", f"127.0.0.1:{free_port()}", "--log-format", "json")
        assert agent.process.stderr is not None
        watching = next(line for line in agent.process.stderr if "watching process" in line)
        assert json.loads(watching)["pid"] == str(target.pid)
        agent.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        began = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(5)
        assert time.monotonic() - began < 0.5
        assert agent.process.returncode == 128 + signal.SIGTERM


def ask(port: int, path: str) -> tuple[int, str]:
    """Return status and text; (0, "") while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=3) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except OSError:
        return 0, ""


def test_probes_and_prometheus(start: Start) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    told, port = Told(), free_port()
    told.answers.put(refuse(grpc.StatusCode.PERMISSION_DENIED, "not in this namespace"))
    with told.serving() as gateway, Target("blocked") as target:
        start(target.pid, "--gateway", f"127.0.0.1:{gateway}", "--health", f"127.0.0.1:{port}")
        until(lambda: ask(port, "/healthz") == (200, "ok\n"), "health")
        until(lambda: "not in this namespace" in ask(port, "/readyz")[1], "why it is not ready")
        assert ask(port, "/readyz")[0] == 503
        families = {f.name: f for f in text_string_to_metric_families(ask(port, "/metrics")[1])}
        assert families["flarego_agent_processes"].samples[0].value == 1
        assert families["flarego_agent_spool_bytes"].samples[0].value > 0
        assert families["flarego_agent_lag_seconds"].samples[0].value > 0
        assert families["flarego_agent_engine_info"].samples[0].labels["engine"] in ("perf", "ptrace", "memory")
        assert ask(port, "/etc/passwd")[0] == 404


def test_probes_are_not_held_up_by_who_says_nothing(start: Start) -> None:
    port = free_port()
    with Target("blocked") as target:
        start(target.pid, "--gateway", f"127.0.0.1:{free_port()}", "--health", f"127.0.0.1:{port}")
        until(lambda: ask(port, "/healthz")[0] == 200, "health")
        mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        until(lambda: ask(port, "/healthz")[0] == 200, "health", seconds=20)
        for connection in mute:
            connection.close()
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"x" * 20_000)
            assert b"400" in rude.recv(100)


def test_systemd_is_told(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, Target("blocked") as target:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        agent = start(target.pid, "--gateway", f"127.0.0.1:{free_port()}",
                      NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000")  # fmt: skip
        heard = [systemd.recv(4096).decode()]
        while not {"READY=1", "WATCHDOG=1"} <= set(heard) or not any("no connection" in text for text in heard):
            heard.append(systemd.recv(4096).decode())
        assert heard[0] == "READY=1"
        agent.leave()
        systemd.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                heard.append(systemd.recv(4096).decode())
        assert heard[-1].startswith("STOPPING=1")


@pytest.mark.parametrize(
    "options, code, text",
    [
        ([], 2, "Say which processes"),
        (["--pid", "999999999"], 3, "no process with pid"),
        (["--all", "--gateway", "a b"], 10, "HOST:PORT"),
        (["--all", "--token-file", "/no/such/file"], 10, "/no/such/file"),
        (["--all", "--gateway", "gateway.example", "--ca", "/dev/null"], 10, "/dev/null"),
        (["--all", "--plaintext", "--tls"], 10, "exclude"),
        (["--all", "--cert", "x"], 10, "--key"),
        (["--all", "--health", "nonsense"], 9, "nonsense"),
        (["--all", "--budget", "0"], 10, "0.05"),
    ],
)
def test_what_cannot_be(start: Start, options: list[str], code: int, text: str) -> None:
    exit_code, log = start(*options).end()
    assert exit_code == code and text in log and "Traceback" not in log


class TestADirectoryForTheSpool:
    def chunks(self, gateway: Real, pid: int, until_sequence: int) -> list[int]:
        """Return the numbers of the chunks that the gateway has, up to that one."""
        watching, found = Watching(gateway, since_s=900), []
        watching.until(lambda m: is_of(pid, Chunk)(m) and (found.append(m.sequence) or m.sequence >= until_sequence))
        assert len(watching.processes) == 1
        watching.close()
        return found

    def test_the_next_agent_goes_on_where_one_ended(self, start: Start, gateway: Real, tmp_path: Path) -> None:
        options = [*gateway.reach, "--spool", tmp_path / "spool"]
        with Target("blocked") as target:
            for n in (5, 10, 15):
                agent = start(target.pid, *options)
                found = self.chunks(gateway, target.pid, n)
                assert found == list(range(1, len(found) + 1)), "one history, without a hole or a double"
                assert agent.leave()[0] == 0

    def test_what_could_not_be_sent_is_sent_by_the_next_agent(
        self, start: Start, gateway: Real, tmp_path: Path
    ) -> None:
        options = ["--token-file", gateway.token_file, "--spool", tmp_path / "spool"]
        with Target("blocked") as target:
            port = free_port()
            nowhere = ("--gateway", f"127.0.0.1:{free_port()}")
            agent = start(target.pid, *options, *nowhere, "--health", f"127.0.0.1:{port}")
            five = re.compile(r"^flarego_agent_sequence{.*} [5-9]$", re.MULTILINE)
            until(lambda: five.search(ask(port, "/metrics")[1]), "five messages")
            assert agent.leave()[0] == 0
            agent = start(target.pid, *options, "--gateway", gateway.address)
            found = self.chunks(gateway, target.pid, 12)
            assert found == list(range(1, len(found) + 1))

    def test_after_a_kill_it_goes_on_with_a_gap_and_processes_that_ended_are_told_of(
        self, start: Start, gateway: Real, watching: Watching, tmp_path: Path
    ) -> None:
        options = [*gateway.reach, "--name", "blocked*", "--spool", tmp_path / "spool"]
        with Target("blocked") as target, Target("blocked") as other:
            agent = start(*options)
            epoch = watching.until(is_of(target.pid, ProcessInfo)).epoch
            until(lambda: len(list((tmp_path / "spool").glob("*/state"))) == 2, "states")
            agent.process.kill()
            agent.process.wait()
            other.close()
            start(*options)
            assert "no longer watched" in watching.until(is_of(other.pid, Gone)).why
            found = self.chunks(gateway, target.pid, 10)
            assert found == sorted(set(found))
            again = Watching(gateway)
            assert again.until(is_of(target.pid, ProcessInfo)).epoch == epoch
            again.close()

    def test_two_agents_do_not_share_it(self, start: Start, gateway: Real, tmp_path: Path) -> None:
        options = ["--all", *gateway.reach, "--spool", tmp_path / "spool"]
        start(*options)
        until((tmp_path / "spool" / "lock").exists, "a lock")
        code, log = start(*options).end()
        assert code == 10 and "another agent" in log
