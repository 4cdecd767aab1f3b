/** The columns of the table of goroutines, for each way of grouping: a row is a group, or one goroutine of it. */

import { CATEGORIES } from "../model/category.js";
import { count, duration, hex, labels, shortPlace } from "../model/format.js";
import { PALETTE } from "../paint/colour.js";
import { drawMix } from "./spark.js";

/** @typedef {import("../model/groups.js").Group} Group */
/** @typedef {import("../model/groups.js").About} About */
/** @typedef {import("../model/groups.js").By} By */
/** @typedef {import("../model/members.js").MemberAt} MemberAt */
/** @typedef {{id: string, group: Group | null, member: MemberAt | null, about: About | Group}} Row */
/** @typedef {import("./table.js").Column<Row>} Column */

const FIRST_SEEN = "since flarego first saw it there; it may be longer";

/** @param {string} name */
const shortName = (name) => labels(name)[0];

/** @param {number} category */
export const colourOf = (category) => PALETTE[/** @type {keyof typeof PALETTE} */ (CATEGORIES[category].id)];

/** A number with its sign, and what it means by an arrow. @param {number} change */
export function signed(change) {
  if (Number.isNaN(change)) return "";
  return change > 0 ? `▲ ${count(change)}` : change < 0 ? `▼ ${count(-change)}` : "=";
}

/** How long a goroutine has waited, as text. @param {MemberAt} member */
export function waited(member) {
  return member.quick ? "under 1 s" : duration(member.wait);
}

/** @param {About | Group} about */
function asides({ idle, system, stale }) {
  return idle ? "idle" : system ? "system" : stale ? "stack not current" : "";
}

/** @type {Column} */
const COUNT = {
  id: "count", title: "Count", number: true, hint: "Goroutines at the window's end; in an open group, their ids",
  value: ({ group }) => group?.count ?? 0,
  cell: ({ group, member }) => member ? { text: `#${member.goid}`, title: `goroutine ${member.goid}` } : { text: count(group?.count ?? 0) },
};

/** @type {Column} */
const CHANGE = {
  id: "change", title: "Change", number: true, hint: "More or fewer than at the window's beginning",
  value: ({ group }) => group?.change || 0,
  cell: ({ group }) => ({ text: group ? signed(group.change) : "" }),
};

/** @type {Column} */
const STATE = {
  id: "state", title: "State", value: ({ about }) => `${about.category}${about.lane}`,
  cell: ({ about }) => ({
    text: about.lane, minor: asides(about), colour: colourOf(about.category), title: CATEGORIES[about.category].hint,
  }),
};

/** @type {Column} */
const STATES = {
  id: "state", title: "States", value: ({ about }) => `${about.category}${about.lane}`,
  cell: ({ group, about }) => {
    if (group === null) return STATE.cell({ id: "", group, member: null, about });
    const lanes = [...group.lanes].sort(([, a], [, b]) => b.count - a.count);
    return { text: lanes[0][0], minor: lanes.length > 1 ? `and ${lanes.length - 1} more` : "", title: lanes.map(([lane, { count: n }]) => `${lane}: ${n}`).join("\n") };
  },
  draw: (into, { group }) => drawMix(into, group?.lanes.values() ?? []),
};

/** @type {Column} */
const LONGEST = {
  id: "wait", title: "Longest wait", number: true, hint: `Of one of them, ${FIRST_SEEN}`,
  value: ({ group, member }) => group?.wait ?? member?.wait ?? 0,
  cell: ({ group, member }) => {
    if (member) return { text: waited(member), title: FIRST_SEEN };
    return { text: group && group.wait > 0 ? duration(group.wait) : "", title: FIRST_SEEN };
  },
};

/** @type {Column} */
const MEDIAN = {
  id: "median", title: "Median", number: true, hint: `The middle of their waits, ${FIRST_SEEN}`,
  value: ({ group }) => group?.median || 0,
  cell: ({ group }) => {
    if (group === null) return { text: "" };
    return { text: group.median > 0 ? duration(group.median) : group.members.length > 0 ? "under 1 s" : "", title: FIRST_SEEN };
  },
};

/** @type {Column} */
const WHERE = {
  id: "where", title: "Function", value: ({ about }) => about.where,
  cell: ({ group, about }) => {
    const more = group !== null && group.stacks > 1 && group.name !== about.where ? ` and ${group.stacks - 1} more` : "";
    return {
      text: shortName(about.where), minor: `${shortPlace(about.place)}${about.inside && ` › ${shortName(about.inside)}`}${more}`,
      title: `${about.where}\n${about.place}${about.inside && `\nin ${about.inside}`}`,
    };
  },
};

/** @type {Column} */
const ENTRY = {
  id: "entry", title: "Started as", value: ({ about }) => about.entry,
  cell: ({ about }) => ({ text: shortName(about.entry), title: about.entry, minor: [...about.labels].slice(0, 3).join(" ") }),
};

/** @type {Column} */
const CREATED = {
  id: "created", title: "Created by", value: ({ about }) => about.createdBy,
  cell: ({ about }) => ({
    text: shortName(about.createdBy) || (about.started ? "the runtime, at start" : ""), minor: shortPlace(about.createdPlace), title: `${about.createdBy}\n${about.createdPlace}`,
  }),
};

/** @type {Column} */
const LABELS = {
  id: "labels", title: "Labels", value: ({ about }) => [...about.labels].join(),
  cell: ({ group, about }) => ({ text: group?.name ?? [...about.labels].join("  "), title: [...about.labels].join("\n") }),
};

/** @type {Column} */
const ON = {
  id: "on", title: "Waits on", value: ({ group, member }) => group?.name ?? member?.now.on ?? "",
  cell: ({ group, member }) => ({ text: group?.name ?? (member && member.now.on > 0 ? hex(member.now.on) : "") }),
};

/** @type {Readonly<Record<By, readonly Column[]>>} */
export const COLUMNS = Object.freeze({
  stack: [COUNT, CHANGE, STATE, LONGEST, MEDIAN, WHERE, ENTRY, CREATED],
  created: [COUNT, CHANGE, STATES, LONGEST, MEDIAN, CREATED, ENTRY, WHERE],
  state: [COUNT, CHANGE, STATE, LONGEST, MEDIAN, WHERE, ENTRY, CREATED],
  label: [COUNT, CHANGE, STATES, LONGEST, MEDIAN, LABELS, WHERE, CREATED],
  on: [COUNT, CHANGE, STATE, LONGEST, MEDIAN, ON, WHERE, CREATED],
});
