"""A taste of `make fuzz`: enough executions to catch a new reader without bounds, few enough to wait for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from targets import build

from fuzz.fuzz_golang import TARGETS, fuzz

HERE = Path(__file__).parent
C_RUNS, PYTHON_RUNS = 200_000, 4_000


@pytest.fixture(scope="session")
def fuzzers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    out = tmp_path_factory.mktemp("fuzzers")
    subprocess.run(["sh", HERE / "build.sh", out], check=True)
    return out


@pytest.mark.parametrize("name", ["tables", "unwind", "scan", "sample", "book"])
def test_the_c_core_survives_hostile_bytes(fuzzers: Path, name: str, tmp_path: Path) -> None:
    command = [fuzzers / f"fuzz_{name}", f"-runs={C_RUNS}", "-max_len=1024", "-seed=1", "-verbosity=0", tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=110)
    assert ended.returncode == 0, ended.stderr[-4000:]


@pytest.mark.parametrize("name", TARGETS)
def test_the_readers_of_binaries_raise_typed_errors_only(name: str) -> None:
    assert fuzz(name, build("churn"), PYTHON_RUNS, seed=20261123) > 0
