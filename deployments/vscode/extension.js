/** The extension's only command: choose a process, watch it in a panel. */

"use strict";

const vscode = require("vscode");
const { processes, attach, FlaregoError } = require("./flarego");
const { Panel } = require("./panel");

/** Panels by pid: asking for a process again shows its panel. @type {Map<number, Panel>} */
const panels = new Map();

/** How flarego is to be run, by the user's settings. */
function settings() {
  const configured = vscode.workspace.getConfiguration("flarego");
  return { command: configured.get("command", "flarego"), more: configured.get("arguments", []) };
}

/** Lets the user choose one of the processes that can be attached to. @param {string} command */
async function choose(command) {
  const found = processes(command).then((list) => list.map((process) => ({
    label: process.name,
    description: `pid ${process.pid}`,
    detail: [process.runtime_version, process.user, process.command].filter(Boolean).join("  ·  "),
    process,
  })));
  if ((await found).length === 0) throw new FlaregoError("flarego sees no process it can attach to", "start one, or see `flarego doctor`");
  return (await vscode.window.showQuickPick(found, {
    title: "FlareGo: attach to process", placeHolder: "Name, pid or command", matchOnDescription: true, matchOnDetail: true,
  }))?.process;
}

/** @param {{pid: number, name: string}} process @param {{command: string, more: string[]}} how */
async function watch(process, how) {
  const open = panels.get(process.pid);
  if (open !== undefined) return open.reveal();
  const progress = { location: vscode.ProgressLocation.Notification, title: `Attaching to ${process.name} (${process.pid})` };
  const session = await vscode.window.withProgress(progress, () => attach(how.command, process.pid, how.more));
  const panel = new Panel(process, session);
  panels.set(process.pid, panel);
  panel.onclose = () => panels.delete(process.pid);
}

/** The command. An error of flarego is one line and its remedy. */
async function command() {
  try {
    const how = settings();
    const process = await choose(how.command);
    if (process !== undefined) await watch(process, how);
  } catch (error) {
    if (!(error instanceof FlaregoError)) throw error;
    void vscode.window.showErrorMessage(error.remedy ? `${error.message}: ${error.remedy}` : error.message);
  }
}

/** @param {import("vscode").ExtensionContext} context */
function activate(context) {
  context.subscriptions.push(vscode.commands.registerCommand("flarego.attach", command), { dispose: deactivate });
}

/** Nothing of ours outlives the editor. */
function deactivate() {
  for (const panel of panels.values()) panel.close();
  panels.clear();
}

module.exports = { activate, deactivate };
