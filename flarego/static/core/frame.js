/** Work for the next animation frame: each function once, however often it was asked for. */

/** @type {Set<(now: number) => void>} */
let due = new Set();

/** @param {number} now */
function run(now) {
  const work = due;
  due = new Set();
  for (const body of work) {
    try {
      body(now);
    } catch (error) {
      reportError(error); // One painter's bug must not blank the others.
    }
  }
}

/** Runs `body` in the next animation frame. @param {(now: number) => void} body */
export function nextFrame(body) {
  if (due.size === 0) requestAnimationFrame(run);
  due.add(body);
}
