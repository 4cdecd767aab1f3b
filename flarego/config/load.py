"""Settings from flags, environment and file: each with its origin, everything that is wrong told at once."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from flarego.config.table import Setting, table
from flarego.errors import BadSettings

S = TypeVar("S")

DEFAULT = "default"
FLAG = "flag"
_SECTIONS = ("gateway", "agent")
_MAX_FILE = 1 << 20
_SERVICE_LINK = re.compile(r"FLAREGO_[A-Z]+_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_\w+)?)")
"""What Kubernetes sets in every container beside a Service that is called flarego-gateway."""


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """Settings, where each came from, and what it takes to load them again."""

    settings: S
    origins: Mapping[str, str]
    """Name → "flag", "FLAREGO_GATEWAY_LISTEN", "/etc/flarego/flarego.toml" or "default"."""
    files: Sequence[Path]
    flags: Mapping[str, object] = field(default_factory=dict, repr=False)
    config: Path | None = None

    def reload(self) -> Loaded[S]:
        """Return what is set now: flags and environment as they were, files as they are. Raises BadSettings."""
        return load(type(self.settings), self.flags, config=self.config)

    def differs(self, other: Loaded[S]) -> tuple[list[str], list[str]]:
        """Return the names of what is set otherwise in the other: what can change while we run, and what cannot."""
        changed = [
            one for one in table(type(self.settings))
            if getattr(self.settings, one.name) != getattr(other.settings, one.name)
        ]  # fmt: skip
        return [one.name for one in changed if one.reload], [one.name for one in changed if not one.reload]

    def lines(self) -> Iterator[tuple[Setting, str, str]]:
        """Yield every setting, its value as a person writes it, and where that came from."""
        for one in table(type(self.settings)):
            yield one, one.written(getattr(self.settings, one.name)), self.origins[one.name]


def load(
    kind: type[S],
    flags: Mapping[str, object] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Loaded[S]:
    """Return the settings. `flags` has what was said on the command line, by name, and nothing else.

    `config` is the file to read; without it FLAREGO_CONFIG names one, or those at the usual places are read.
    Raises BadSettings.
    """
    flags = flags or {}
    names = {one.name: one for one in table(kind)}
    section = next(iter(names.values())).section
    problems: list[str] = []
    values: dict[str, object] = {}
    origins = dict.fromkeys(names, DEFAULT)
    named = config or (Path(environ["FLAREGO_CONFIG"]) if environ.get("FLAREGO_CONFIG") else None)
    files = [named] if named else [path for path in usual_files(environ) if path.is_file()]
    layers = [(str(path), _of_file(path, section, names, problems)) for path in files]
    layers += [(variable, given) for variable, given in _of_environment(environ, section, names, problems)]
    layers.append((FLAG, flags))
    for origin, given in layers:
        for name, value in given.items():
            try:
                values[name] = names[name].kind.read(_as_toml(value))
                origins[name] = origin
            except ValueError as e:
                problems.append(f"{_called(names[name], origin)}: {e}")
    if problems:
        raise BadSettings("; ".join(problems))
    settings = kind(**values)
    _validate(settings)
    return Loaded(settings, origins, tuple(files), flags, config)


def usual_files(environ: Mapping[str, str]) -> Sequence[Path]:
    """Return where a file is looked for; a later one goes before an earlier."""
    home = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else "")
    own = [Path(home) / "flarego/flarego.toml"] if home else []
    return [Path("/etc/flarego/flarego.toml"), *own]


def nearest(name: str, names: Collection[str]) -> str:
    """Return "; did you mean X?", or nothing when none is near."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def _of_file(path: Path, section: str, names: Mapping[str, Setting], problems: list[str]) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1)
        if len(text) > _MAX_FILE:
            raise BadSettings(f"{path} is larger than a settings file can be")
        found = tomllib.loads(text.decode())
    except OSError as e:
        raise BadSettings(f"{path} cannot be read: {e.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as e:
        raise BadSettings(f"{path} is no TOML: {e}") from None
    unknown = [name for name in found if name not in _SECTIONS]
    problems += [f"{path}: there is no section [{name}]{nearest(name, _SECTIONS)}" for name in unknown]
    given = found.get(section, {})
    if not isinstance(given, dict):
        problems.append(f"{path}: {section} is a section: write [{section}]")
        return {}
    unknown = [name for name in given if name not in names]
    problems += [f"{path}: [{section}] has no {name}{nearest(name, names)}" for name in unknown]
    return {name: value for name, value in given.items() if name in names}


def _of_environment(
    environ: Mapping[str, str], section: str, names: Mapping[str, Setting], problems: list[str]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    known = {one.variable: one.name for one in names.values()}
    for variable, text in sorted(environ.items()):
        if variable in known:
            if text:
                yield variable, {known[variable]: text}
        elif variable.startswith(f"FLAREGO_{section.upper()}_") and not _SERVICE_LINK.fullmatch(variable):
            problems.append(f"there is no {variable}{nearest(variable, known)}")


def _as_toml(value: object) -> Any:
    return list(value) if isinstance(value, tuple) else value if not isinstance(value, Path) else str(value)


def _called(one: Setting, origin: str) -> str:
    """Return what a person calls it, who set it there."""
    return one.flag if origin == FLAG else origin if origin == one.variable else f"{origin}: {one.name}"


def _validate(settings: object) -> None:
    """Ask the settings whether they agree with each other. Raises BadSettings."""
    check = getattr(settings, "validate", None)
    if check is not None and (problems := list(check())):
        raise BadSettings("; ".join(problems))
