/** What the runtime of a process schedules, in words: goroutines, threads, fibers. */

/** @param {string} task "goroutine" @returns {string} "goroutines" */
export function plural(task) {
  return /(s|x|ch|sh)$/.test(task) ? `${task}es` : `${task}s`;
}

/** @param {string} word @returns {string} the word as a sentence begins with it */
export function capital(word) {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
