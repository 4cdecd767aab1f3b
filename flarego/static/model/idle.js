/**
 * Goroutines that are parked because they have nothing to do.
 *
 * A profile of waiting drowns in them, so they are folded away, visibly. Two rules, both of which
 * the page states in words:
 * 1. the goroutine waits in a function that exists to wait (IDLE_FUNCTIONS), or
 * 2. it waits at the top of its own loop: the function it was started with is itself the one that
 *    receives, selects or sleeps. That is how pool workers wait for work and tickers for time.
 */

import { isInternal } from "./place.js";

/** @typedef {import("./dictionary.js").Dictionary} Dictionary */

export const IDLE_FUNCTIONS = Object.freeze(new Set([
  "internal/poll.(*FD).Accept",
  "net/http.(*connReader).backgroundRead",
  "net/http.(*persistConn).readLoop",
  "net/http.(*persistConn).writeLoop",
  "net/http.(*conn).serve",
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
]));

/** Functions that do nothing but wait: whoever calls one waits there itself. */
const WAITERS = Object.freeze(new Set(["time.Sleep", "sync.(*Cond).Wait"]));

/** Wait reasons in which the top of a loop means "no work"; a send or a lock is never that. */
const LOOP_REASONS = /^(chan receive|select|sleep|sync\.Cond\.Wait)/;

/** Frames that only start what comes next: the compiler's wrappers of `go f(x)`, and what libraries put in between. */
const LAUNCHERS = /^runtime\.|\.gowrap\d+$|^(sync\.\(\*WaitGroup\)\.Go|golang\.org\/x\/sync\/errgroup\.\(\*Group\)\.Go)\.func\d+$/;

/** Of an HTTP connection only the wait for the next request is idle; below a handler it is not. */
const CONNECTION = "net/http.(*conn).serve";
const HANDLER = "net/http.serverHandler.ServeHTTP";

/**
 * Whether a goroutine waiting with this stack and reason is parked by design.
 * @param {Dictionary} dictionary
 * @param {number} stack
 * @param {string} reason
 */
export function isIdle(dictionary, stack, reason) {
  const names = dictionary.framesOf(stack)
    .filter((frame) => !isInternal(dictionary, frame))
    .map((frame) => dictionary.functionName(frame))
    .filter((name) => !LAUNCHERS.test(name));
  if (names.length === 0) return false;
  const named = names.find((name) => IDLE_FUNCTIONS.has(name));
  if (named !== undefined && !(named === CONNECTION && names.includes(HANDLER))) return true;
  if (!LOOP_REASONS.test(reason)) return false;
  return names.length === 1 || (names.length === 2 && WAITERS.has(names[1]));
}
