"""OTLP profiles, byte for byte: our schema is what the official one says, and both read what the other writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as service

from flarego.formats import otlp
from flarego.formats.otlp_import import read_bytes, read_json
from flarego.formats.otlp_schema import REQUEST, RESPONSE, SCHEMA, STATUS
from flarego.formats.structure import Field, Schema, camel
from flarego.wire.protobuf import Malformed, blob
from formats.recordings import small

_KINDS = {
    "int32": FieldDescriptor.TYPE_INT32, "int64": FieldDescriptor.TYPE_INT64, "uint64": FieldDescriptor.TYPE_UINT64,
    "fixed64": FieldDescriptor.TYPE_FIXED64, "bool": FieldDescriptor.TYPE_BOOL, "double": FieldDescriptor.TYPE_DOUBLE,
    "string": FieldDescriptor.TYPE_STRING, "bytes": FieldDescriptor.TYPE_BYTES, "id": FieldDescriptor.TYPE_BYTES,
}  # fmt: skip
_NUMBERS = {"int32": st.integers(-(1 << 31), (1 << 31) - 1), "int64": st.integers(-(1 << 63), (1 << 63) - 1),
            "uint64": st.integers(0, (1 << 64) - 1), "fixed64": st.integers(0, (1 << 64) - 1), "bool": st.booleans(),
            "double": st.floats(allow_nan=False, allow_infinity=False)}  # fmt: skip


def check(message: str, official: Descriptor, seen: set[str]) -> None:
    """Compare a message of ours, and all it holds, with the official one."""
    if message in seen:
        return
    seen.add(message)
    for field in SCHEMA.fields(message):
        known = official.fields_by_name[field.name]
        assert (known.number, known.is_repeated) == (field.number, field.repeated), f"{message}.{field.name}"
        if known.message_type is not None:
            check(field.kind, known.message_type, seen)
        else:
            assert known.type == _KINDS[field.kind], f"{message}.{field.name}"


def test_our_schema_is_the_official_one() -> None:
    seen: set[str] = set()
    check(REQUEST, service.ExportProfilesServiceRequest.DESCRIPTOR, seen)
    check(RESPONSE, service.ExportProfilesServiceResponse.DESCRIPTOR, seen)
    check(STATUS, status_pb2.Status.DESCRIPTOR, seen)
    assert seen == set(SCHEMA.messages)


def of_field(field: Field) -> st.SearchStrategy[Any]:
    if field.kind in _NUMBERS:
        one: st.SearchStrategy[Any] = _NUMBERS[field.kind]
    elif field.kind == "string":
        one = st.text(max_size=8)
    elif field.kind in ("bytes", "id"):
        one = st.binary(min_size=16, max_size=16)
    else:
        one = st.deferred(lambda: messages(field.kind))
    return st.lists(one, min_size=1, max_size=2) if field.repeated else one


def messages(message: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = SCHEMA.fields(message)
    if message == "AnyValue":  # a oneof
        return st.one_of(*(of_field(field).map(lambda value, name=field.name: {name: value}) for field in fields))
    return st.fixed_dictionaries({}, optional={field.name: of_field(field) for field in fields})


def defaults_left_out(value: Any) -> Any:
    """Return a message without what protocol buffers do not write."""
    if isinstance(value, dict):
        found = {key: defaults_left_out(one) for key, one in value.items()}
        return {key: one for key, one in found.items() if one or isinstance(one, dict)}
    return [defaults_left_out(one) for one in value] if isinstance(value, list) else value


@given(messages(REQUEST))
def test_official_and_own_code_read_each_other(value: dict[str, Any]) -> None:
    wanted = defaults_left_out(value)
    theirs = service.ExportProfilesServiceRequest.FromString(SCHEMA.write(value, REQUEST))
    assert defaults_left_out(SCHEMA.read(memoryview(theirs.SerializeToString()), REQUEST)) == wanted
    text = json.loads(json_format.MessageToJson(theirs))
    assert defaults_left_out(SCHEMA.from_json(text, REQUEST)) == wanted


def test_what_is_exported_is_what_official_code_reads() -> None:
    data = otlp.request(small())
    request = service.ExportProfilesServiceRequest.FromString(data)
    profiles = request.resource_profiles[0].scope_profiles[0].profiles
    strings = request.dictionary.string_table
    assert [strings[p.sample_type.type_strindex] for p in profiles] == ["wall", "cpu", "goroutines"]
    recording = small()
    wall = sum(round(row.wall) for row in recording.profile().rows)
    assert sum(sum(sample.values) for sample in profiles[0].samples) == wall
    assert request.dictionary.string_table[0] == "" and not request.dictionary.stack_table[0].location_indices
    text = json_format.MessageToJson(request).encode()
    for found in (read_bytes(data), read_json(text)):
        assert not found.rejected and len(found.profiles) == 3
        assert found.profiles[0].attributes["service.name"] == "orders"


def test_what_is_not_in_the_schema_is_stepped_over() -> None:
    schema = Schema({"A": "n=1:int64 b=2:B*", "B": "s=1:string"})
    data = blob(99, b"new") + schema.write({"n": -5, "b": [{"s": "x"}, {}]}, "A")
    assert schema.read(memoryview(data), "A") == {"n": -5, "b": [{"s": "x"}, {}]}
    assert schema.from_json({"n": "-5", "b": [{"s": "x", "t": 1}], "new": []}, "A") == {"n": -5, "b": [{"s": "x"}]}
    assert camel("time_unix_nano") == "timeUnixNano"


@pytest.mark.parametrize("value", [[], {"n": "x"}, {"n": True}, {"n": 1.5}, {"b": {}}, {"b": [3]}, {"b": [{"s": 1}]}])
def test_json_of_the_wrong_shape_is_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        Schema({"A": "n=1:int64 b=2:B*", "B": "s=1:string"}).from_json(value, "A")


def test_more_values_than_allowed_are_refused() -> None:
    schema = Schema({"A": "b=1:B* n=2:int64*", "B": "s=1:string"})
    schema.read(memoryview(b"\x0a\x00" * 10), "A", 80)
    for data in (b"\x0a\x00" * 11, blob(2, b"\x01" * 162)):
        with pytest.raises(Malformed):
            schema.read(memoryview(data), "A", 80)
