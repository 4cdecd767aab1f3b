"""Other people's programs, that read what flarego exports: go tool pprof, speedscope."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from js.npm import package
from playwright.sync_api import Browser
from targets.build import go, offline

_UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "mins": 60e9, "hrs": 3600e9, "": 1.0}
_ROW = re.compile(r"\s*([\d.]+)([a-z]*)\s+[\d.]+%\s+[\d.]+%\s+([\d.]+)([a-z]*)\s+[\d.]+%\s+(.*)")


def pprof(profile: Path, *arguments: str) -> str:
    """Return what `go tool pprof` prints."""
    command = [str(go()), "tool", "pprof", *arguments, str(profile)]
    environment = offline() | {"PPROF_TMPDIR": str(profile.parent), "HOME": os.environ.get("HOME", "/tmp")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pprof_top(profile: Path, index: str, *arguments: str) -> tuple[float, dict[str, tuple[float, float]]]:
    """Return the total, and flat and cumulative value of each function, as -top shows them; ns or goroutines."""
    unit = "count" if index == "goroutines" else "ns"
    text = pprof(profile, "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", f"-sample_index={index}",
                 f"-unit={unit}", *arguments)  # fmt: skip
    rows = [match for line in text.splitlines() if (match := _ROW.fullmatch(line))]
    total = re.search(r"of ([\d.]+)([a-z]*) total", text)
    assert total is not None, text
    functions = {
        match[5].removesuffix(" (inline)"): (
            float(match[1]) * _UNITS[match[2]],
            float(match[3]) * _UNITS[match[4]],
        )
        for match in rows
    }
    return float(total[1]) * _UNITS[total[2]], functions


def speedscope(browser: Browser, path: Path) -> dict[str, float]:
    """Return the total of each profile that speedscope's importer finds in a file: what it saves itself again."""
    page = browser.new_page(accept_downloads=True)
    try:
        page.goto((package("speedscope") / "dist" / "release" / "index.html").as_uri())
        page.set_input_files("input[type=file]", path)
        page.get_by_text("Left Heavy").wait_for(timeout=30_000)
        with page.expect_download() as saved:
            page.keyboard.press("Control+s")
        value = json.loads(Path(saved.value.path()).read_text())
    finally:
        page.close()
    return {
        profile["name"]: sum(profile["weights"])
        if profile["type"] == "sampled"
        else profile["endValue"] - profile["startValue"]
        for profile in value["profiles"]
    }
