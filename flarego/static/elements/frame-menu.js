/** What can be done with a function, a state or a group of goroutines, wherever one is shown. */

import { packageOf } from "../model/format.js";
import { openMenu } from "./menu.js";

/** @typedef {import("../core/store.js").Store} Store */
/** @typedef {import("./menu.js").Item} Item */
/**
 * What a menu is about, as far as it is known: a function, a state or wait reason, who created the
 * goroutines, a label `name=value`; `zoom` leads to it in the flame graph.
 * @typedef {{function?: string, state?: string, reason?: string, createdBy?: string, labels?: Iterable<string>, zoom?: () => void}} Subject
 */

/** @param {string} text */
const shortened = (text) => (text.length > 48 ? `…${text.slice(-47)}` : text);

/** @param {Store} store @param {string} name @returns {Item[]} */
function functionItems(store, name) {
  const { graph, filters } = store;
  const of = packageOf(name);
  /** @type {Item[]} */
  const items = [
    { text: "Callers and callees", hint: "All that calls this function above it, all it calls below", run: () => graph.sandwich(name) },
    { text: "Search for this function", run: () => store.setQuery(name) },
    { text: "Copy the name", run: () => void navigator.clipboard?.writeText(name) },
    "line",
    { text: "Only stacks with this function", run: () => filters.add("function", name) },
    { text: "Leave out stacks with this function", run: () => filters.add("function", name, "not") },
    { text: "Hide this function", hint: "Its callees stand in its place", run: () => filters.add("function", name, "hide") },
  ];
  if (of !== "") {
    items.push("line",
      { text: `Only package ${shortened(of)}`, run: () => filters.add("package", of) },
      { text: `Leave out package ${shortened(of)}`, run: () => filters.add("package", of, "not") },
      { text: `Hide package ${shortened(of)}`, hint: "Its frames go, the time stays", run: () => filters.add("package", of, "hide") });
  }
  return items;
}

/** @param {Store} store @param {import("../core/filters.js").What} what @param {string} value @param {string} name @returns {Item[]} */
const eitherWay = ({ filters }, what, value, name) => [
  { text: `Only ${name}`, run: () => filters.add(what, value) },
  { text: `Leave out ${name}`, run: () => filters.add(what, value, "not") },
];

/** @param {Store} store @param {Subject} subject @returns {Item[]} */
export function frameItems(store, subject) {
  const { reason, state, createdBy, labels = [], zoom } = subject;
  /** @type {Item[][]} */
  const sections = [];
  if (zoom) sections.push([{ text: "Zoom to it", run: zoom }]);
  if (subject.function) sections.push(functionItems(store, subject.function));
  if (reason) sections.push(eitherWay(store, "reason", reason, reason));
  else if (state) sections.push(eitherWay(store, "state", state, state));
  if (createdBy) sections.push(eitherWay(store, "group", createdBy, `${store.tasks} of ${shortened(createdBy)}`));
  for (const label of [...labels].slice(0, 4)) sections.push(eitherWay(store, "label", label, shortened(label)));
  return sections.flatMap((section, i) => (i > 0 ? ["line", ...section] : section));
}

/** Opens the menu of a subject. @param {HTMLElement} from inside fg-app @param {Store} store @param {Subject} subject @param {number} x client pixels @param {number} y client pixels */
export function openFrameMenu(from, store, subject, x, y) {
  const name = subject.function || subject.reason || subject.state || subject.createdBy || store.tasks;
  openMenu(from, name, frameItems(store, subject), x, y);
}
