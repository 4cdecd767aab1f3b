"""Stacks, states and wait reasons are, frame for frame, what the process itself prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from bench.common import FLAREGO
from targets import Target, build, toolchains
from targets.build import FORMS
from targets.server import Server

from fidelity.compare import Report
from fidelity.outside import Observer, dump, observe

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


def check(report: Report, *, may_move: float = 0.0) -> None:
    """may_move: the share of goroutines that may have gone elsewhere and come back meanwhile."""
    print(report)
    assert report.compared
    assert report.moved <= may_move * report.compared, report
    assert report.stacks + report.moved >= BAR * report.compared, report
    assert report.states + report.moved >= BAR * report.compared, report


def check_target(target: Target) -> None:
    with Observer(target.pid) as observer:
        check(observe(target.goroutines, observer.see))


def check_server(server: Server, *, times: int, may_move: float) -> None:
    with Observer(server.pid) as observer:
        check(observe(server.goroutines, observer.see, times=times), may_move=may_move)


def versions_and_programs() -> Iterator[tuple[str, str]]:
    for version in toolchains():
        minor = tuple(map(int, version.split(".")[:2]))
        for program in PROGRAMS:
            if program != "coroutines" or minor >= COROUTINES_SINCE:
                yield version, program


@pytest.mark.parametrize(("version", "program"), list(versions_and_programs()))
def test_every_version_is_seen_as_it_prints_itself(version: str, program: str) -> None:
    with Target(program, version=version) as target:
        check_target(target)


@pytest.mark.parametrize("form", FORMS_TO_ATTACH)
def test_every_form_of_binary_is_seen_as_it_prints_itself(form: str) -> None:
    with Target("states", form=form) as target:
        check_target(target)


@pytest.mark.parametrize("version", toolchains())
def test_c_code_and_what_it_calls_is_seen_as_it_prints_itself(version: str) -> None:
    with Target("cgo", version=version, form="cgo") as target:
        check_target(target)


def test_plugin_is_seen_as_it_prints_itself() -> None:
    part = build("pluginpart", form="plugin")
    with Target("pluginhost", part, form="cgo") as target:
        check_target(target)


def test_ten_thousand_goroutines_are_seen_as_they_print_themselves() -> None:
    with Target("many", "-n", 10_000) as target:
        check_target(target)


def test_quiet_demo_is_seen_as_it_prints_itself(serve_demo: Callable[..., Server]) -> None:
    check_server(serve_demo(load=0, goroutines=1000), times=5, may_move=0.001)


def test_busy_demo_is_seen_as_it_prints_itself(serve_demo: Callable[..., Server]) -> None:
    check_server(serve_demo(), times=50, may_move=0.01)


def test_prometheus_is_seen_as_it_prints_itself(prometheus: Server) -> None:
    check_server(prometheus, times=50, may_move=0.01)


def test_dump_prints_what_the_process_prints(serve_demo: Callable[..., Server]) -> None:
    service = serve_demo(load=0)
    check(observe(service.goroutines, lambda: dump(service.pid)), may_move=0.01)


def test_labels_are_what_the_program_set() -> None:
    with Target("labels") as target:
        wanted = json.loads(target.ask("labels"))
        done = subprocess.run(
            [*FLAREGO, "dump", "--json", "--pid", str(target.pid)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    goroutines = json.loads(done.stdout)
    seen = {frame["function"]: g["labels"] for g in goroutines for frame in g["frames"]}
    for function, labels in wanted.items():
        assert seen[function] == labels
    assert len(seen["main.many"]) == 20
