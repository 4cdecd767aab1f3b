"""What may be asked with: each parameter says what it is once, for whoever reads the query and the documentation."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from multidict import MultiMapping

from flarego.errors import FlareError
from flarego.gateway.query.moment import Moment

T = TypeVar("T")
MAX_TEXT = 1024
"""Characters of one value."""
MAX_VALUES = 32
"""Values of a parameter that may be given several times."""
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)


class BadQuery(FlareError):
    """A question that cannot be understood. HTTP: 400."""

    usual_remedy = "api/v1/openapi.json says what can be asked"


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """One parameter of a query."""

    name: str
    about: str
    schema: Mapping[str, Any]
    """Of one value, as JSON Schema; `default` tells what is meant when it is left out."""
    read: Callable[[str], T]
    """Raises ValueError, whose text completes the sentence "NAME has to be …"."""
    default: T
    where: str = "query"


@dataclass(frozen=True)
class Several(Generic[T]):
    """A parameter that may be given several times: any of the values will do."""

    one: Parameter[T]

    @property
    def name(self) -> str:
        return self.one.name


AnyParameter = Parameter[Any] | Several[Any]


class Asked:
    """A query that has been looked at: nothing unknown in it, nothing twice, nothing that is not what it has to be."""

    def __init__(self, query: MultiMapping[str], known: Iterable[AnyParameter]) -> None:
        """Raises BadQuery."""
        self._values: dict[str, list[Any]] = {}
        parameters = {parameter.name: parameter for parameter in known}
        for name in query:
            if name not in parameters:
                near = difflib.get_close_matches(name[:64], parameters, 1)
                raise BadQuery(
                    f"there is no parameter {name[:64]!r} here",
                    remedy=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(parameters))}",
                )
            parameter, texts = parameters[name], query.getall(name)
            if len(texts) > (MAX_VALUES if isinstance(parameter, Several) else 1):
                raise BadQuery(f"{name} is given {len(texts)} times")
            one = parameter.one if isinstance(parameter, Several) else parameter
            self._values[name] = [_read(one, text) for text in texts]

    def get(self, parameter: Parameter[T]) -> T:
        """Return its value, or what is meant without."""
        values: Sequence[T] = self._values.get(parameter.name, ())
        return values[0] if values else parameter.default

    def all(self, parameter: Several[T]) -> Sequence[T]:
        """Return all its values."""
        return self._values.get(parameter.name, [])


def _read(parameter: Parameter[T], text: str) -> T:
    if len(text) > MAX_TEXT:
        raise BadQuery(f"{parameter.name} has more than {MAX_TEXT} characters")
    try:
        return parameter.read(text)
    except ValueError as e:
        raise BadQuery(f"{parameter.name} has to be {e}") from None


def choice(name: str, about: str, values: Sequence[str], default: str) -> Parameter[str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return text

    return Parameter(name, about, {"type": "string", "enum": [*values], "default": default}, read, default)


def number(name: str, about: str, least: int, most: int, default: int) -> Parameter[int]:
    def read(text: str) -> int:
        if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter(name, about, schema, read, default)


def flag(name: str, about: str) -> Parameter[bool]:
    def read(text: str) -> bool:
        if text not in ("true", "false", "1", "0"):
            raise ValueError("true or false")
        return text in ("true", "1")

    return Parameter(name, about, {"type": "boolean", "default": False}, read, False)


def texts(name: str, about: str) -> Several[str]:
    schema = {"type": "string", "maxLength": MAX_TEXT}
    return Several(Parameter(name, about, schema, str, ""))


def moment(name: str, about: str, default: Moment | None) -> Parameter[Moment | None]:
    return Parameter(name, f"{about} A moment, see above.", Moment.SCHEMA, Moment.read, default)


def named(name: str, about: str, pattern: str, what: str, where: str = "query") -> Parameter[str]:
    """A text that has to match a pattern."""
    expression = re.compile(pattern, re.ASCII)

    def read(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(what)
        return text

    return Parameter(name, about, {"type": "string", "pattern": f"^{pattern}$"}, read, "", where)


def process_id(name: str, about: str, where: str = "query") -> Parameter[str]:
    return named(name, about, "[A-Za-z0-9._-]{1,128}", "an id of a process: letters, digits, and . _ -", where)


def duration(name: str, about: str, default: int) -> Parameter[int]:
    """A stretch of time, in ns."""
    schema = {"type": "string", "pattern": f"^{Moment.DURATION}$"}

    def read(text: str) -> int:
        seconds = Moment.seconds(text)
        if seconds is None or not math.isfinite(seconds) or seconds < 0.001:
            raise ValueError("a stretch of time from 1ms on, such as 500ms, 10s or 1m30s")
        return round(seconds * 1e9)

    return Parameter(name, about, schema, read, default)
