"""A browser that can draw with WebGL, which speedscope needs, and the profiles that Go writes of itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from targets import build

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = ("--no-sandbox", "--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader",
          "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("chromium is needed for these tests: tests/system.sh installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def go_profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profiles of the target `profiles`: cpu, goroutine, block, mutex, heap; goroutine.txt."""
    folder = tmp_path_factory.mktemp("profiles")
    subprocess.run([build("profiles"), folder], check=True, timeout=60)
    return folder
