"""The example extension: its node tests against a real flarego, and its webview's page in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from targets import Target

HERE = Path(__file__).resolve().parent


@pytest.mark.timeout(180)
def test_the_extension_does_what_it_says(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.fail("node is needed for the extension's tests: tests/system.sh installs it")
    flarego = tmp_path / "flarego"
    flarego.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flarego "$@"\n')
    flarego.chmod(0o755)
    with Target("states") as target:
        done = subprocess.run(
            ["node", "--test", *sorted(HERE.glob("*.test.cjs"))],
            env=os.environ | {"FLAREGO_COMMAND": str(flarego), "FLAREGO_TARGET": str(target.pid)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
