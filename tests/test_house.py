"""The rules of the house: style, types, layers, and that the documents tell what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import flarego.errors
from flarego import __version__
from flarego.cli.main import flarego as verbs

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STATIC = ROOT / "flarego" / "static"
README = (ROOT / "README.md").read_text() + (ROOT / "deployments" / "SETTINGS.md").read_text()
PAGE = [p for p in sorted(STATIC.rglob("*")) if p.suffix in (".html", ".css", ".js", ".svg")]


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "flarego"], ["mypy"], ["lint-imports", "--no-logo"]],
    ids=["ruff check", "ruff format", "mypy", "lint-imports"],
)
@pytest.mark.timeout(300)
def test_checkers_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def all_verbs() -> list[tuple[str, click.Command]]:
    context = click.Context(verbs)
    found = [(name, verbs.get_command(context, name)) for name in verbs.list_commands(context)]
    return [(name, command) for name, command in found if command is not None]


@pytest.mark.parametrize(("verb", "command"), all_verbs(), ids=[name for name, _ in all_verbs()])
def test_the_readme_tells_of_every_verb_and_flag(verb: str, command: click.Command) -> None:
    assert f"`flarego {verb}" in README
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            for flag in parameter.opts:
                rows = [line for line in README.splitlines() if re.match(rf"\|.*`{flag}[` ]", line)]
                assert any(verb in row.split("|")[2] for row in rows), flag
            for variable in [parameter.envvar] if isinstance(parameter.envvar, str) else []:
                assert f"`{variable}`" in README


def test_every_exit_code_is_documented() -> None:
    kinds = [kind for kind in vars(flarego.errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, flarego.errors.FlareError)} | {0, 2, 130}
    for code in codes:
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE), code
        assert re.search(rf"^ +{code}  ", verbs.epilog or "", re.MULTILINE), code


def test_the_changelog_and_the_version_are_one() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", PAGE, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_the_page_asks_nobody_else_for_anything(path: Path) -> None:
    text = re.sub(r"^\s*//.*", "", path.read_text(), flags=re.MULTILINE).replace("http://www.w3.org/", "")
    assert not re.search(r"""(?:https?|wss?)://[\w.]|["'(]//[\w.]""", text)


def test_the_page_has_no_script_or_style_of_its_own_in_it() -> None:
    """The Content-Security-Policy would not run it."""
    for path in STATIC.rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:", text), path


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.relative_to(STATIC).as_posix())
def test_what_strangers_named_is_never_markup(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
    )


def test_every_import_of_the_page_is_there() -> None:
    for path in STATIC.rglob("*.js"):
        for name in re.findall(r"""(?:from|import)\s*\(?["'](\.[^"']+)["']""", path.read_text()):
            assert (path.parent / name).is_file(), f"{path}: {name}"
