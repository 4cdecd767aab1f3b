"""Names and numbers as people read them, and what counts as idle."""

from __future__ import annotations

import pytest

from flarego.model import units
from flarego.model.idle import is_idle
from flarego.model.names import fit, forms, is_standard, package_of, printable
from model.recorded import frame


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("github.com/acme/api/cache.(*LRU[go.shape.int]).Get.func1",
         ("cache.(*LRU[…]).Get.func1", "(*LRU).Get.func1", "Get.func1")),
        ("main.main", ("main.main", "main")),
        ("net/http.(*conn).serve", ("http.(*conn).serve", "(*conn).serve", "serve")),
        ("a/b.c\x1b[31m", ("b.c�[31m", "c�[31m")),
        ("[native code]", ("[native code]",)),
    ],
)  # fmt: skip
def test_names_get_shorter_by_meaning(function: str, expected: tuple[str, ...]) -> None:
    assert forms(function) == expected


def test_the_longest_form_that_fits_is_shown() -> None:
    names = forms("net/http.(*conn).serve")
    assert [fit(names, room) for room in (40, 18, 17, 12, 5, 4, 2)] == [
        "http.(*conn).serve", "http.(*conn).serve", "(*conn).serve", "serve", "serve", "ser…", "",
    ]  # fmt: skip


def test_packages() -> None:
    assert package_of("example.com/v1.2/api.(*S).Do") == "example.com/v1.2/api"
    assert is_standard("net/http.(*conn).serve", "example.com/api")
    assert not is_standard("main.main", "example.com/api")
    assert not is_standard("example.com/other.F", "example.com/api")
    assert not is_standard("orders/store.Get", "orders")
    assert printable("a\nb\x00") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.duration(0), "0"),
        (units.duration(312e6), "312 ms"),
        (units.duration(1.5e9), "1.5 s"),
        (units.duration(999.6e6), "1 s"),
        (units.duration(252e9), "4 min 12 s"),
        (units.duration(11100e9), "3 h 5 min"),
        (units.duration(180000e9), "2 d 2 h"),
        (units.size(0), "0 B"),
        (units.size(1536), "1.5 KiB"),
        (units.number(12418), "12 418"),
        (units.mean(0.004), "0.004"),
        (units.mean(0), "0"),
        (units.mean(12.44), "12.4"),
        (units.share(1, 8), "12.5 %"),
        (units.share(1, 1), "100 %"),
        (units.share(1, 1e9), "<0.01 %"),
        (units.signed(-3, "3"), "\N{MINUS SIGN}3"),
    ],
)
def test_numbers(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("stack", "reason", "idle"),
    [
        (["main.worker", "runtime.chanrecv", "runtime.gopark"], "chan receive", True),
        (["main.main.gowrap1", "main.worker"], "select", True),
        (["main.worker", "time.Sleep"], "sleep", True),
        (["main.worker", "main.step"], "chan receive", False),
        (["main.worker"], "chan send", False),
        (["main.worker"], "sync.Mutex.Lock", False),
        (["net/http.(*conn).serve", "net/http.(*conn).readRequest"], "IO wait", True),
        (["net/http.(*conn).serve", "net/http.serverHandler.ServeHTTP", "main.handle"], "IO wait", False),
        (["main.listen", "internal/poll.(*FD).Accept"], "IO wait", True),
    ],
)
def test_who_is_parked_by_design(stack: list[str], reason: str, idle: bool) -> None:
    frames = [frame(function) for function in stack]
    assert is_idle(frames, "waiting", reason) == idle
    assert not is_idle(frames, "running", reason)
