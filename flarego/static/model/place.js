/**
 * Which frame of a stack to name when there is room for one.
 *
 * Where a goroutine stands exactly is mostly somewhere in the standard library; what a person looks
 * for is their own function that got there.
 */

import { packageOf } from "./format.js";

/** @typedef {import("./dictionary.js").Dictionary} Dictionary */

/**
 * Whether a frame is the runtime's own. Functions it lends to other packages (sync.runtime_…) carry
 * their borrower's name and are told by it.
 * @param {Dictionary} dictionary @param {number} frame
 */
export function isInternal(dictionary, frame) {
  return dictionary.frameInternal[frame] === 1;
}

/** Whether a function is of Go's standard library: its import path's first element has no dot. @param {string} name @param {string} module the target's own */
export function isStandard(name, module) {
  const path = packageOf(name);
  const first = path.split("/", 1)[0];
  if (path === "main" || first === module.split("/", 1)[0]) return false;
  return first === "vendor" || !first.includes(".");
}

/**
 * The frame a stack stands in outside the runtime, and the innermost one that is not the standard
 * library's; the same one when all of it is. -1 for an empty stack.
 * @param {Dictionary} dictionary @param {number} stack @param {string} module
 */
export function whereabouts(dictionary, stack, module) {
  const frames = dictionary.framesOf(stack);
  const exact = frames.findLast((frame) => !isInternal(dictionary, frame)) ?? frames.at(-1) ?? -1;
  const own = frames.findLast((frame) =>
    !isInternal(dictionary, frame) && !isStandard(dictionary.functionName(frame), module)) ?? exact;
  return { exact, own };
}
