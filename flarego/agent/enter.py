"""Attaching to a process that may end, or have only just begun, while we look at it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from flarego.agent.find import Found
from flarego.agent.space import AddressSpace
from flarego.config import MAX_SCAN_HZ, Settings
from flarego.errors import CorruptBinary, FlareError, NotAttachable, ProcessGone, UnsupportedGo
from flarego.golang.host import refusal

if TYPE_CHECKING:
    from flarego.golang import GoProcess
    from flarego.samplers.base import Origin
    from flarego.samplers.go import GoSampler

_STARTING_S = 1.0
"""So long after its start a process may not be mapped whole, or its runtime not have set itself up."""
_RETRY_S = 0.02


def attach_to(found: Found) -> GoProcess:
    """Return the Go process that `found` is, to be closed by the caller.

    Raises what golang.attach raises; ProcessGone when the process ended, or became another program, meanwhile.
    """
    while True:
        try:
            return attach_once(found)
        except (NotAttachable, UnsupportedGo):
            if time.time() - found.started > _STARTING_S:
                raise
            time.sleep(_RETRY_S)


def attach_once(found: Found) -> GoProcess:
    """Do so without waiting for one that has only just begun, which raises NotAttachable or UnsupportedGo."""
    from flarego.golang import attach

    with ExitStack() as stack:
        with stays_itself(found):
            process = stack.enter_context(attach(found.pid))
        stack.pop_all()
        return process


def make_sampler(
    found: Found,
    settings: Settings,
    process: GoProcess,
    *,
    process_id: str = "",
    labels: Mapping[str, str] | None = None,
    origin: Origin | None = None,
) -> GoSampler:
    """Return a sampler of the process, not started."""
    from flarego.samplers.go import GoSampler

    return GoSampler(
        process,
        name=found.name,
        command=found.command,
        started=found.started,
        budget=settings.budget,
        scan_hz=min(settings.rate, MAX_SCAN_HZ),
        oncpu_hz=settings.rate,
        engine=settings.engine,
        process_id=process_id,
        labels=labels,
        origin=origin,
    )


@contextmanager
def stays_itself(found: Found) -> Iterator[None]:
    """Raise ProcessGone in place of whatever else goes wrong when the process goes away within the block.

    It does so too when nothing else went wrong. Other failures to read it become typed errors.
    """
    space = _open(found)
    before = found.state()
    try:
        yield
    except FlareError:
        _check(found, before, space)
        raise
    except (OSError, ValueError) as e:
        _check(found, before, space)
        raise _typed(e, found) from e
    else:
        _check(found, before, space)
    finally:
        if space:
            space.close()


def _typed(e: OSError | ValueError, found: Found) -> FlareError:
    """Return the error that a user can read; readers of tables raise ValueError for what makes no sense."""
    if isinstance(e, OSError):
        return refusal(e, found.pid)
    return CorruptBinary(f"the executable of process {found.pid} ({found.name}) contradicts itself: {e}")


def _open(found: Found) -> AddressSpace | None:
    """None for a process that has no memory, or none for us: looking at it fails, and will say so better."""
    try:
        return AddressSpace(found.pid)
    except OSError:
        return None


def _check(found: Found, before: str, space: AddressSpace | None) -> None:
    who, now = f"process {found.pid} ({found.name})", found.state()
    if not now or (now in "ZX" and before not in "ZX"):
        raise ProcessGone(f"{who} exited while we looked at it") from None
    if space and space.is_over():  # memory is lost a moment before the exit is to be seen
        raise ProcessGone(f"{who} exited, or replaced its program, while we looked at it") from None
