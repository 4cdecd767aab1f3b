"""`flarego dump` prints, frame for frame, what the process itself prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from bench.common import FLAREGO
from conftest import Server
from targets import Target, build, toolchains
from targets.build import FORMS, LATEST

from fidelity.compare import Report, compare
from fidelity.text import Goroutine, parse

BAR = 0.999
PROGRAMS = (
    "states",
    "inlining",
    "generics",
    "wrappers",
    "methodvalues",
    "labels",
    "locked",
    "blocked",
    "deep",
    "many",
    "coroutines",
)
COROUTINES_SINCE = (1, 23)
FORMS_TO_ATTACH = [form for form in FORMS if form not in ("plugin", "32-bit")]


def dump(pid: int) -> dict[int, Goroutine]:
    done = subprocess.run(
        [*FLAREGO, "dump", "--pid", str(pid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def check(report: Report) -> None:
    print(report)
    assert report.compared
    assert report.stacks >= BAR * report.compared, report
    assert report.states >= BAR * report.compared, report


def observe(goroutines: Callable[[], str], pid: int) -> Report:
    before = parse(goroutines())
    seen = dump(pid)
    return compare(before, seen, parse(goroutines()))


def versions_and_programs() -> Iterator[tuple[str, str]]:
    for version in toolchains():
        minor = tuple(map(int, version.split(".")[:2]))
        for program in PROGRAMS:
            if program != "coroutines" or minor >= COROUTINES_SINCE:
                yield version, program


@pytest.mark.parametrize(("version", "program"), versions_and_programs())
def test_every_version_prints_the_same(version: str, program: str) -> None:
    with Target(program, version=version) as target:
        check(observe(target.goroutines, target.pid))


@pytest.mark.parametrize("form", FORMS_TO_ATTACH)
def test_every_form_of_binary_prints_the_same(form: str) -> None:
    with Target("states", form=form) as target:
        check(observe(target.goroutines, target.pid))


@pytest.mark.parametrize("version", toolchains())
def test_c_code_and_what_it_calls_prints_the_same(version: str) -> None:
    with Target("cgo", version=version, form="cgo") as target:
        check(observe(target.goroutines, target.pid))


def test_plugin_prints_the_same() -> None:
    part = build("pluginpart", form="plugin")
    with Target("pluginhost", part, form="cgo") as target:
        check(observe(target.goroutines, target.pid))


def test_ten_thousand_goroutines_print_the_same() -> None:
    with Target("many", "-n", 10_000) as target:
        check(observe(target.goroutines, target.pid))


def test_idle_demo_prints_the_same(serve_demo: Callable[..., Server]) -> None:
    service = serve_demo(load=0, goroutines=1000)
    check(observe(service.goroutines, service.pid))


def test_prometheus_prints_the_same(prometheus: Server) -> None:
    report = Report()
    for _ in range(5):
        report.add(observe(prometheus.goroutines, prometheus.pid))
    check(report)


def test_labels_are_what_the_program_set() -> None:
    with Target("labels", version=LATEST) as target:
        wanted = json.loads(target.ask("labels"))
        done = subprocess.run(
            [*FLAREGO, "dump", "--json", "--pid", str(target.pid)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    seen = {g["frames"][0]["function"]: g["labels"] for g in _goroutines(done.stdout)}
    for function, labels in wanted.items():
        assert seen[function] == labels
    assert len(seen["main.many"]) == 20


def _goroutines(text: str) -> list[dict[str, object]]:
    data = json.loads(text)
    return list(data["goroutines"])
