"""Bytes that we wrote are read back as they were; bytes of strangers are refused in one sentence."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flarego.wire.codec
from flarego.model.chunk import WIDTHS, Chunk, Gap, Gone, Message
from flarego.wire.codec import MAX_MESSAGE, BadMessage, decode, encode
from wire.messages import MESSAGES, chunk, info

FORMAT = Path(flarego.wire.codec.__file__).with_name("FORMAT.md")


@given(MESSAGES)
def test_what_is_written_is_read_back(message: Message) -> None:
    assert decode(encode(message)) == message


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused_not_crashed_on(data: bytes) -> None:
    try:
        decode(data)
    except BadMessage as e:
        assert "\n" not in e.message


@given(MESSAGES, st.data())
def test_damaged_messages_are_read_or_refused(message: Message, data: st.DataObject) -> None:
    damaged = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadMessage):
        decode(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (Gap("17-4", 3, 5), "84a474797065a3676170a770726f63657373a431372d34a466726f6d03a2746f05"),
        (Gone("17-4", 12, "bye"), "84a474797065a4676f6e65a770726f63657373a431372d34a261740ca3776879a3627965"),
        (
            Chunk("17-4", 0, 0, 0, 5, strings=[""], groups=[], events=[], waits=[], processors=[]),
            "87a474797065a56368756e6ba770726f63657373a431372d34aa67656e65726174696f6e00a873657175656e636500"
            "a5737461727400a3656e6405a7737472696e677391a0",
        ),
    ],
)
def test_the_bytes_of_version_1_stay_what_they_are(message: Message, written: str) -> None:
    assert encode(message).hex() == written
    assert decode(bytes.fromhex(written)) == message


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([info(), chunk()]), st.data())
def test_a_key_of_any_other_type_is_refused_or_read(message: Message, data: st.DataObject) -> None:
    raw = fields(message)
    raw[data.draw(st.sampled_from(sorted(raw)))] = data.draw(VALUES)
    with suppress(BadMessage):
        decode(msgpack.packb(raw))


def fields(message: Message) -> dict[str, Any]:
    raw: dict[str, Any] = msgpack.unpackb(encode(message))
    return raw


def changed(message: Message, **values: Any) -> bytes:
    data: bytes = msgpack.packb(fields(message) | values)
    return data


def test_unknown_keys_and_columns_are_skipped() -> None:
    rows = {name: bytes(width) for name, width in WIDTHS["rows"].items()} | {"colour": b"xyz"}
    assert decode(changed(chunk(), invented=[1, {"a": b"b"}], rows=rows)) == decode(encode(chunk()))


def test_unknown_types_are_skipped() -> None:
    assert decode(msgpack.packb({"type": "weather", "sun": True})) is None


def test_a_newer_stream_is_refused_by_its_version() -> None:
    with pytest.raises(BadMessage, match="version 2; this flarego knows versions up to 1") as caught:
        decode(changed(info(), version=2))
    assert caught.value.remedy == "update flarego"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sequence", -1, "sequence"),
        ("sequence", True, "sequence"),
        ("start", "now", "start"),
        ("end", 1, "ends before it starts"),
        ("strings", [1], "strings"),
        ("groups", [None], "groups"),
        ("series", {"threads": "three"}, "series"),
        ("rows", {"node": b""}, "group"),
        ("rows", [1], "rows"),
        ("locations", {"count": b"\x02", "frame": bytes(4)}, "locations"),
        ("nodes", {"parent": bytes(3), "location": bytes(4)}, "nodes.parent"),
        ("nodes", {"parent": bytes(8), "location": bytes(4)}, "nodes"),
        ("sampler", 3, "sampler"),
    ],
)
def test_a_chunk_that_contradicts_itself_is_refused(key: str, value: object, says: str) -> None:
    with pytest.raises(BadMessage, match=says):
        decode(changed(chunk(3), **{key: value}))


@pytest.mark.parametrize("budget", ["1", None, float("nan"), float("inf"), -1])
def test_a_process_with_an_odd_budget_is_refused(budget: object) -> None:
    with pytest.raises(BadMessage, match="budget"):
        decode(changed(info(), budget=budget))


def test_a_message_larger_than_any_of_ours_is_refused_unread() -> None:
    with pytest.raises(BadMessage, match="larger"):
        decode(bytes(MAX_MESSAGE + 1))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(BadMessage):
        decode(b"\x81\xa1x" * 100_000 + b"\x01")


def test_promised_sizes_cost_no_memory() -> None:
    with pytest.raises(BadMessage):
        decode(b"\x81\xa4type\xc6\xff\xff\xff\xff")


def test_names_that_are_no_unicode_do_not_stop_the_stream() -> None:
    message = decode(encode(info(command="/bin/\udcff")))
    assert message == info(command="/bin/?")


def test_a_chunk_without_content_is_small() -> None:
    assert len(encode(chunk(rows=0, names=()))) < 100


def test_the_document_names_every_column_and_its_width() -> None:
    text = FORMAT.read_text()
    for name, width in WIDTHS["rows"].items():
        row = re.search(rf"^\| [^|]*`{name}`[^|]*\| (\w+) \|", text, re.MULTILINE)
        assert row, name
        assert {"u8": 1, "u32": 4, "f64": 8}[row[1]] == width
    for table in ("frames", "nodes"):
        line = next(line for line in text.splitlines() if line.startswith(f"| `{table}`"))
        assert all(f"`{column}`" in line for column in WIDTHS[table])
