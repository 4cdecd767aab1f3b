"""The few npm packages the tests of the page use, at the versions of package.json."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
_MODULES = HERE / "node_modules"


def run(*command: str | Path) -> None:
    """Run a command in this folder; the test fails with what it printed if it does."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def package(name: str) -> Path:
    """Where a package of package.json is, installed if need be."""
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"][name]
    folder = _MODULES / name
    about = folder / "package.json"
    if not about.exists() or json.loads(about.read_text())["version"] != wanted:
        if shutil.which("npm") is None:
            pytest.fail("npm is needed for the page's tests: tests/system.sh installs it")
        run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
    return folder
