"""Chunks on disk: what was put there comes back, whatever is damaged, cut off or left by who died."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.test_spool import SIZE, fill, kept, letters
from flarego.agent.entry import Entry, Kind
from flarego.agent.shelf import Shelf
from flarego.agent.spool import Spool


def entries(first: int, last: int, generation: int = 1) -> list[Entry]:
    return [Entry(n, Kind.CHUNK, generation, b"%d" % n * 100, 1, 1000, 5.0) for n in range(first, last + 1)]


def all_of(shelf: Shelf) -> list[int]:
    found, at = [], 0
    while (entry := shelf.after(at)) is not None:
        at = entry.sequence
        assert entry == entries(at, at, entry.generation)[0]
        found.append(at)
    return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "p")
    shelf.append(entries(1, 5, 1))
    shelf.append(entries(6, 8, 2))
    shelf.append(entries(10, 12, 2))
    return shelf


def test_what_was_put_there_comes_back_also_to_another(shelf: Shelf, tmp_path: Path) -> None:
    for one in (shelf, Shelf(tmp_path / "p")):
        assert all_of(one) == [*range(1, 9), 10, 11, 12]
        assert (one.last, len(one)) == (12, 11)
        assert one.after(3).sequence == 4 and one.after(1).sequence == 2  # type: ignore[union-attr]


def test_what_is_let_go_leaves_no_file(shelf: Shelf, tmp_path: Path) -> None:
    shelf.let_go(7)
    assert all_of(Shelf(tmp_path / "p")) == [6, 7, 8, 10, 11, 12]
    shelf.remove()
    assert shelf.size == 0 and not (tmp_path / "p").exists()


def test_a_generation_is_forgotten_from_some_number_on(shelf: Shelf) -> None:
    assert shelf.cut(2, 7) == 5
    assert all_of(shelf) == [1, 2, 3, 4, 5, 6]
    assert shelf.cut(1, 0) == 5
    assert all_of(shelf) == [6]


@pytest.mark.parametrize("damage", ["cut", "flip", "garbage", "empty", "gone", "huge"])
def test_damage_costs_the_rest_of_that_file(shelf: Shelf, tmp_path: Path, damage: str) -> None:
    path = sorted((tmp_path / "p").iterdir())[1]
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[:-10])
    elif damage == "flip":
        data[-50] ^= 1
        path.write_bytes(data)
    elif damage == "huge":
        data[8:12] = b"\xff" * 4
        path.write_bytes(data)
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x" * 100 if damage == "garbage" else b"")
    found = all_of(Shelf(tmp_path / "p"))
    assert found == [1, 2, 3, 4, 5, *([6, 7] if damage in ("cut", "flip") else []), 10, 11, 12]


def test_what_was_half_written_is_swept_up(tmp_path: Path) -> None:
    (tmp_path / "1.partial").write_bytes(b"x")
    (tmp_path / "state").write_bytes(b"x")
    assert len(Shelf(tmp_path)) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.binary(max_size=300))
def test_no_file_is_trusted(tmp_path: Path, data: bytes) -> None:
    (tmp_path / f"{1:020}-{9:020}-{1:010}.spool").write_bytes(b"FGSPOOL1" + data)
    shelf = Shelf(tmp_path)
    assert shelf.after(0) is None or shelf.after(0).kind <= 1  # type: ignore[union-attr]


class TestUnderASpool:
    @pytest.fixture
    def spool(self, tmp_path: Path) -> Spool:
        return Spool(3000, Shelf(tmp_path))

    def test_the_oldest_generation_moves_there_and_order_stays(self, spool: Spool, tmp_path: Path) -> None:
        fill(spool, "AaiaBbbbCc")
        assert letters(spool) == "AaiaBbbbCc"
        assert spool.size <= 3000 and spool.stored > 6 * SIZE
        assert [number for number, _ in kept(spool)] == list(range(1, 11))
        assert spool.lost.chunks == 0 and not spool.wants_renewal
        spool.acknowledge(7)
        assert letters(spool) == "bCc"
        spool.acknowledge(10)
        assert spool.stored == 0 and not list(tmp_path.iterdir())

    def test_the_oldest_is_given_up_there_first(self, spool: Spool) -> None:
        fill(spool, "AaaBbbCc")
        spool.give_up()
        assert letters(spool) == "BbbCc" and spool.lost.chunks == 3

    def test_a_gateway_that_lost_what_was_safe(self, spool: Spool) -> None:
        fill(spool, "AaaaaBb")
        spool.acknowledge(2)
        spool.resume(0)
        assert letters(spool) == "Bb"

    def test_a_refused_message_there(self, spool: Spool) -> None:
        fill(spool, "AaaaaBb")
        spool.refuse(3)
        assert letters(spool) == "AaBb"

    def test_a_disk_that_takes_nothing_is_as_if_there_were_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        spool = Spool(3000, Shelf(tmp_path / "file" / "x"))
        fill(spool, "AaaBb")
        assert letters(spool) == "Bb" and spool.lost.chunks == 3

    def test_all_of_it_can_be_saved_and_taken_up_again(self, spool: Spool, tmp_path: Path) -> None:
        fill(spool, "AaB")
        spool.save()
        assert spool.size == 0
        again = Spool(3000, Shelf(tmp_path), sequence=spool.sequence, generation=ord("b"))
        assert letters(again) == "AaB"
        fill(again, "C")
        assert kept(again)[-1] == (4, "C")
