/** One process in one webview: relays its stream, opens sources, ends flarego when closed. */

"use strict";

const path = require("node:path");
const vscode = require("vscode");
const { openSource } = require("./source");
const { Stream } = require("./stream");

const MEDIA = path.join(__dirname, "media");

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** The webview's document: scripts and styles are files, nothing is inline and nothing is fetched. @param {import("vscode").Webview} webview @param {string} files */
function html(webview, files) {
  const at = (/** @type {string[]} */ ...parts) => escaped(String(webview.asWebviewUri(vscode.Uri.file(path.join(...parts)))));
  const from = escaped(webview.cspSource);
  const policy = `default-src 'none'; script-src ${from}; style-src ${from}; img-src ${from} data:; font-src ${from}; worker-src blob:`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>FlareGo</title>
<link rel="stylesheet" href="${at(MEDIA, "webview.css")}">
<script type="module" src="${at(files, "flarego-view.js")}"></script>
<script type="module" src="${at(MEDIA, "webview.js")}"></script>
</head>
<body><flarego-view></flarego-view></body>
</html>`;
}

class Panel {
  /** @type {Stream | null} */
  #stream = null;
  #closed = false;
  /** Called once, when the panel is gone. */
  onclose = () => {};

  /** @param {{pid: number, name: string}} process @param {import("./flarego").Session} session */
  constructor(process, session) {
    this.session = session;
    this.view = vscode.window.createWebviewPanel("flarego", `${process.name} (${process.pid})`, vscode.ViewColumn.Beside, {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.file(MEDIA), vscode.Uri.file(session.files)],
    });
    this.view.webview.onDidReceiveMessage((message) => this.hear(message));
    this.view.onDidChangeViewState(() => {
      if (!this.view.visible) this.#stream?.close(); // The editor forgets a hidden page; it says "ready" again when shown.
    });
    this.view.onDidDispose(() => this.close());
    this.view.webview.html = html(this.view.webview, session.files);
  }

  reveal() {
    this.view.reveal();
  }

  /** What the page says. @param {unknown} message */
  hear(message) {
    if (typeof message !== "object" || message === null || !("flarego" in message)) return;
    if (message.flarego === "ready") this.relay();
    else if (message.flarego === "open-source" && "detail" in message) void openSource(message.detail);
  }

  /** Begins the stream afresh and passes on what it says: the page cannot reach flarego itself when the editor is elsewhere. */
  relay() {
    this.#stream?.close();
    const { webview } = this.view;
    const stream = new Stream(this.session.stream, this.session.token, {
      open: () => void webview.postMessage({ flarego: "open" }),
      message: (bytes) => void webview.postMessage({ flarego: "data", bytes: Uint8Array.from(bytes) }),
      close: (problem) => {
        if (this.#stream !== stream) return;
        this.#stream = null;
        if (!this.#closed && problem !== "") void webview.postMessage({ flarego: "closed", problem });
      },
    });
    this.#stream = stream;
  }

  /** Ends flarego, the stream and the panel. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream?.close();
    this.session.stop();
    this.view.dispose();
    this.onclose();
  }
}

module.exports = { Panel, html };
