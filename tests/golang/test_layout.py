"""The shipped table of layouts: what it knows, and what it says of versions it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from targets import build, toolchains
from targets.build import go

from flarego.errors import UnsupportedGo
from flarego.golang import extract, layout
from flarego.golang.layout import STRUCTS, Version, known_versions, parse_version, release_for

TABLE = Path(layout.__file__).with_name("layouts.json")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.19.8", Version(1, 19, 8)),
        ("go1.20", Version(1, 20, 0)),
        ("go1.27.3 X:nogreenteagc", Version(1, 27, 3)),
        ("go1.24.4-custom build", Version(1, 24, 4)),
        ("devel go1.28-0123abc Tue Jan 1", Version(1, 28, -1)),
        ("go2.0", None),
        ("gccgo", None),
    ],
)
def test_versions_are_read_as_the_runtime_writes_them(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


def test_every_minor_from_119_to_127_is_known() -> None:
    minors = {version.minor for name in known_versions() if (version := parse_version(name.partition("+")[0]))}
    assert minors == set(range(19, 28))


def test_every_version_has_every_structure() -> None:
    for name in known_versions():
        release = release_for(name.partition("+")[0])
        assert all(release.shapes[struct] for struct in STRUCTS)
        assert release.reasons[:3] == ["", "GC assist marking", "IO wait"]


@pytest.mark.parametrize("text", ["go1.18.10", "go1.28.0", "go1.99", "devel go1.27-0123abc", "tinygo"])
def test_unknown_versions_are_named_with_a_remedy(text: str) -> None:
    with pytest.raises(UnsupportedGo, match=text) as caught:
        release_for(text)
    assert caught.value.remedy


def test_an_unseen_patch_release_has_its_minors_layouts_the_nearest_first() -> None:
    candidates = release_for("go1.24.10").shapes["m"]
    assert candidates[0] == release_for("go1.24.11").shape("m")
    assert release_for("go1.24.3").shape("m") in candidates
    assert candidates[0] != release_for("go1.24.3").shape("m")


def test_an_experiment_prefers_the_layout_built_with_it() -> None:
    plain, other = release_for("go1.25.5"), release_for("go1.25.5 X:greenteagc")
    assert plain.shape("p") != other.shape("p")
    assert plain.shape("p") in other.shapes["p"]


@pytest.mark.parametrize("version", toolchains())
def test_the_table_is_what_the_toolchain_says(version: str) -> None:
    """Extracting again gives the shipped entry: the table was not edited, nor has the reader changed."""
    table = extract.empty_table()
    name = extract.add_toolchain(table, go(version))
    shipped = json.loads(TABLE.read_text())
    for struct, index in table["versions"][name]["shapes"].items():
        expected = shipped["shapes"][struct][shipped["versions"][name]["shapes"][struct]]
        assert table["shapes"][struct][index] == expected
    assert table["reasons"][0] == shipped["reasons"][shipped["versions"][name]["reasons"]]


def test_extracting_from_a_program_and_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "layouts.json"
    assert extract.main(["--elf", str(build("states")), "--output", str(output)]) == 0
    assert json.loads(output.read_text())["versions"].keys() == {"go1.27.3"}
    for bad in (build("states", form="stripped"), Path(__file__)):
        with pytest.raises(SystemExit) as caught:
            extract.main(["--elf", str(bad), "--output", str(output)])
        assert caught.value.code == 1
        assert capsys.readouterr().err.count("\n") == 1
