import assert from "node:assert/strict";
import { test } from "node:test";

import { GESTURES, GROUPS, SHORTCUTS, keyName, shortcutFor } from "../../flarego/static/core/keys.js";

test("no key means two things, and every line is listed", () => {
  const keys = SHORTCUTS.map(({ key }) => key);
  assert.deepEqual(keys, [...new Set(keys)]);
  for (const { group, text, key } of [...SHORTCUTS, ...GESTURES]) {
    assert.ok(GROUPS.includes(group), `${key}: ${group}`);
    assert.ok(text.length > 3, key);
  }
});

test("Shift tells named keys apart, and characters tell themselves", () => {
  assert.equal(shortcutFor({ key: "N", shiftKey: true })?.text, "match before");
  assert.equal(shortcutFor({ key: "?", shiftKey: true })?.text, "this list");
  assert.equal(shortcutFor({ key: "ArrowUp", shiftKey: false })?.text, "select the frame above");
  assert.notEqual(shortcutFor({ key: "ArrowUp", shiftKey: true })?.text, "select the frame above");
  assert.equal(shortcutFor({ key: "F13", shiftKey: false }), undefined);
});

test("keys are called what people call them", () => {
  assert.equal(keyName(" "), "Space");
  assert.equal(keyName("Shift+ArrowLeft"), "Shift ←");
  assert.equal(keyName("+"), "+");
});
