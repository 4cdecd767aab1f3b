"""The spool: what must go goes by whole generations, and what the gateway gets can always be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flarego.agent.entry import OVERHEAD, Kind
from flarego.agent.spool import Spool

SIZE = 1000 - OVERHEAD


def spool(memory: int = 1 << 20, generations: str = "") -> Spool:
    """A spool with one chunk a letter; a capital begins a generation, i is a notice of who is watched."""
    made = Spool(memory)
    fill(made, generations)
    return made


def fill(spool: Spool, generations: str) -> None:
    for letter in generations:
        kind = Kind.INFO if letter == "i" else Kind.HEAD if letter.isupper() else Kind.CHUNK
        spool.put(kind, ord(letter.lower()) if letter != "i" else spool._generation, bytes(SIZE), 0, SIZE)


def kept(spool: Spool) -> list[tuple[int, str]]:
    """(number, letter) of each entry."""
    found, at = [], 0
    while (entry := spool.after(at)) is not None:
        at = entry.sequence
        letter = chr(entry.generation) if entry.generation > 0 else "?"
        found.append((at, "i" if entry.kind is Kind.INFO else letter.upper() if entry.kind is Kind.HEAD else letter))
    return found


def letters(spool: Spool) -> str:
    return "".join(letter for _, letter in kept(spool))


def test_it_numbers_from_one_and_gives_in_order() -> None:
    assert kept(spool(generations="Aaa")) == [(1, "A"), (2, "a"), (3, "a")]


def test_what_is_acknowledged_is_let_go() -> None:
    made = spool(generations="AaaBb")
    made.acknowledge(3)
    assert kept(made) == [(4, "B"), (5, "b")] and made.size == 2000
    made.acknowledge(1)
    made.acknowledge(99)
    assert kept(made) == [] and made.size == 0 and made.acknowledged == 5 and made.oldest is None


def test_when_it_is_full_the_oldest_generation_goes_whole_and_the_numbers_jump() -> None:
    made = spool(5000, "AaaBb")
    fill(made, "b")
    assert kept(made) == [(4, "B"), (5, "b"), (6, "b")]
    assert (made.lost.chunks, made.lost.generations) == (3, 1)
    assert not made.wants_renewal


def test_when_the_generation_in_progress_must_go_a_new_one_has_to_begin() -> None:
    made = spool(3000, "Aaaa")
    assert kept(made) == [] and made.wants_renewal
    fill(made, "a")
    assert kept(made) == [] and made.lost.chunks == 5, "what cannot be read is not kept"
    fill(made, "Bb")
    assert kept(made) == [(6, "B"), (7, "b")] and not made.wants_renewal


def test_who_is_watched_is_never_forgotten_but_for_older_notices() -> None:
    made = spool(4000, "AiaiaB")
    assert letters(made) == "iB"
    assert kept(made)[0][0] == 4


class TestResuming:
    def test_with_a_gateway_that_has_more_than_it_said(self) -> None:
        made = spool(generations="AaaB")
        made.acknowledge(1)
        assert made.resume(3) == 3
        assert made.after(3).sequence == 4  # type: ignore[union-attr]
        assert letters(made) == "aaB", "has is not: is safe"

    def test_with_one_that_lost_what_was_safe_the_rest_of_that_generation_is_forgotten(self) -> None:
        made = spool(generations="AaaBb")
        made.acknowledge(2)
        assert made.resume(0) == 0
        assert letters(made) == "Bb" and not made.wants_renewal

    def test_with_one_that_lost_the_generation_in_progress_a_new_one_begins(self) -> None:
        made = spool(generations="Aaa")
        made.acknowledge(2)
        made.resume(0)
        assert letters(made) == "" and made.wants_renewal

    def test_with_one_that_lost_all_when_all_was_safe(self) -> None:
        made = spool(generations="Aaa")
        made.acknowledge(3)
        made.resume(0)
        assert made.wants_renewal
        fill(made, "aB")
        assert kept(made) == [(5, "B")]

    def test_between_two_generations_nothing_is_lost(self) -> None:
        made = spool(generations="AaB")
        made.acknowledge(2)
        made.resume(0)
        assert letters(made) == "B" and not made.wants_renewal

    def test_with_one_that_knows_more_than_we_ever_sent(self) -> None:
        made = spool(generations="Aa")
        assert made.resume(10) == 10
        assert made.wants_renewal
        fill(made, "B")
        assert kept(made) == [(11, "B")]


@pytest.mark.parametrize(
    "refused, left",
    [(1, "iB"), (2, "AiB"), (4, "AaiB"), (3, "AaaB"), (9, "AaiaB"), (5, "Aaia")],
)
def test_a_refused_message_takes_with_it_what_cannot_be_read_without_it(refused: int, left: str) -> None:
    made = spool(generations="AaiaB")
    made.refuse(refused)
    assert letters(made) == left


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["chunk", "head", "info", "cut", "restart", "give up"]),
        st.tuples(st.just("send"), st.integers(1, 5)),
        st.tuples(st.just("ack"), st.integers(0, 5)),
    ),
    max_size=60,
)


class _Gateway:
    """Takes numbers that grow, and can read a generation from its head on without holes."""

    def __init__(self) -> None:
        self.last = 0
        self.readable = (-1, -1)
        """(generation, index of its chunk taken last)"""
        self.taken: list[tuple[int, int]] = []

    def take(self, sequence: int, generation: int, index: int) -> None:
        assert sequence > self.last
        self.last = sequence
        if index == 0:
            self.readable = generation, 0
        else:
            assert self.readable == (generation, index - 1), "a chunk that refers to what was not defined"
            self.readable = generation, index
        self.taken.append((generation, index))


@given(steps=STEPS, memory=st.integers(1, 12))
def test_whatever_happens_the_gateway_can_read_what_it_gets(steps: list[object], memory: int) -> None:
    made, gateway = Spool(memory * 1000), _Gateway()
    generation, index, cursor, described = 0, -1, 0, {}

    def put(head: bool) -> None:
        nonlocal generation, index
        if head or index < 0 or made.wants_renewal:
            generation, index = generation + 1, -1
        index += 1
        made.put(Kind.CHUNK if index else Kind.HEAD, generation, bytes(SIZE), 0, SIZE)
        described[made.sequence] = generation, index

    def send(count: int) -> None:
        nonlocal cursor
        for _ in range(count):
            if (entry := made.after(cursor)) is not None:
                cursor = entry.sequence
                if entry.kind is Kind.INFO:
                    gateway.last = entry.sequence
                else:
                    gateway.take(entry.sequence, *described[entry.sequence])

    actions: dict[str, Callable[[], object]] = {
        "chunk": lambda: put(head=False),
        "head": lambda: put(head=True),
        "info": lambda: made.put(Kind.INFO, generation, bytes(SIZE), 0, SIZE),
        "give up": made.give_up,
    }
    for step in steps:
        if step == "cut":
            cursor = made.resume(gateway.last)
        elif step == "restart":
            gateway = _Gateway()
            cursor = made.resume(0)
        elif isinstance(step, tuple) and step[0] == "send":
            send(step[1])
        elif isinstance(step, tuple):
            made.acknowledge(max(0, cursor - step[1]))
        else:
            actions[str(step)]()
        assert made.size == sum(1000 for _ in kept(made)) <= memory * 1000 + 1000
