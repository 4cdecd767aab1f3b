"""The page's own tests: modules under `node --test`, types under `tsc --checkJs --strict`."""

from __future__ import annotations

import shutil
import sys

import pytest

from js.npm import HERE, package, run


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    if shutil.which("node") is None:
        pytest.fail("node is needed for the page's tests: tests/system.sh installs it")


@pytest.mark.timeout(300)
def test_modules_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", sys.executable)  # clip.test.js reads what the real writer writes
    run("node", "--test", *sorted(HERE.glob("*.test.js")))


@pytest.mark.timeout(300)
def test_types_hold() -> None:
    run("node", package("typescript") / "bin" / "tsc", "--project", HERE / "tsconfig.json")
