"""The page's own tests: modules under `node --test`, types under `tsc --checkJs --strict`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TSC = HERE / "node_modules" / "typescript" / "bin" / "tsc"


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    if shutil.which("node") is None:
        pytest.fail("node is needed for the page's tests: tests/system.sh installs it")


def test_modules_do_what_they_say() -> None:
    _run("node", "--test", *sorted(HERE.glob("*.test.js")))


@pytest.mark.timeout(300)
def test_types_hold() -> None:
    if not TSC.exists():
        _run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
    _run("node", TSC, "--project", HERE / "tsconfig.json")
