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
const LAUNCHERS = /\.gowrap\d+$|^(sync\.\(\*WaitGroup\)\.Go|golang\.org\/x\/sync\/errgroup\.\(\*Group\)\.Go)\.func\d+$/;
const LAUNCHER_PARTS = [".gowrap", "Group).Go.func"];

/** Of an HTTP connection only the wait for the next request is idle; below a handler it is not. */
const CONNECTION = "net/http.(*conn).serve";
const HANDLER = "net/http.serverHandler.ServeHTTP";

/** What a frame is to the two rules. */
const PASSED = 0;
const PLAIN = 1;
const NAMED = 2;
const SERVING = 3;
const HANDLING = 4;
const WAITER = 5;

/** What is known of a stack, as bits; the two lowest count the frames that matter, three and more alike. */
const MANY = 3;
const HAS_NAMED = 4;
const HAS_SERVING = 8;
const HAS_HANDLING = 16;
const ENDS_WAITING = 32;
const KNOWN = 128;

/** Answers for the stacks of one dictionary; each stack and frame is looked at once. */
export class Idleness {
  /** Kind of each frame, plus 1; 0 not known. @type {number[]} */
  #kinds = [];
  #stacks = Uint8Array.of(KNOWN);
  /** Stacks on the way to one that is known. @type {number[]} */
  #way = [];

  /** @param {Dictionary} dictionary */
  constructor(dictionary) {
    this.dictionary = dictionary;
  }

  /** @param {number} frame */
  #kindOf(frame) {
    if (isInternal(this.dictionary, frame)) return PASSED;
    const name = this.dictionary.functionName(frame);
    if (name.startsWith("runtime.") || (LAUNCHER_PARTS.some((part) => name.includes(part)) && LAUNCHERS.test(name))) return PASSED;
    if (name === CONNECTION) return SERVING;
    if (name === HANDLER) return HANDLING;
    if (IDLE_FUNCTIONS.has(name)) return NAMED;
    return WAITERS.has(name) ? WAITER : PLAIN;
  }

  /** @param {number} before bits of the stack without the frame @param {number} frame */
  #with(before, frame) {
    const kinds = this.#kinds;
    while (kinds.length <= frame) kinds.push(0);
    const kind = (kinds[frame] ||= this.#kindOf(frame) + 1) - 1;
    if (kind === PASSED) return before;
    let bits = (before & ~(MANY | ENDS_WAITING)) | Math.min(MANY, (before & MANY) + 1);
    if (kind === WAITER) bits |= ENDS_WAITING;
    if (kind === HANDLING) bits |= HAS_HANDLING;
    if (kind === SERVING && !(before & HAS_NAMED)) bits |= HAS_SERVING;
    if (kind === NAMED && !(before & HAS_SERVING)) bits |= HAS_NAMED;
    return bits;
  }

  /** @param {number} stack */
  #bits(stack) {
    const { stackParent, stackFrame } = this.dictionary;
    if (stack >= this.#stacks.length) {
      const larger = new Uint8Array(stackParent.length + (stackParent.length >> 1));
      larger.set(this.#stacks);
      this.#stacks = larger;
    }
    const known = this.#stacks;
    const way = this.#way;
    way.length = 0;
    let at = stack;
    for (; known[at] === 0; at = stackParent[at]) way.push(at);
    let bits = known[at];
    for (let i = way.length - 1; i >= 0; i--) bits = known[way[i]] = this.#with(bits, stackFrame[way[i]]);
    return bits;
  }

  /** Whether a goroutine waiting with this stack and reason is parked by design. @param {number} stack @param {string} reason */
  of(stack, reason) {
    const bits = this.#bits(stack);
    if (bits & HAS_NAMED) return true;
    if (bits & HAS_SERVING && !(bits & HAS_HANDLING)) return true;
    if (!LOOP_REASONS.test(reason)) return false;
    return (bits & MANY) === 1 || ((bits & MANY) === 2 && (bits & ENDS_WAITING) !== 0);
  }
}
