"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { after, beforeEach, test } = require("node:test");

const { editor } = require("./stub.cjs");

const HOME = path.resolve(__dirname, "../../deployments/vscode");
const manifest = JSON.parse(fs.readFileSync(path.join(HOME, "package.json"), "utf8"));
const extension = require(path.join(HOME, manifest.main));
const { locate, openSource } = require(path.join(HOME, "source.js"));
const { attach, processes, FlaregoError } = require(path.join(HOME, "flarego.js"));

/** Of tests/vscode/test_vscode.py: the flarego to test with, and a Go program that runs. */
const FLAREGO = process.env.FLAREGO_COMMAND;
const PID = Number(process.env.FLAREGO_TARGET);
const attached = () => ({ timeout: 60_000, skip: FLAREGO ? false : "FLAREGO_COMMAND is not set" });

const until = async (what, ms = 20_000) => {
  for (const end = Date.now() + ms; !what(); await new Promise((done) => setTimeout(done, 20))) {
    assert.ok(Date.now() < end, `${what} did not come true`);
  }
};
const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const command = manifest.contributes.commands[0].command;

extension.activate({ subscriptions: [] });
beforeEach(() => {
  for (const list of [editor.panels, editor.errors, editor.notes, editor.shown, editor.picks, editor.workspace]) list.length = 0;
  editor.settings = { command: FLAREGO };
  editor.choose = (items) => items.find((item) => item.process.pid === PID);
});
after(() => extension.deactivate());

test("the manifest says what there is", () => {
  assert.match(manifest.name, /^[a-z0-9-]+$/);
  assert.match(manifest.version, /^\d+\.\d+\.\d+$/);
  assert.match(manifest.engines.vscode, /^\^1\.\d+\.\d+$/);
  assert.equal(manifest.dependencies, undefined, "nothing at run time");
  assert.ok(fs.existsSync(path.join(HOME, manifest.main)));
  assert.deepEqual(Object.keys(editor.commands), manifest.contributes.commands.map((one) => one.command));
  const used = fs.readFileSync(path.join(HOME, "extension.js"), "utf8").matchAll(/configured\.get\("(\w+)"/g);
  assert.deepEqual([...used].map(([, name]) => `flarego.${name}`), Object.keys(manifest.contributes.configuration.properties));
  for (const property of Object.values(manifest.contributes.configuration.properties)) {
    assert.equal(property.scope, "machine", "a workspace may not choose what is run");
  }
});

test("attach: chosen from the list, streamed to the page, ended with its panel", attached(), async () => {
  await editor.commands[command]();
  assert.deepEqual(editor.errors, []);
  const [{ items }] = editor.picks;
  assert.ok(items.some(({ description }) => description === `pid ${PID}`));
  const [panel] = editor.panels;
  assert.match(panel.webview.html, /<flarego-view>/);
  assert.doesNotMatch(panel.webview.html, /<script(?![^>]*\bsrc=)|\bon\w+=|style=/);
  assert.doesNotMatch(panel.webview.html, /token/);
  for (const [, file] of panel.webview.html.matchAll(/(?:src|href)="file:\/\/([^"]+)"/g)) {
    assert.ok(fs.existsSync(file), file);
    assert.ok(panel.options.localResourceRoots.some((root) => file.startsWith(root.fsPath)), file);
  }

  panel.received.fire({ flarego: "ready" });
  await until(() => panel.said.filter(({ flarego }) => flarego === "data").length >= 5);
  assert.equal(panel.said[0].flarego, "open");
  const first = panel.said[1].bytes;
  assert.ok(first instanceof Uint8Array && Buffer.from(first).includes("process"));

  await editor.commands[command]();
  assert.equal(editor.panels.length, 1, "the same process again shows the same panel");
  assert.ok(panel.revealed);

  panel.visible = false;
  panel.changed.fire({});
  const before = panel.said.length;
  await new Promise((done) => setTimeout(done, 600));
  assert.equal(panel.said.length, before, "nothing is sent to a page that is not there");
  panel.visible = true;
  panel.received.fire({ flarego: "ready" });
  await until(() => panel.said.slice(before).filter(({ flarego }) => flarego === "data").length >= 3);
  assert.equal(panel.said[before].flarego, "open", "shown again it begins afresh");

  panel.dispose();
  await until(() => !fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim());
  assert.ok(alive(PID), "the target goes on");
});

test("what ends, ends with its own words", attached(), async () => {
  const session = await attach(FLAREGO, PID, ["--duration", "1s"]);
  assert.equal(typeof (await session.ended), "string");
  session.stop();
  await assert.rejects(attach(FLAREGO, 1 << 30), (error) => error instanceof FlaregoError && /process|pid/.test(error.message));
  await assert.rejects(processes("/no/such/flarego"), (error) => error instanceof FlaregoError && error.remedy !== "");
  editor.settings = { command: "/no/such/flarego" };
  await editor.commands[command]();
  assert.match(editor.errors[0], /there is no program/);
  assert.equal(editor.panels.length, 0);
});

test("a frame leads to its line", async () => {
  const here = path.join(HOME, "extension.js");
  await openSource({ file: here, line: 12, function: "main.main" });
  assert.equal(editor.shown[0].document.fsPath, here);
  assert.equal(editor.shown[0].options.selection.start.line, 11);

  editor.workspace.push("/work/other/orders.go", "/work/shop/orders/orders.go");
  assert.equal((await locate("example.com/shop/orders/orders.go")).fsPath, "/work/shop/orders/orders.go");
  assert.equal((await locate("example.com/shop@v1.2.3/orders/orders.go")).fsPath, "/work/shop/orders/orders.go");
  assert.equal(await locate("example.com/elsewhere/main.go"), null);
  assert.equal(await locate("a/**/*.go"), null);
});

test("what is no frame opens nothing", async () => {
  for (const frame of [null, {}, { file: 3, line: 1 }, { file: "", line: 1 }, { file: "/etc/passwd", line: "1" }]) await openSource(frame);
  assert.deepEqual(editor.shown, []);
  await openSource({ file: "/nowhere/gone.go", line: 3 });
  assert.match(editor.notes[0], /gone\.go is not on this machine/);
});
