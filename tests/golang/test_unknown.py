"""Versions nobody has seen: read from the program's own DWARF, or refused; wrong layouts are never believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from targets import Target, build

from flarego.errors import UnsupportedGo
from flarego.golang import attach, layout, process
from flarego.golang.layout import Field, Shape
from flarego.golang.validate import validate

FUTURE = b"go1.28.3"


def from_the_future(form: str, folder: Path) -> Path:
    """A program that says it was built by a Go that does not exist yet, and has the layout of 1.27."""
    program = folder / "future"
    program.write_bytes(build("states", form=form).read_bytes().replace(b"go1.27.3", FUTURE))
    program.chmod(0o755)
    return program


def test_a_newer_go_is_read_by_its_own_dwarf(tmp_path: Path) -> None:
    with Target(from_the_future("default", tmp_path)) as target, attach(target.pid) as found:
        assert found.version == "go1.28.3"
        assert found.release.source == "the program's own DWARF"
        with Target("states") as known, attach(known.pid) as reference:
            assert found.release.shape("g") == reference.release.shape("g")
            assert found.reasons == reference.reasons


def test_a_newer_go_without_dwarf_is_refused_by_name(tmp_path: Path) -> None:
    with Target(from_the_future("stripped", tmp_path)) as target:
        with pytest.raises(UnsupportedGo, match=r"go1\.28\.3") as caught:
            attach(target.pid)
        assert "-ldflags" in (caught.value.remedy or "")


def test_layouts_of_another_patch_release_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch release that is not in the table gets its m from the process: 1.24.3 and 1.24.11 differ there."""
    with Target("states", version="1.24.11") as target:
        with attach(target.pid) as found:
            truth = found.addresses, found.release.shape("m").offset("alllink")
        swapped = release_with_reversed_candidates
        monkeypatch.setattr(process, "release_for", swapped)
        with attach(target.pid) as found:
            assert (found.addresses, found.release.shape("m").offset("alllink")) == truth


def release_with_reversed_candidates(text: str) -> layout.Release:
    release = layout.release_for(text)
    return replace(release, shapes={name: list(reversed(shapes)) for name, shapes in release.shapes.items()})


def moved(shape: Shape, prefix: str, by: int) -> Shape:
    fields = {n: Field(f.offset + by, f.size, f.stride) if n.startswith(prefix) else f for n, f in shape.fields.items()}
    return Shape(shape.size, fields)


@pytest.mark.parametrize("field", ["goid", "atomicstatus", "sched.sp", "waitreason", "stack.hi"])
@pytest.mark.parametrize("by", [-8, 8])
def test_a_wrong_layout_is_refused(field: str, by: int) -> None:
    with Target("many", "-n", 50) as target, attach(target.pid) as found:
        validate(found.memory, found.layout, len(found.reasons), "go1.27.3")
        wrong = found.layout | {f"g.{field}": found.layout[f"g.{field}"] + by}
        with pytest.raises(UnsupportedGo, match="does not fit"):
            validate(found.memory, wrong, len(found.reasons), "go1.27.3")


def test_a_structure_that_nothing_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(text: str) -> layout.Release:
        release = layout.release_for(text)
        return replace(release, shapes={**release.shapes, "g": [moved(s, "goid", 8) for s in release.shapes["g"]]})

    monkeypatch.setattr(process, "release_for", without)
    with Target("states") as target, pytest.raises(UnsupportedGo, match=r"runtime\.allgs"):
        attach(target.pid)
