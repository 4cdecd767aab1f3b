/**
 * What a goroutine's state means: ten categories, each with one colour everywhere on the page.
 *
 * Go has some fifty wait reasons (runtime/runtime2.go, waitReasonStrings); people ask ten questions.
 */

/** @typedef {{id: string, name: string, code: string, hint: string}} Category */

/** In the order of lanes and legend. @type {readonly Category[]} */
export const CATEGORIES = Object.freeze([
  { id: "running", name: "running", code: "RUN", hint: "on a thread, executing" },
  { id: "runnable", name: "runnable", code: "RDY", hint: "could run, waits for a processor" },
  { id: "syscall", name: "syscall", code: "SYS", hint: "in a system call or C code" },
  { id: "lock", name: "lock", code: "LCK", hint: "mutex, semaphore, condition or wait group" },
  { id: "chan", name: "channel", code: "CHN", hint: "sending to or receiving from a channel" },
  { id: "select", name: "select", code: "SEL", hint: "in a select over several channels" },
  { id: "io", name: "I/O", code: "IO", hint: "waits for the network poller" },
  { id: "sleep", name: "sleep", code: "SLP", hint: "time.Sleep" },
  { id: "gc", name: "runtime", code: "GC", hint: "garbage collector and other runtime business" },
  { id: "other", name: "other", code: "OTH", hint: "any other reason" },
]);

/** Index of each category by id. @type {Readonly<Record<string, number>>} */
export const CATEGORY = Object.freeze(Object.fromEntries(CATEGORIES.map(({ id }, i) => [id, i])));

/** @type {Readonly<Record<string, number>>} */
const OF_STATE = Object.freeze({
  running: CATEGORY.running, runnable: CATEGORY.runnable, preempted: CATEGORY.runnable, syscall: CATEGORY.syscall,
});

/** First match wins. @type {readonly [RegExp, number][]} */
const OF_REASON = [
  [/^(sync\.|semacquire|sema|synctest|wait for (lock|wg))/i, CATEGORY.lock],
  [/^chan /i, CATEGORY.chan],
  [/^select/i, CATEGORY.select],
  [/^(IO wait|netpoll)/i, CATEGORY.io],
  [/^sleep/i, CATEGORY.sleep],
  [/(^|\b)(GC|garbage|force gc|finalizer|cleanup|sweep|scavenge|stop.?the.?world|stopping|flushing|trace|debug call|panicwait|dumping|timer goroutine|update GOMAXPROCS|preempt)/i, CATEGORY.gc],
];

/** The category of a state and wait reason, as the runtime names them. @param {string} state @param {string} reason */
export function categoryOf(state, reason) {
  if (state !== "waiting") return OF_STATE[state] ?? CATEGORY.other;
  for (const [pattern, category] of OF_REASON) if (pattern.test(reason)) return category;
  return CATEGORY.other;
}

/** What the lane of a state and reason is called. @param {string} state @param {string} reason */
export function laneOf(state, reason) {
  return state === "waiting" && reason !== "" ? reason : state;
}
