"""Messages of protocol buffers as maps of values by name, after a schema: from their bytes and their JSON, and back.

For formats of many messages, where reading each by hand would be the schema written as code. What the schema does not
name is stepped over; what it names has the kind it says, or raises Malformed.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flarego.wire.protobuf import Malformed, blob, fields, number, numbers, packed, signed, text, varint

_FIELD = re.compile(r"(\w+)=(\d+):(\w+)(\*?)", re.ASCII)
_SIGNED, _UNSIGNED = ("int32", "int64"), ("uint64", "fixed64")
_MESSAGE = 8
"""What a message costs of the budget of values: a map of Python's is a hundred bytes."""
_NUMBERS = (*_SIGNED, *_UNSIGNED, "bool", "double")
MAX_VALUES = 3_000_000
_HEX = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}")
_FIXED64 = 1
"""Wire type of a number of eight bytes."""
_SCALARS = (*_NUMBERS, "string", "bytes", "id")
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    number: int
    kind: str
    """int32, int64, uint64, fixed64, bool, double, string, bytes, id (bytes, hexadecimal in JSON); or a message."""
    repeated: bool


@dataclass(slots=True)
class _Budget:
    """How many values may still be read."""

    left: int

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise Malformed("a protocol buffer of more values than any we know has")


class Schema:
    """Messages by name, each a text of fields: `name=1:string values=2:int64* child=3:Message`."""

    def __init__(self, messages: Mapping[str, str]) -> None:
        self._fields = {
            name: [Field(m[1], int(m[2]), m[3], bool(m[4])) for m in _FIELD.finditer(fields)]
            for name, fields in messages.items()
        }
        self._by_number = {name: {f.number: f for f in fields} for name, fields in self._fields.items()}

    @property
    def messages(self) -> Sequence[str]:
        return list(self._fields)

    def fields(self, message: str) -> Sequence[Field]:
        """Return the fields of a message that are known."""
        return self._fields[message]

    def read(self, data: memoryview, message: str, max_values: int = MAX_VALUES) -> dict[str, Any]:
        """Return the message that bytes are. Raises Malformed, also when it holds more values than that."""
        return self._read(data, message, _Budget(max_values))

    def _read(self, data: memoryview, message: str, budget: _Budget) -> dict[str, Any]:
        known, found = self._by_number[message], dict[str, Any]()
        for key, value in fields(data):
            field = known.get(key)
            if field is None:
                continue
            budget.spend(1 if field.kind in _SCALARS else _MESSAGE)
            if not field.repeated:
                found[field.name] = self._value(field.kind, value, budget)
            elif field.kind not in _NUMBERS:
                found.setdefault(field.name, []).append(self._value(field.kind, value, budget))
            else:
                if not isinstance(value, int):
                    budget.spend(len(value) // (8 if field.kind in ("fixed64", "double") else 2))
                found.setdefault(field.name, []).extend(_numbers(field.kind, value))
        return found

    def _value(self, kind: str, value: int | memoryview, budget: _Budget) -> Any:
        if kind in _NUMBERS:
            if not isinstance(value, int):
                raise Malformed(f"bytes where a number of kind {kind} should be")
            return _number(kind, value)
        if isinstance(value, int):
            raise Malformed(f"a number where {kind} should be")
        if kind == "string":
            return str(value, "utf-8", "replace")
        return bytes(value) if kind in ("bytes", "id") else self._read(value, kind, budget)

    def write(self, value: Mapping[str, Any], message: str) -> bytes:
        """Return the bytes of a message; what is left out, or has its default, is left out of them."""
        return b"".join(self._written(value, message))

    def _written(self, value: Mapping[str, Any], message: str) -> Iterator[bytes]:
        for field in self._fields[message]:
            found = value.get(field.name)
            if not found and not isinstance(found, dict):
                continue
            if field.repeated and field.kind in _NUMBERS:
                yield _packed(field, found)
                continue
            for one in found if field.repeated else (found,):
                yield self._one(field, one)

    def _one(self, field: Field, value: Any) -> bytes:
        match field.kind:
            case "string":
                return text(field.number, value)
            case "bytes" | "id":
                return blob(field.number, value)
            case kind if kind in _NUMBERS:
                return _packed(field, (value,)) if kind in ("fixed64", "double") else number(field.number, value)
            case kind:
                return blob(field.number, self.write(value, kind))

    def from_json(self, value: Any, message: str) -> dict[str, Any]:
        """Return the message that a JSON value is, names in camelCase or as in the schema. Raises Malformed."""
        if not isinstance(value, dict):
            raise Malformed(f"{message} should be an object")
        found: dict[str, Any] = {}
        for field in self._fields[message]:
            one = value.get(camel(field.name), value.get(field.name))
            if one is None:
                continue
            if not field.repeated:
                found[field.name] = self._from_json(field, one)
            elif not isinstance(one, list):
                raise Malformed(f"{message}.{camel(field.name)} should be a list")
            else:
                found[field.name] = [self._from_json(field, part) for part in one]
        return found

    def _from_json(self, field: Field, value: Any) -> Any:
        match field.kind:
            case "string" if isinstance(value, str):
                return value
            case "bytes" | "id" if isinstance(value, str):
                return _bytes(field.kind, value)
            case "bool" if isinstance(value, bool):
                return value
            case "double" if isinstance(value, int | float) and math.isfinite(value):
                return float(value)
            case "string" | "bytes" | "id" | "bool" | "double":
                raise Malformed(f"{camel(field.name)} is no {field.kind}")
            case kind if kind in _NUMBERS:
                return _whole(field, value)
            case kind:
                return self.from_json(value, kind)

    def to_json(self, value: Mapping[str, Any], message: str) -> dict[str, Any]:
        """Return what json.dumps makes the message's JSON of; scalars and messages only, no lists."""
        known = {field.name: field for field in self._fields[message]}
        return {
            camel(name): self.to_json(one, known[name].kind)
            if isinstance(one, dict)
            else str(one)
            if known[name].kind in ("int64", "uint64", "fixed64")
            else one
            for name, one in value.items()
        }


def camel(name: str) -> str:
    """Return a field's name as JSON has it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _number(kind: str, value: int) -> Any:
    match kind:
        case "bool":
            return value != 0
        case "double":
            found = struct.unpack("<d", struct.pack("<Q", value & (1 << 64) - 1))[0]
            return found if math.isfinite(found) else 0.0
        case _:
            return signed(value) if kind in _SIGNED else value


def _numbers(kind: str, value: int | memoryview) -> Iterator[Any]:
    if kind not in ("fixed64", "double") or isinstance(value, int):
        return (_number(kind, one) for one in numbers(value))
    if len(value) % 8:
        raise Malformed("a list of numbers that ends in the middle of one")
    return (_number(kind, one[0]) for one in struct.iter_unpack("<Q", value))


def _packed(field: Field, values: Sequence[Any]) -> bytes:
    match field.kind:
        case "fixed64":
            data = struct.pack(f"<{len(values)}Q", *values)
        case "double":
            data = struct.pack(f"<{len(values)}d", *values)
        case _:
            return packed(field.number, map(int, values))
    # One number has its own wire type, which only a repeated field may leave for bytes.
    return blob(field.number, data) if field.repeated else varint(field.number << 3 | _FIXED64) + data


def _whole(field: Field, value: Any) -> int:
    """Return a whole number, which JSON has as a text when it is one of 64 bits."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 64:
        raise Malformed(f"{camel(field.name)} is no whole number")
    return value


def _bytes(kind: str, value: str) -> bytes:
    """Return bytes that JSON has as base64, or ids as hexadecimal; some write those as base64 too."""
    try:
        if kind == "id" and _HEX.fullmatch(value):
            return bytes.fromhex(value)
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed(f"{value[:40]!r} is not base64") from None
