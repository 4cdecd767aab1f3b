"""Places, suspects and comparisons as JSON values, for programs: what `--json` prints and the gateway answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flarego.model.chunk import ProcessInfo
from flarego.model.diff import Amount, Change, Difference
from flarego.model.frame import Frame
from flarego.model.leaks import Suspect
from flarego.model.places import Place
from flarego.model.profile import Profile


def place_json(place_: Place) -> dict[str, Any]:
    return {
        "state": place_.state,
        "reason": place_.reason,
        "function": place_.own.function,
        "file": place_.own.file,
        "line": place_.own.line,
        "created_by": place_.created_by.function if place_.created_by else None,
        "entry": place_.entry.function if place_.entry else None,
    }


def frame_json(frame: Frame) -> dict[str, Any]:
    return {"function": frame.function, "file": frame.file, "line": frame.line, "inlined": frame.inlined}


def suspect_json(suspect: Suspect, info: ProcessInfo) -> dict[str, Any]:
    return place_json(suspect.place) | {
        "start": info.epoch + suspect.start,
        "end": info.epoch + suspect.end,
        "counts": list(suspect.counts),
        "per_minute": suspect.per_minute,
        "longest_wait": suspect.wait,
    }


def difference_json(difference: Difference, limit: int) -> Mapping[str, Any]:
    """Return what changed, at most `limit` stacks. Fields may be added; those that are there stay.

    Amounts are mean numbers of goroutines, of busy cores for `cpu`, ns for `longest_wait`; `share` is of all goroutines
    for states, of those that were not idle for stacks.
    """
    return {
        "before": _side(difference.before),
        "after": _side(difference.after),
        "goroutines": _amount(difference.whole),
        "busy": _amount(difference.busy),
        "states": [_change(change, difference.whole) for change in difference.states],
        "stacks": [_change(change, difference.busy, stack=True) for change in difference.places[:limit]],
    }


def _side(profile: Profile) -> dict[str, Any]:
    info: ProcessInfo = profile.process
    return {
        "process": info.process,
        "pid": info.pid,
        "name": info.name,
        "host": info.host,
        "module": info.module,
        "runtime": info.runtime_version,
        "build_id": info.build_id,
        "start": info.epoch + profile.start,
        "end": info.epoch + profile.end,
    }


def _amount(amount: Amount) -> dict[str, Any]:
    ratio = amount.ratio
    return {
        "before": amount.before,
        "after": amount.after,
        "change": amount.change,
        "ratio": None if ratio == float("inf") else ratio,
    }


def _change(change: Change, whole: Amount, *, stack: bool = False) -> dict[str, Any]:
    where = place_json(change.place) if stack else {"state": change.place.state, "reason": change.place.reason}
    return {
        "verdict": change.verdict,
        **where,
        **_amount(change.wall),
        "share": _amount(change.wall.in_shares(whole)),
        "cpu": _amount(change.cpu),
        "longest_wait": _amount(change.wait),
    }
