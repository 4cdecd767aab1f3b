/** Numbers and names as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Three significant digits at most, no exponent. @param {number} value */
function short(value) {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(2).replace(/\.?0+$/, "");
}

/** A duration, e.g. `312 ms`, `1.5 s`, `4 min 12 s`, `3 h 5 min`. @param {number} ns */
export function duration(ns) {
  if (!(ns > 0)) return "0";
  if (ns < 1e3) return `${short(ns)} ns`;
  if (ns < 999.5e3) return `${short(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${short(ns / 1e6)} ms`;
  const s = ns / 1e9;
  if (s < 59.95) return `${short(s)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  const minutes = Math.round(s / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ""}`;
}

/** A quantity of goroutine-time as the mean number of goroutines, e.g. `12.4`. @param {number} ns @param {number} span ns */
export function mean(ns, span) {
  if (!(span > 0)) return "0";
  const value = ns / span;
  if (value >= 100) return count(value);
  return value >= 10 ? value.toFixed(1) : value >= 1 || value === 0 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}

/** @param {number} bytes */
export function size(bytes) {
  if (!(bytes > 0)) return "0 B";
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${short(bytes / 2 ** (10 * unit))} ${UNITS[unit]}`;
}

/** A whole number with thin thousands separators. @param {number} n */
export function count(n) {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A share of a whole, e.g. `12.4 %`, `<0.01 %`. @param {number} part @param {number} whole */
export function share(part, whole) {
  if (!(whole > 0) || !(part > 0)) return "0 %";
  const percent = (100 * part) / whole;
  if (percent < 0.01) return "<0.01 %";
  if (percent > 99.995) return "100 %";
  return `${percent >= 10 ? percent.toFixed(1) : percent.toFixed(2)} %`;
}

/** Local time of day, e.g. `14:03:07`, with `.2` when digits of the second are asked for. @param {number} unixNs @param {number} [digits] at most 3 */
export function clock(unixNs, digits = 0) {
  const date = new Date(unixNs / 1e6);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return digits > 0 ? `${text}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : text;
}

/** Local time of day as exact as a step between times asks for: `14:03`, `14:03:07`, `14:03:07.25`. @param {number} unixNs @param {number} step ns */
export function clockAt(unixNs, step) {
  if (step >= 60e9) return clock(unixNs).slice(0, 5);
  // Half a millisecond more: what is a round time in theory must not show as one less.
  return clock(unixNs + 5e5, step >= 1e9 ? 0 : step >= 1e8 ? 1 : step >= 1e7 ? 2 : 3);
}

/** A path's last two elements, e.g. `http/server.go:2092`. @param {string} place */
export function shortPlace(place) {
  return place.split("/").slice(-2).join("/");
}

/** An address as Go prints it. @param {number} address */
export function hex(address) {
  return `0x${Math.max(0, Math.floor(address)).toString(16)}`;
}

/**
 * A Go function's name in ever shorter forms, by meaning: import path, package, receiver, method.
 * `github.com/acme/api/cache.(*LRU[go.shape.int]).Get.func1` gives `cache.(*LRU[…]).Get.func1`,
 * `(*LRU).Get.func1`, `Get.func1`.
 * @param {string} name
 * @returns {string[]} longest first
 */
export function labels(name) {
  const plain = name.replace(/\[[^\]]*\](?=[.)]|$)/g, "[…]");
  const bracket = plain.indexOf("(");
  const path = bracket < 0 ? plain : plain.slice(0, bracket);
  const base = plain.slice(path.lastIndexOf("/") + 1);
  const dot = base.indexOf(".");
  if (dot < 0 || / /.test(base)) return [base];
  const member = base.slice(dot + 1).replaceAll("[…]", "");
  const method = member.replace(/^\(?\*?[^.()]*\)\./, "").replace(/^([^.()]+)\.(?!func\d|\d)/, "");
  return [...new Set([base, member, method])];
}

/**
 * The longest form of a name that fits, cut with an ellipsis when none does; "" when nothing readable fits.
 * @param {readonly string[]} forms
 * @param {number} room characters
 */
export function fit(forms, room) {
  for (const form of forms) if (form.length <= room) return form;
  if (room < 3) return "";
  const last = forms[forms.length - 1];
  return `${last.slice(0, room - 1)}…`;
}

/** The package of a Go function, e.g. `net/http`; "" when it has none. @param {string} name */
export function packageOf(name) {
  const bracket = name.search(/[[(]/);
  const head = bracket < 0 ? name : name.slice(0, bracket);
  const slash = head.lastIndexOf("/");
  const dot = head.indexOf(".", slash + 1);
  return dot < 0 ? "" : head.slice(0, dot);
}
