"""What can be asked: each operation says once what it is, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from flarego.gateway.policy import Rule, Scope
from flarego.gateway.query import answers, export, overview
from flarego.gateway.query.parameters import AnyParameter
from flarego.gateway.query.question import NAMESPACE_PARAMETER, PROCESS, Question

READ = Rule(Scope.READ)
Handler = Callable[[Question], Awaitable[web.StreamResponse]]
_ONE = "/api/v1/processes/{process}"


@dataclass(frozen=True)
class Operation:
    """One address of the API."""

    path: str
    name: str
    summary: str
    about: str
    answer: str
    """The schema of its JSON answer; "" when it answers with a file."""
    example: str
    """What follows the path in the example."""
    handler: Handler
    parameters: Sequence[AnyParameter] = ()
    rule: Rule = READ
    files: Sequence[str] = ()
    """Media types it may answer with, besides."""


_QUIET = Rule(Scope.READ, audited=False)
_OVERALL = Rule(Scope.READ, namespaced=False, audited=False)
OPERATIONS: Sequence[Operation] = (
    Operation(
        "/api/v1/processes", "processes", "Every process of a namespace",
        "Those that come through other replicas too. `gone` says why nothing more comes, \"\" while it is watched.",
        "Processes", "", overview.processes, (NAMESPACE_PARAMETER,), _QUIET,
    ),
    Operation(
        _ONE, "process", "One process, and what is kept of it",
        "`start` and `end`: the first and the newest chunk's, ns since `epoch`, which is Unix ns.",
        "Process", "", overview.process, (PROCESS, NAMESPACE_PARAMETER), _QUIET,
    ),
    Operation(
        "/api/v1/status", "status", "How this gateway is",
        "The namespaces the token may read, what viewers should know, and the limits that were reached.",
        "Status", "", overview.status, (), _OVERALL,
    ),
    Operation(
        f"{_ONE}/flame", "flame", "A flame graph of a span, folded",
        "Functions are merged by name. Nothing is missing from the sum: a node's `total` is its `self`, its children's"
        " totals and its `rest`, which is what the bounds cut off below it. `total` of time by the span's length is a"
        " mean number of goroutines (on CPU: of busy cores). With `format` the answer is another tool's file.",
        "Flame", "?from=-5m&state=waiting", answers.flame_graph,
        answers.FLAME,
        files=sorted({media.partition(";")[0] for _, media in export.FORMATS.values()} - {"application/json"}),
    ),
    Operation(
        f"{_ONE}/series", "series", "Series over a span, in buckets",
        "Least, greatest and mean of what the chunks that ended in each bucket told; null where none did.",
        "Series", "?from=-15m&step=5s&name=goroutines.*", answers.series_in_buckets, answers.SERIES,
    ),
    Operation(
        f"{_ONE}/groups", "groups", "Goroutines in groups",
        "Who is there at the span's end, by where they stand, who made them, what they do or how they are labelled;"
        " `change` is from the span's beginning, `mean` over all of it, `longest_wait` in ns.",
        "Groups", "?by=created", answers.goroutine_groups, answers.GROUPS,
    ),
    Operation(
        f"{_ONE}/diff", "diff", "What changed between two spans",
        "Mean numbers of the program's own goroutines, by state and by stack, before (`base_…`) and after; also of two"
        " processes of the same namespace. What is idle by design is not among the stacks.",
        "Difference", "?from=-1m&base_from=-10m&base_to=-9m", answers.difference,
        answers.DIFF,
    ),
    Operation(
        f"{_ONE}/events", "events", "What happened: garbage collections, changes of engine, notes",
        "As wire/FORMAT.md says; `at` is in ns since the process's epoch.",
        "Events", "?from=-15m&kind=gc", answers.events, answers.EVENTS,
    ),
    Operation(
        f"{_ONE}/leaks", "leaks", "Groups of goroutines that only grow",
        "Suspects, the fastest first, with the counts that make them suspect. Without `from`, of all that is kept.",
        "Leaks", "", answers.leaks, answers.ABOUT_ONE,
    ),
    Operation(
        f"{_ONE}/clip", "clip", "A clip of a span",
        "The file that `flarego replay` shows. Without `from` and `to`, of all that is kept.",
        "", " -o clip.fgo", answers.clip, answers.ABOUT_ONE, files=("application/octet-stream",),
    ),
)  # fmt: skip
