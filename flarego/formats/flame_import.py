"""The `.fgo` of the older Go tool: gzipped JSON, one tree of flame nodes `{name, value, children}`.

`children` is a list, or a map by name. A node's value includes its children's; what exceeds them is its own. The root
is the whole program (its value was never filled in) and is no frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from flarego.formats.assembly import About, Assembly
from flarego.formats.source import BadFile, Source
from flarego.formats.states import is_internal, take_state
from flarego.model.frame import Frame

_MAX_DEPTH = 512


def looks_like(head: bytes) -> bool:
    """Tell whether a file is JSON with flame nodes."""
    text = head.lstrip()
    return text[:1] == b"{" and b'"name"' in text[:65536] and (b'"value"' in text or b'"children"' in text)


def read(source: Source, assembly: Assembly) -> About:
    """Add the tree. Raises BadFile."""
    total = add_tree(source.json(), assembly, source.unit_ns)
    if not 0 < total < math.inf:
        raise BadFile(f"{source.name} holds no flame nodes with a value")
    return About("the older tool's .fgo", source.stem, max(round(total), 1), command=source.name)


def add_tree(root: Any, assembly: Assembly, unit_ns: float) -> float:
    """Add flame nodes, and return the wall time of all of them, ns. Raises BadFile."""
    total = 0.0
    locations: dict[str, int] = {}
    for stack, value in _own(root):
        names, (state, reason) = take_state(stack, str)
        for name in names:
            if name not in locations:
                locations[name] = assembly.location(Frame(name, "", 0, internal=is_internal(name)))
        total += value * unit_ns
        assembly.add([locations[name] for name in names], state=state, reason=reason, wall=value * unit_ns)
    return total


def _own(root: Any) -> Iterator[tuple[Sequence[str], float]]:
    """Yield the stack of each node that has a value of its own, and that value."""
    stack: list[str] = []
    todo = [(node, 0) for node in _children(root)]
    own = _value(root) - sum(_value(node) for node, _ in todo)
    if own > 0:
        yield (_name(root),), own
    while todo:
        node, depth = todo.pop()
        del stack[depth:]
        if depth >= _MAX_DEPTH:
            raise BadFile(f"flame nodes more than {_MAX_DEPTH} deep")
        stack.append(_name(node))
        children = _children(node)
        own = _value(node) - sum(map(_value, children))
        if own > 0:
            yield tuple(stack), own
        todo.extend((child, depth + 1) for child in children)


def _children(node: Any) -> list[Any]:
    """Return a node's children, that are a list, or a map by name."""
    found = (node.get("children") or []) if isinstance(node, dict) else None
    if isinstance(found, dict):
        return [{"name": name} | child if isinstance(child, dict) else child for name, child in found.items()]
    if not isinstance(found, list):
        raise BadFile("no flame nodes: {name, value, children}")
    return found


def _name(node: Any) -> str:
    name = node.get("name")
    if not isinstance(name, str):
        raise BadFile("a flame node without a name")
    return name or "?"


def _value(node: Any) -> float:
    value = node.get("value", 0) if isinstance(node, dict) else None
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadFile("a flame node whose value is no number from 0 on")
    return float(value)
