"""The C core over images: what it reads is what was laid out, frame for frame."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.image import DATA, EXACT, SP_WRITE, TEXT, TOP_FRAME, WAITING, Function, Goroutine, Image

GOEXIT = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)


def pcs(goroutine: Goroutine) -> tuple[int, ...]:
    return tuple(f.entry + offset for f, offset in goroutine.calls[:-1])


functions = st.lists(
    st.builds(
        Function,
        name=st.just("main.f"),
        size=st.integers(4, 400).map(lambda n: n * 4),
        sp_delta=st.integers(0, 60).map(lambda n: n * 8),
        prologue=st.sampled_from([0, 4, 8]),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=200, deadline=None)
@given(functions, st.sampled_from([40, 44]), st.sampled_from([1, 4]), st.integers(0, 2**32))
def test_every_stack_is_read_as_it_was_laid_out(made: list[Function], func_size: int, quantum: int, seed: int) -> None:
    chance = random.Random(seed)
    goexit = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    goroutines = []
    for goid in range(1, chance.randint(1, 6) + 1):
        calls = [(f, chance.randrange(f.size // 4) * 4) for f in chance.choices(made, k=chance.randint(1, 200))]
        goroutines.append(Goroutine(goid, [*calls, (goexit, 4)]))
    image = Image([*made, goexit], goroutines, quantum=quantum, func_size=func_size)
    snapshot = image.sampler().snapshot()
    assert [g["goid"] for g in snapshot] == [g.goid for g in goroutines]
    for seen, expected in zip(snapshot, goroutines, strict=True):
        assert seen["complete"]
        assert seen["pcs"] == pcs(expected)


@given(functions, st.data())
def test_a_pc_finds_its_function_and_line(made: list[Function], data: st.DataObject) -> None:
    image = Image(made)
    tables = image.tables(image.memory())
    index = data.draw(st.integers(0, len(made) - 1))
    pc = made[index].entry + data.draw(st.integers(0, made[index].size - 1))
    found = tables.find(pc)
    assert found is not None
    assert (found.entry, found.name_offset) == (made[index].entry, index)
    assert tables.value(found, found.pcln, pc) == 10 * index + 1
    assert tables.find(TEXT - 1) is None
    assert tables.find(image.etext) is None


def test_a_stack_that_does_not_reach_its_beginning_is_called_incomplete() -> None:
    leaf = Function("main.leaf")
    image = Image([leaf, GOEXIT], [Goroutine(1, [(leaf, 8), (leaf, 8)])])
    (seen,) = image.sampler().snapshot()
    assert not seen["complete"]


def test_a_function_that_writes_sp_ends_the_walk_unless_it_is_innermost() -> None:
    switch = Function("runtime.systemstack_switch", flag=SP_WRITE)
    leaf, goexit = Function("main.leaf"), Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    innermost = Goroutine(1, [(switch, 8), (leaf, 8), (goexit, 4)])
    outer = Goroutine(2, [(leaf, 8), (switch, 8), (goexit, 4)])
    first, second = Image([switch, leaf, goexit], [innermost, outer]).sampler().snapshot()
    assert first["complete"] and first["pcs"] == pcs(innermost)
    assert not second["complete"]


def test_below_a_sigpanic_the_pc_is_exact() -> None:
    sigpanic, faulty = Function("runtime.sigpanic"), Function("main.faulty")
    goexit = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    g = Goroutine(1, [(sigpanic, 8), (faulty, 12), (goexit, 4)])
    (seen,) = Image([sigpanic, faulty, goexit], [g]).sampler().snapshot()
    assert seen["pcs"] == (sigpanic.entry + 8, (faulty.entry + 12) | EXACT)


def test_a_deep_stack_keeps_both_ends_and_marks_what_is_left_out() -> None:
    functions = [Function(f"main.f{i}") for i in range(1000)]
    goexit = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    g = Goroutine(1, [*((f, 8) for f in functions), (goexit, 4)])
    (seen,) = Image([*functions, goexit], [g]).sampler().snapshot()
    expected = [f.entry + 8 for f in functions]
    assert seen["complete"]
    assert seen["pcs"] == (*expected[:256], 1, *expected[-256:])


@pytest.mark.parametrize("depth", [256, 257, 511, 512])
def test_a_stack_of_up_to_512_frames_is_kept_whole(depth: int) -> None:
    functions = [Function(f"main.f{i}") for i in range(depth)]
    goexit = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    g = Goroutine(1, [*((f, 8) for f in functions), (goexit, 4)])
    (seen,) = Image([*functions, goexit], [g]).sampler().snapshot()
    assert seen["pcs"] == tuple(f.entry + 8 for f in functions)


def test_the_semaphore_a_goroutine_waits_on_is_the_first_word_above_its_frame() -> None:
    acquire, caller = Function("runtime.semacquire1"), Function("main.lock", sp_delta=24)
    goexit = Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    g = Goroutine(1, [(acquire, 8), (caller, 8), (goexit, 4)])
    (seen,) = Image([acquire, caller, goexit], [g]).sampler().snapshot()
    assert (seen["wait_kind"], seen["wait_address"]) == (2, 0xAAAAAAAAAAAAAAAA)


def test_a_channel_is_found_through_the_sudog() -> None:
    leaf, goexit = Function("main.leaf"), Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    g = Goroutine(1, [(leaf, 8), (goexit, 4)], waiting=DATA - 88 + 8)  # its word is the length of allgs
    (seen,) = Image([leaf, goexit], [g]).sampler().snapshot()
    assert (seen["wait_kind"], seen["wait_address"]) == (1, 1)


def test_dead_goroutines_are_not_listed() -> None:
    leaf, goexit = Function("main.leaf"), Function("runtime.goexit", flag=TOP_FRAME, sp_delta=0)
    calls = [(leaf, 8), (goexit, 4)]
    goroutines = [Goroutine(1, calls, status=6), Goroutine(2, calls, status=WAITING | 0x1000), Goroutine(0, calls)]
    assert [g["goid"] for g in Image([leaf, goexit], goroutines).sampler().snapshot()] == [2]
