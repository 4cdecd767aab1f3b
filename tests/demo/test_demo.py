"""The bundled demo service: built once, and gone when it should be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from flarego import demo
from flarego.errors import FlareError


def metrics(service: demo.Service) -> dict[str, float]:
    with urlopen(service.url + "/metrics.json", timeout=10) as response:
        return dict(json.load(response))


def test_a_second_build_takes_the_first_ones_binary(demo_binary: Path) -> None:
    before = demo_binary.stat()
    assert demo.build() == demo_binary
    assert demo_binary.stat().st_mtime_ns == before.st_mtime_ns


def test_without_go_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FlareError) as caught:
        demo.build()
    assert caught.value.remedy is not None
    assert "flarego[demo]" in caught.value.remedy


def test_a_go_that_fails_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    broken = tmp_path / "go"
    broken.write_text("#!/bin/sh\necho cannot find GOROOT >&2\necho more >&2\nexit 2\n")
    broken.chmod(0o755)
    with pytest.raises(FlareError, match=r"^building the demo failed: cannot find GOROOT$"):
        demo.build(broken)


def test_an_address_in_use_is_an_error_not_a_hang(demo_binary: Path) -> None:
    with (
        demo.start(demo_binary, load=0) as first,
        pytest.raises(FlareError, match="could not listen"),
    ):
        demo.start(demo_binary, load=0, addr=first.url.removeprefix("http://"))


def test_it_serves_orders_of_its_own_and_waits_more_than_it_works(demo_binary: Path) -> None:
    with demo.start(demo_binary, goroutines=500) as service:
        time.sleep(1.5)
        told = metrics(service)
        cpu = psutil.Process(service.pid).cpu_times()
    assert told["orders"] > 20
    assert told["goroutines"] > 500
    assert cpu.user + cpu.system < 1.0


def test_the_leak_can_be_switched_on_and_off(demo_binary: Path) -> None:
    with demo.start(demo_binary, load=0) as service:
        before = metrics(service)["goroutines"]
        urlopen(Request(service.url + "/leak?on=true", method="POST"), timeout=10).close()
        time.sleep(1.2)
        urlopen(Request(service.url + "/leak?on=false", method="POST"), timeout=10).close()
        leaked = metrics(service)["goroutines"] - before
        time.sleep(0.5)
        assert metrics(service)["goroutines"] - before == pytest.approx(leaked, abs=1)
    assert leaked >= 4


def test_it_ends_when_its_parent_is_killed(demo_binary: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from flarego import demo\n"
        "print(demo.start(Path(sys.argv[1]), load=0).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(demo_binary)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    service = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    service.wait(5)
    assert not service.is_running()
