"""Make `layouts.json`: compile a small program with each toolchain and read the runtime's layout from its DWARF.

    python -m flarego.golang.extract --go /path/to/go [--go …] [--experiment greenteagc] [--output layouts.json]
    python -m flarego.golang.extract --elf program-with-debug-information [--output …]

Versions already in the output file are kept unless they are read again. Go 1.20 has no toolchain on the package
registries we use: its entry is composed by `compose_120` from the shapes of its neighbours and the differences that
Go 1.20 is known to have, and was confirmed on released Go 1.20 programs (tests/golang/test_go120.py).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from flarego.errors import FlareError
from flarego.golang.buildinfo import read_file_version
from flarego.golang.dwarf import RuntimeDwarf
from flarego.golang.layout import Shape, parse_version

FORMAT = 1
_AS_IN_119 = frozenset({"g", "m", "p", "sudog", "hchan", "timer", "pollDesc", "gobuf"})
_PROGRAM = """package main

import (
	"os"
	"time"
)

func main() {
	c := make(chan os.Signal)
	go func() { time.Sleep(time.Hour); close(c) }()
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		<-c
	}
}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the extraction; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="flarego.golang.extract", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--go", action="append", default=[], type=Path, help="a go command; may be repeated")
    parser.add_argument("--elf", action="append", default=[], type=Path, help="a Go program with DWARF")
    parser.add_argument("--experiment", default="", help="GOEXPERIMENT to build with")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("layouts.json"))
    options = parser.parse_args(argv)
    table = json.loads(options.output.read_text()) if options.output.exists() else empty_table()
    try:
        for go in options.go:
            print(add_toolchain(table, go, options.experiment))
        for elf in options.elf:
            with elf.open("rb") as stream:
                print(add_program(table, stream, source=f"DWARF of {elf.name}"))
    except (FlareError, LookupError, subprocess.CalledProcessError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    if "go1.19.8" in table["versions"] and "go1.21.13" in table["versions"]:
        compose_120(table)
    options.output.write_text(dumps(table))
    return 0


def empty_table() -> dict[str, Any]:
    return {"format": FORMAT, "versions": {}, "shapes": {}, "reasons": []}


def add_toolchain(table: dict[str, Any], go: Path, experiment: str = "") -> str:
    """Add the version of one toolchain; returns its name in the table."""
    with tempfile.TemporaryDirectory(prefix="flarego-extract-") as folder:
        source = Path(folder, "main.go")
        source.write_text(_PROGRAM)
        program = Path(folder, "program")
        settings = {"GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0", "GO111MODULE": "off",
                    "GOOS": "linux", "GOARCH": "amd64", "GOEXPERIMENT": experiment}  # fmt: skip
        command = [str(go), "build", "-o", str(program), str(source)]
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, **settings})
        with program.open("rb") as stream:
            return add_program(table, stream, source="DWARF of a program built by the released toolchain",
                               experiment=experiment)  # fmt: skip


def add_program(table: dict[str, Any], stream: BinaryIO, *, source: str, experiment: str = "") -> str:
    """Add the version that built the program in `stream`; returns its name in the table."""
    version = parse_version(read_file_version(stream))
    if version is None:
        raise LookupError("the program names no Go release")
    dwarf = RuntimeDwarf(stream)
    name = f"{version}+{experiment}" if experiment else str(version)
    add_version(table, name, dwarf.shapes(), dwarf.reasons(), source)
    return name


def add_version(table: dict[str, Any], name: str, shapes: dict[str, Shape], reasons: list[str], source: str) -> None:
    """Add or replace one version; shapes and reason tables that are already there are shared."""
    chosen = {
        struct: _intern(table["shapes"].setdefault(struct, []), shape_to_json(shape))
        for struct, shape in shapes.items()
    }
    entry = {"source": source, "reasons": _intern(table["reasons"], reasons), "shapes": chosen}
    table["versions"][name] = entry
    table["versions"] = dict(sorted(table["versions"].items(), key=lambda item: _order(item[0])))


def compose_120(table: dict[str, Any]) -> None:
    """Add Go 1.20, composed: each structure as in 1.19 or as in 1.21, and moduledata as told below."""
    old, new = (table["versions"][name]["shapes"] for name in ("go1.19.8", "go1.21.13"))
    chosen = {struct: (old if struct in _AS_IN_119 else new)[struct] for struct in new}
    chosen["moduledata"] = _intern(table["shapes"]["moduledata"], _moduledata_120(table, old["moduledata"]))
    chosen["gcControllerState"] = _intern(
        table["shapes"]["gcControllerState"], _controller_120(table, new["gcControllerState"])
    )
    table["versions"]["go1.20"] = {
        "source": "composed from 1.19 and 1.21; each choice confirmed on released Go 1.20 programs by reference "
        "voting, live invariants and stacks (tests/golang/test_go120.py)",
        "reasons": table["versions"]["go1.21.13"]["reasons"],
        "shapes": chosen,
    }
    table["versions"] = dict(sorted(table["versions"].items(), key=lambda item: _order(item[0])))


def _moduledata_120(table: dict[str, Any], old: int) -> dict[str, Any]:
    """Go 1.20 put the coverage counters' bounds behind noptrbss; all that follows moved by 16."""
    shape = table["shapes"]["moduledata"][old]
    fields = {name: list(field) for name, field in shape["fields"].items()}
    after = fields["enoptrbss"][0]
    for field in fields.values():
        field[0] += 16 if field[0] > after else 0
    fields |= {"covctrs": [after + 8, 8], "ecovctrs": [after + 16, 8]}
    return {"size": shape["size"] + 16, "fields": dict(sorted(fields.items(), key=lambda item: item[1][0]))}


def _controller_120(table: dict[str, Any], new: int) -> dict[str, Any]:
    """Go 1.20 remembered one cons/mark ratio where 1.21 remembers four; all that follows lies 24 lower."""
    shape = table["shapes"]["gcControllerState"][new]
    fields = {name: list(field) for name, field in shape["fields"].items()}
    at = fields["lastConsMark"][0]
    fields["lastConsMark"] = [at, 8]
    for field in fields.values():
        field[0] -= 24 if field[0] > at else 0
    return {"size": shape["size"] - 24, "fields": fields}


def _order(name: str) -> tuple[int, int, int, str]:
    base, _, experiment = name.partition("+")
    version = parse_version(base)
    assert version is not None
    return (*version, experiment)


def _intern(known: list[Any], item: Any) -> int:
    if item not in known:
        known.append(item)
    return known.index(item)


def shape_to_json(shape: Shape) -> dict[str, Any]:
    fields = {
        name: [field.offset, field.size] + ([field.stride] if field.stride else [])
        for name, field in sorted(shape.fields.items(), key=lambda item: item[1].offset)
    }
    return {"size": shape.size, "fields": fields}


def dumps(table: dict[str, Any]) -> str:
    """Return the table as JSON with one line a version and one a shape, so that a change reads well in a diff."""
    lines = ["{", f'"format": {table["format"]},', '"versions": {']
    lines.append(",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in table["versions"].items()))
    lines.append('},\n"reasons": [')
    lines.append(",\n".join(json.dumps(reasons) for reasons in table["reasons"]))
    lines.append('],\n"shapes": {')
    structs = []
    for name, shapes in table["shapes"].items():
        rows = ",\n".join(json.dumps(shape, separators=(",", ":")) for shape in shapes)
        structs.append(f"{json.dumps(name)}: [\n{rows}]")
    lines.append(",\n".join(structs))
    lines.append("}}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
