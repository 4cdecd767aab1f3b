"""Go 1.20, for which no toolchain can be had: released programs that it built, which tell the truth when they die.

esbuild 0.17.8 to 0.19 was built by Go 1.20, stripped, and comes as an npm package. On SIGQUIT a Go program prints every
goroutine, the runtime's own and its frames included: what was read from outside a moment earlier must be the same text.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from targets.build import CACHE

from flarego.golang import GoProcess, attach
from flarego.golang.traceback import Style, format_dump
from flarego.native import Sampler

RELEASES = {"0.17.8": "go1.20", "0.17.11": "go1.20.1", "0.17.19": "go1.20.4", "0.18.20": "go1.20.7"}


def esbuild(release: str) -> Path:
    """Return the program, fetched once; skips the test where npm is missing or has no registry."""
    folder = CACHE / "npm" / f"esbuild-{release}"
    program = folder / "package" / "bin" / "esbuild"
    if not program.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(["npm", "pack", "--silent", f"@esbuild/linux-x64@{release}"], cwd=folder,
                                capture_output=True, text=True, check=False)  # fmt: skip
        if packed.returncode:
            pytest.skip("the package cannot be fetched")
        subprocess.run(["tar", "xzf", packed.stdout.strip()], cwd=folder, check=True)
    return program


@contextmanager
def serving(program: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "page.js").write_text("console.log(1)")
    command = [str(program), "--servedir=.", "--serve=127.0.0.1:0", "page.js", "--outdir=out"]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "GOTRACEBACK": "all"})  # fmt: skip
    try:
        time.sleep(0.7)
        yield process
    finally:
        process.kill()
        process.communicate()


def comparable(text: str) -> dict[int, list[str]]:
    """Return each goroutine's lines by id, without the arguments' values and what differs in a dying process."""
    found = {}
    for block in re.split(r"\n\n+", text):
        lines = block.strip().splitlines()
        if lines and (match := re.match(r"goroutine (\d+) \[", lines[0])):
            found[int(match[1])] = [lines[0], *map(comparable_line, without_goexit(lines[1:]))]
    return found


def comparable_line(line: str) -> str:
    """ "main.f(0x1, 0x2)" becomes "main.f(...)", and positions lose what only a dying program prints."""
    return re.sub(r" fp=.*", "", line) if line.startswith("\t") else re.sub(r"\([^()]*\)$", "(...)", line)


def without_goexit(lines: list[str]) -> list[str]:
    """The frame below every goroutine's first function says nothing, and is not read."""
    at = next((i for i, line in enumerate(lines) if line.startswith("runtime.goexit(")), len(lines))
    return lines[:at] + lines[at + 2 :]


def dump(process: GoProcess) -> str:
    sampler = Sampler(process.memory, process.tables, process.layout)
    sampler.set_system(process.system_starts)
    style = Style(process.minor, process.reasons, time.monotonic_ns(), show_runtime=True, show_system=True)
    return "".join(format_dump(sampler.snapshot(), process.symbols, process.labels, style))


@pytest.mark.parametrize("release", RELEASES)
def test_goroutines_are_what_the_program_says_when_it_dies(release: str, tmp_path: Path) -> None:
    with serving(esbuild(release), tmp_path) as running:
        with attach(running.pid) as process:
            assert process.version == RELEASES[release]
            assert process.module == "github.com/evanw/esbuild"
            seen = comparable(dump(process))
        running.send_signal(signal.SIGQUIT)
        assert running.stderr is not None
        last_words = running.stderr.read()  # its standard input stays open: esbuild exits when that ends
    truth = comparable(last_words)
    truth.pop(0, None)  # the stack that the signal came in on
    assert len(seen) >= 3
    assert seen == truth


def test_the_runtimes_numbers_hold_together(tmp_path: Path) -> None:
    with serving(esbuild("0.18.20"), tmp_path) as running, attach(running.pid) as process:
        series, _ = process.runtime.read(time.monotonic_ns())
        threads = len(list(Path(f"/proc/{running.pid}/task").iterdir()))
        processors = process.runtime.processors()
    assert series["threads"] == threads
    assert series["processors"] == len(os.sched_getaffinity(0)) == len(processors)
    assert 0 < series["heap.used"] <= series["heap.goal"]
    assert 0 < series["stacks"] < 1 << 24
    assert series["goroutines.created"] >= 5
    assert {"mutex.wait", "gc.cycles", "gc.assist", "heap.total_alloc"} <= series.keys()
