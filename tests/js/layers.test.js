import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const STATIC = resolve(dirname(fileURLToPath(import.meta.url)), "../../flarego/static");
const RANK = { vendor: 0, core: 0, model: 0, paint: 1, elements: 2, ".": 3 };
/** The room of a file: its topmost folder. */
const room = (file) => (dirname(file) === "." ? "." : file.split("/")[0]);
const files = readdirSync(STATIC, { recursive: true }).filter((file) => file.endsWith(".js"));

test("modules import downwards only, by relative address", () => {
  for (const file of files) {
    const source = readFileSync(join(STATIC, file), "utf8");
    for (const [, target] of source.matchAll(/^(?:import|export) (?:.* from )?"([^"]+)";$/gm)) {
      assert.match(target, /^\.\.?\//, `${file} imports ${target}`);
      const to = room(relative(STATIC, resolve(STATIC, dirname(file), target)));
      assert.ok(RANK[to] <= RANK[room(file)], `${file} imports ${target}`);
    }
  }
});

test("nothing makes markup or code of text, and nothing is fetched from elsewhere", () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style|https?:\/\//;
  for (const file of readdirSync(STATIC, { recursive: true }).filter((name) => /\.(js|html|css)$/.test(name) && room(name) !== "vendor")) {
    const source = readFileSync(join(STATIC, file), "utf8");
    assert.doesNotMatch(source, forbidden, file);
  }
  const html = readFileSync(join(STATIC, "index.html"), "utf8");
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>|\bstyle=|<style|\bon\w+=|(src|href)="\//);
});

test("model is pure: no document, no window, no clock", () => {
  for (const file of files.filter((name) => name.startsWith("model/"))) {
    const code = readFileSync(join(STATIC, file), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(code, /\b(document|window|performance|localStorage|Date\.now)\b\./, file);
  }
});
