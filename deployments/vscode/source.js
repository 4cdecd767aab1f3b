/** From a frame to its line: the file as the binary names it, or the same file in the workspace. */

"use strict";

const path = require("node:path");
const vscode = require("vscode");

/** Directories above the file that must agree, at least one; `-trimpath` leaves module paths, containers other roots. */
const MOST_PARTS = 6;
const MOST_FOUND = 50;

/** @param {import("vscode").Uri} uri */
async function isFile(uri) {
  try {
    return (await vscode.workspace.fs.stat(uri)).type === vscode.FileType.File;
  } catch {
    return false;
  }
}

/** How many names two paths share from their ends. @param {string[]} a @param {string[]} b */
function agreement(a, b) {
  let n = 0;
  while (n < a.length && n < b.length && a[a.length - 1 - n] === b[b.length - 1 - n]) n++;
  return n;
}

/** The file here, or null. Of files of that name in the workspace the one whose path agrees most. @param {string} file */
async function locate(file) {
  if (path.isAbsolute(file) && (await isFile(vscode.Uri.file(file)))) return vscode.Uri.file(file);
  const parts = file.replaceAll("@", "/").split("/").filter(Boolean);
  const name = parts.at(-1);
  if (name === undefined || /[*?{}[\]]/.test(name)) return null;
  const found = await vscode.workspace.findFiles(`**/${name}`, "**/node_modules/**", MOST_FOUND);
  const wanted = parts.slice(-MOST_PARTS);
  const ranked = found.map((uri) => ({ uri, same: agreement(wanted, uri.path.split("/")) })).sort((a, b) => b.same - a.same);
  return ranked.length > 0 && (ranked[0].same > 1 || found.length === 1) ? ranked[0].uri : null;
}

/** Shows a frame's line in an editor. @param {unknown} frame `{file, line}`, from the page: not to be trusted */
async function openSource(frame) {
  const { file, line } = /** @type {{file?: unknown, line?: unknown}} */ (frame ?? {});
  if (typeof file !== "string" || file === "" || !Number.isInteger(line)) return;
  const uri = await locate(file);
  if (uri === null) {
    void vscode.window.showInformationMessage(`${file} is not on this machine, nor in this workspace.`);
    return;
  }
  const at = new vscode.Position(Math.max(0, Number(line) - 1), 0);
  await vscode.window.showTextDocument(uri, { viewColumn: vscode.ViewColumn.One, selection: new vscode.Range(at, at), preview: true });
}

module.exports = { locate, openSource };
