import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { PALETTE } from "../../flarego/static/paint/colour.js";
import { Scheme } from "../../flarego/static/paint/scheme.js";

const css = readFileSync(new URL("../../flarego/static/css/base.css", import.meta.url), "utf8");

/** The colours of a theme as base.css has them. @param {string} name */
function theme(name) {
  const block = new RegExp(`\\[data-theme="${name}"\\][^{]*\\{([^}]*)\\}`).exec(css)[1];
  const get = (property) => new RegExp(`--${property}: (#[0-9a-f]{6})`).exec(block)[1];
  return {
    background: get("background"), raised: get("raised"), sunken: get("sunken"), line: get("line"), text: get("text"), muted: get("muted"),
    faint: get("faint"), accent: get("accent"), mixed: get("mixed"), mixedText: get("mixed-text"),
    good: get("good"), bad: get("bad"), accentText: get("accent-text"),
  };
}

const linear = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const luminance = (hex) => linear(hex).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

for (const name of ["dark", "light"]) {
  const ink = theme(name);

  test(`${name}: every text on the page reads at 4.5 to 1`, () => {
    for (const ground of ["background", "raised"]) {
      for (const text of ["text", "muted", "accent", "good", "bad"]) {
        assert.ok(contrast(ink[text], ink[ground]) >= 4.5, `${text} on ${ground}: ${contrast(ink[text], ink[ground])}`);
      }
    }
    assert.ok(contrast(ink.accentText, ink.accent) >= 4.5);
    assert.ok(contrast(ink.background, ink.text) >= 4.5, "the pressed button");
  });

  for (const by of ["state", "package", "change"]) {
    test(`${name}: every label of a flame graph by ${by} reads at 4.5 to 1`, () => {
      let worst = Infinity;
      for (const { fill, text } of new Scheme(ink, by).colours) {
        worst = Math.min(worst, contrast(text, fill));
        assert.ok(contrast(text, fill) >= 4.5, `${text} on ${fill}: ${contrast(text, fill)}`);
      }
      console.log(`${name} by ${by}: the worst label has ${worst.toFixed(2)} to 1`);
    });
  }
}

/** Machado, Oliveira and Fernandes 2009, severity 1. */
const SIGHT = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

/** @param {string} hex @param {number[]} sight */
function oklab(hex, sight) {
  const c = linear(hex);
  const [r, g, b] = [0, 3, 6].map((i) => Math.min(1, Math.max(0, sight[i] * c[0] + sight[i + 1] * c[1] + sight[i + 2] * c[2])));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

test("states stay apart for every kind of sight", () => {
  const names = Object.keys(PALETTE);
  for (const [kind, sight] of Object.entries(SIGHT)) {
    let nearest = { distance: Infinity, pair: "" };
    for (const [i, a] of names.entries()) {
      for (const b of names.slice(i + 1)) {
        const [x, y] = [oklab(PALETTE[a], sight), oklab(PALETTE[b], sight)];
        const distance = Math.hypot(...x.map((value, k) => value - y[k]));
        if (distance < nearest.distance) nearest = { distance, pair: `${a} and ${b}` };
      }
    }
    console.log(`${kind}: nearest are ${nearest.pair}, ${nearest.distance.toFixed(3)}`);
    // A green and a red of the same lightness, as profilers are fond of, are 0.03 apart to a deuteranope.
    assert.ok(nearest.distance >= 0.07, `${kind}: ${nearest.pair} ${nearest.distance}`);
  }
});
