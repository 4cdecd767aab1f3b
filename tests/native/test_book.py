"""Book, Numbers and RowTable as Python sees them: what they add up, and what they refuse."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest

from flarego.native import Book, Numbers, RowTable


def u32(*values: int) -> bytes:
    return array("I", values).tobytes()


def f64(*values: float) -> bytes:
    return array("d", values).tobytes()


FRAMES = {"function": u32(1, 2), "file": u32(0, 0), "line": u32(10, 20), "flags": b"\0\1"}
LOCATIONS = {"count": b"\2\1", "frame": u32(0, 1, 0)}
NODES = {"parent": u32(0, 1), "location": u32(0, 1)}


def rows(*keys: tuple[int, int, int], count: Sequence[int] = (), wall: float = 5.0) -> dict[str, bytes]:
    """(node, group, state) of each."""
    n = len(keys)
    return {
        "node": u32(*(key[0] for key in keys)),
        "group": u32(*(key[1] for key in keys)),
        "state": bytes(key[2] for key in keys),
        "reason": bytes(n),
        "flags": bytes(n),
        "wall": f64(*[wall] * n),
        "cpu": f64(*[1.0] * n),
        "count": u32(*(count or [1] * n)),
        "wait": f64(*[wall] * n),
    }


@pytest.fixture
def numbers() -> Numbers:
    numbers = Numbers(Book())
    numbers.define(u32(7, 8, 9), FRAMES, LOCATIONS, NODES)
    numbers.define_groups(u32(3, 4))
    return numbers


def test_a_location_becomes_a_node_for_each_of_its_frames() -> None:
    book = Book()
    numbers = Numbers(book)
    numbers.define(u32(7, 8, 9), FRAMES, LOCATIONS, NODES)
    assert book.frames(0) == {"function": u32(8, 9), "file": u32(7, 7), "line": u32(10, 20), "flags": b"\0\1"}
    assert book.nodes(0) == {"parent": u32(0, 0, 1, 2), "frame": u32(0, 0, 1, 0)}
    assert numbers.nodes() == u32(0, 2, 3)
    assert numbers.frame(1) == 1
    assert (book.n_frames, book.n_nodes, book.depth) == (2, 4, 3)


def test_the_same_again_is_nothing_new(numbers: Numbers) -> None:
    book = Book()
    for _ in range(3):
        again = Numbers(book)
        again.define(u32(7, 8, 9), FRAMES, LOCATIONS, NODES)
    assert (book.n_frames, book.n_nodes) == (2, 4)
    assert book.nodes(4) == {"parent": b"", "frame": b""}
    assert book.frames(99)["flags"] == b""


def test_rows_add_up_by_what_they_mean(numbers: Numbers) -> None:
    table = RowTable()
    table.add(numbers, rows((1, 0, 3), (2, 1, 3), count=[2, 5]))
    table.add(numbers, rows((2, 1, 3), (2, 1, 3), (0, 1, 0), count=[1, 2, 0], wall=9.0))
    columns = table.columns()
    assert len(table) == 3
    assert columns["node"] == u32(2, 3, 0)
    assert columns["group"] == u32(3, 4, 4)
    assert columns["wall"] == f64(5, 23, 9)
    assert columns["cpu"] == f64(1, 3, 1)
    assert columns["wait"] == f64(5, 9, 9)
    assert columns["count"] == u32(0, 3, 0)


def test_what_comes_after_decides_the_counts_also_of_frozen_tables(numbers: Numbers) -> None:
    first, second, empty = RowTable(), RowTable(), RowTable()
    first.add(numbers, rows((1, 0, 3), (2, 0, 3), count=[7, 7]))
    second.add(numbers, rows((2, 0, 3), count=[4]))
    for table in (first, second):
        table.freeze()
    size = first.size
    first.merge(second)
    assert first.columns()["count"] == u32(0, 4)
    assert first.columns()["wall"] == f64(5, 10)
    first.freeze()
    assert first.size == size
    first.add(numbers, {})
    assert first.columns()["count"] == u32(0, 0)
    first.merge(empty)
    empty.merge(first)
    assert empty.columns() == first.columns()


def test_tables_of_another_book_are_translated(numbers: Numbers) -> None:
    other = RowTable()
    other.add(numbers, rows((1, 0, 3)))
    book = Book()
    translation = Numbers(book)
    frames = {"function": u32(0), "file": u32(0), "line": u32(1), "flags": b"\0"}
    nodes = {"parent": u32(0, 1, 2), "location": u32(0, 0, 0)}
    translation.define(u32(0), frames, {"count": b"\1", "frame": u32(0)}, nodes)
    translation.define_groups(u32(9, 9, 9, 6))
    table = RowTable()
    table.merge(other, translation)
    assert (table.columns()["node"], table.columns()["group"]) == (u32(2), u32(6))


def test_stacks_add_up_to_their_callers() -> None:
    book = Book()
    Numbers(book).define(u32(7, 8, 9), FRAMES, LOCATIONS, NODES)
    assert book.add_up(f64(1, 2, 4, 8)) == f64(15, 14, 12, 8)
    with pytest.raises(ValueError, match="one weight"):
        book.add_up(f64(1))


@pytest.mark.parametrize(
    ("frames", "locations", "nodes"),
    [
        ({**FRAMES, "function": u32(1, 3)}, LOCATIONS, NODES),
        ({**FRAMES, "file": u32(0xFFFFFFFF, 0)}, LOCATIONS, NODES),
        (FRAMES, {"count": b"\2\1", "frame": u32(0, 1, 2)}, NODES),
        (FRAMES, {"count": b"\2\2", "frame": u32(0, 1, 0)}, NODES),
        (FRAMES, LOCATIONS, {"parent": u32(0, 2), "location": u32(0, 1)}),
        (FRAMES, LOCATIONS, {"parent": u32(0, 1), "location": u32(0, 2)}),
        ({**FRAMES, "line": u32(1)}, LOCATIONS, NODES),
        ({**FRAMES, "line": b"\0" * 7}, LOCATIONS, NODES),
        ({**FRAMES, "flags": "no bytes"}, LOCATIONS, NODES),
    ],
)
def test_definitions_that_contradict_themselves_define_nothing(
    frames: dict[str, bytes], locations: dict[str, bytes], nodes: dict[str, bytes]
) -> None:
    book = Book()
    numbers = Numbers(book)
    with pytest.raises(ValueError, match=r"defined|column"):
        numbers.define(u32(7, 8, 9), frames, locations, nodes)
    assert (book.n_frames, book.n_nodes) == (0, 1)
    assert numbers.nodes() == u32(0)


@pytest.mark.parametrize("wrong", [{"node": u32(3)}, {"group": u32(2)}, {"node": u32(0xFFFFFFFF)}, {"state": b"\0\0"}])
def test_rows_that_refer_to_nothing_add_nothing(numbers: Numbers, wrong: dict[str, bytes]) -> None:
    table = RowTable()
    table.add(numbers, rows((1, 0, 3)))
    before = table.columns()
    with pytest.raises(ValueError, match=r"defined|length"):
        table.add(numbers, {**rows((2, 0, 3)), **wrong})
    assert table.columns() == before


def test_what_is_no_weight_weighs_nothing(numbers: Numbers) -> None:
    table = RowTable()
    for wall in (float("nan"), float("inf"), float("-inf"), -1.0, 1e300):
        table.add(numbers, rows((1, 0, 3), wall=wall))
    assert table.columns()["wall"] == table.columns()["wait"] == f64(0)


def test_misuse_is_an_error_and_no_crash(numbers: Numbers) -> None:
    table = RowTable()
    with pytest.raises(ValueError, match="defined"):
        table.merge(table)
    with pytest.raises(KeyError):
        table.add(numbers, {"node": b""})
    for call in (lambda: table.add(None, {}), lambda: table.merge(None), lambda: table.merge(RowTable(), 3),
                 lambda: Numbers(None), lambda: Book(1), lambda: table.add(numbers, 3)):  # fmt: skip
        with pytest.raises(TypeError):
            call()  # type: ignore[no-untyped-call]
    for made in (Numbers.__new__(Numbers), Book.__new__(Book)):
        with pytest.raises(TypeError, match="initialised"):
            made.define_groups(b"") if isinstance(made, Numbers) else made.nodes(0)
    with pytest.raises(TypeError, match="initialised"):
        table.add(Numbers.__new__(Numbers), {})
    with pytest.raises(TypeError, match="already"):
        numbers.__init__(Book())  # type: ignore[misc]
    with pytest.raises(OverflowError):
        numbers.frame(-1)
