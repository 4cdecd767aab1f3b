/** The flarego program: what it lists, and one run of `flarego attach`. Knows nothing of the editor. */

"use strict";

const { execFile, spawn } = require("node:child_process");

const LIST_TIMEOUT = 20_000;
const ATTACH_TIMEOUT = 30_000;
const STOP_TIMEOUT = 5_000;
const MAX_OUTPUT = 16 << 20;
/** Characters of what it said last that are kept for an error. */
const KEPT = 4000;

/** What went wrong, in a line, and what to do about it. */
class FlaregoError extends Error {
  /** @param {string} message @param {string} [remedy] */
  constructor(message, remedy = "") {
    super(message);
    this.name = "FlaregoError";
    this.remedy = remedy;
  }
}

/** @param {string} command @param {NodeJS.ErrnoException} error */
function cannotRun(command, error) {
  return error.code === "ENOENT"
    ? new FlaregoError(`there is no program ${command} here`, "pip install flarego, or set flarego.command")
    : new FlaregoError(`${command} cannot be run: ${error.message}`);
}

/** The last line a program said that says something. @param {string} output */
function lastWords(output) {
  return output.trim().split("\n").filter((line) => line.trim() !== "").slice(-2).join(" ") || "flarego said nothing";
}

/** The error flarego ended with: its line "flarego: …" and its line "remedy: …". @param {string} output */
function failure(output) {
  const message = /^flarego: (.+)$/m.exec(output)?.[1];
  return message === undefined ? new FlaregoError(lastWords(output)) : new FlaregoError(message, /^remedy: (.+)$/m.exec(output)?.[1]);
}

/** @param {string} command @param {...string} words @returns {Promise<any>} what it writes with --json */
function ask(command, ...words) {
  return new Promise((resolve, reject) => {
    execFile(command, [...words, "--json"], { timeout: LIST_TIMEOUT, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      if (error && "code" in error && typeof error.code === "string") return reject(cannotRun(command, error));
      if (error) return reject(failure(stderr));
      try {
        resolve(JSON.parse(stdout));
      } catch {
        reject(new FlaregoError(`${command} ${words.join(" ")} wrote no JSON`, "is it flarego?"));
      }
    });
  });
}

/**
 * The processes that can be attached to.
 * @param {string} command
 * @returns {Promise<{pid: number, name: string, command: string, user: string, runtime_version: string}[]>}
 */
const processes = (command) => ask(command, "ps");

/** Where the files of the page are, of the very flarego that will feed it. @param {string} command @returns {Promise<string>} */
async function page(command) {
  const about = await ask(command, "version");
  if (typeof about.static !== "string") throw new FlaregoError("this flarego is too old for the extension", "pip install --upgrade flarego");
  return about.static;
}

/** A running `flarego attach`. */
class Session {
  /** @param {import("node:child_process").ChildProcess} child @param {URL} url with its token @param {string} files */
  constructor(child, url, files) {
    this.child = child;
    this.files = files;
    this.token = url.searchParams.get("token") ?? "";
    this.stream = new URL("stream", url);
    this.stream.search = "";
    /** Resolves with what it said last, when it has ended. @type {Promise<string>} */
    this.ended = new Promise((resolve) => child.once("close", () => resolve(lastWords(said(child)))));
  }

  /** Ends flarego, politely first. */
  stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT);
    this.child.once("close", () => clearTimeout(timer));
  }
}

/** @type {WeakMap<import("node:child_process").ChildProcess, string>} */
const outputs = new WeakMap();
/** @param {import("node:child_process").ChildProcess} child */
const said = (child) => outputs.get(child) ?? "";

/**
 * Attaches to a process; resolves when the address of its dashboard is known.
 * @param {string} command @param {number} pid @param {readonly string[]} [more] arguments
 * @returns {Promise<Session>}
 */
async function attach(command, pid, more = []) {
  const files = await page(command);
  const child = spawn(command, ["attach", "--pid", String(pid), "--listen", "127.0.0.1:0", ...more], {
    stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PYTHONUNBUFFERED: "1" },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new FlaregoError(`flarego did not attach within ${ATTACH_TIMEOUT / 1000} s`));
    }, ATTACH_TIMEOUT);
    const hear = (/** @type {Buffer} */ data) => {
      outputs.set(child, (said(child) + data).slice(-KEPT));
      const address = /http:\/\/\S+/.exec(said(child))?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(new Session(child, new URL(address), files));
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(cannotRun(command, error));
    });
    child.once("close", () => {
      clearTimeout(timer);
      reject(failure(said(child)));
    });
  });
}

module.exports = { FlaregoError, Session, attach, page, processes };
