"""Goroutines that are parked because they have nothing to do: the page's own rules (static/model/idle.js).

1. The goroutine waits in a function that exists to wait, or
2. it waits at the top of its own loop: the function it began with is itself the one that receives, selects or sleeps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from flarego.model.frame import Frame

_WAIT_FOR_WORK = frozenset({
    "internal/poll.(*FD).Accept",
    "net/http.(*connReader).backgroundRead",
    "net/http.(*persistConn).readLoop",
    "net/http.(*persistConn).writeLoop",
    "net/http.(*Server).Serve",
    "os/signal.loop",
    "os/signal.signal_recv",
    "database/sql.(*DB).connectionOpener",
    "database/sql.(*DB).connectionCleaner",
    "google.golang.org/grpc/internal/transport.(*controlBuffer).get",
    "google.golang.org/grpc/internal/transport.(*http2Server).keepalive",
    "google.golang.org/grpc/internal/transport.(*http2Client).keepalive",
    "google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run",
    "go.opencensus.io/stats/view.(*worker).start",
    "k8s.io/klog/v2.(*flushDaemon).run",
})  # fmt: skip
_WAITERS = frozenset({"time.Sleep", "sync.(*Cond).Wait"})
"""Functions that do nothing but wait: whoever calls one waits there itself."""
_LOOP = re.compile(r"chan receive|select|sleep|sync\.Cond\.Wait")
"""Wait reasons in which the top of a loop means "no work"; a send or a lock is never that."""
_LAUNCHER = re.compile(
    r"runtime\.|.*\.gowrap\d+$|(sync\.\(\*WaitGroup\)\.Go|golang\.org/x/sync/errgroup\.\(\*Group\)\.Go)\.func\d+$"
)
"""What only starts what comes next: the compiler's wrappers of `go f(x)`, and what libraries put in between."""
_CONNECTION, _HANDLER = "net/http.(*conn).serve", "net/http.serverHandler.ServeHTTP"


@lru_cache(maxsize=1 << 15)
def _launches(function: str) -> bool:
    return _LAUNCHER.match(function) is not None


def is_idle(stack: Sequence[Frame], state: str, reason: str) -> bool:
    """Tell whether a goroutine with this stack, outermost first, is parked by design."""
    if state != "waiting":
        return False
    names = [frame.function for frame in stack if not frame.internal and not _launches(frame.function)]
    for name in names:
        if name in _WAIT_FOR_WORK:
            return True
        if name == _CONNECTION:  # only the wait for the next request; below a handler it is not
            return _HANDLER not in names
    if not _LOOP.match(reason):
        return False
    return len(names) == 1 or (len(names) == 2 and names[1] in _WAITERS)
