"""The table behind flags, environment variables and the file: one line per setting, in a dataclass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

from flarego.config.kind import TEXT, Kind

_META = "flarego.setting"


@dataclass(frozen=True)
class Setting:
    """One thing that can be set."""

    name: str
    section: str
    """Of the TOML file; its upper case is in the name of the environment variable."""
    default: Any
    kind: Kind
    help: str
    reload: bool
    """Whether it can change while we run."""
    group: str
    """Heading under which it is listed."""

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"FLAREGO_{self.section.upper()}_{self.name.upper()}"

    def written(self, value: object) -> str:
        """Return the value as a person writes it; "" for none."""
        return "" if value is None else self.kind.write(value)


def setting(default: Any, help: str, kind: Kind = TEXT, *, reload: bool = False, group: str = "") -> Any:
    """Return the field of a settings dataclass."""
    return field(default=default, metadata={_META: (kind, help, reload, group)})


def table(settings: type) -> Sequence[Setting]:
    """Return what can be set in such settings, in order."""
    section: str = settings.SECTION  # type: ignore[attr-defined]
    return tuple(_setting(one, section) for one in fields(settings) if _META in one.metadata)


def _setting(one: Field[Any], section: str) -> Setting:
    kind, help, reload, group = one.metadata[_META]
    return Setting(one.name, section, one.default, kind, help, reload, group)
