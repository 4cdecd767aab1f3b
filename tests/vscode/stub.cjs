/** The few functions of the editor that the extension uses, in place of `require("vscode")`; what it did is kept to look at. */

"use strict";

const fs = require("node:fs/promises");
const Module = require("node:module");
const path = require("node:path");

class Emitter {
  listeners = [];
  event = (listener) => {
    this.listeners.push(listener);
    return { dispose() {} };
  };
  fire(value) {
    for (const listener of this.listeners) listener(value);
  }
}

const uri = (file) => ({ fsPath: file, path: file, scheme: "file", toString: () => `file://${file}` });

/** A webview panel; `said` is what the extension posted to the page. */
class WebviewPanel {
  constructor(type, title, column, options) {
    Object.assign(this, { type, title, column, options, visible: true, disposed: false, said: [] });
    this.received = new Emitter();
    this.changed = new Emitter();
    this.gone = new Emitter();
    this.onDidChangeViewState = this.changed.event;
    this.onDidDispose = this.gone.event;
    this.webview = {
      html: "",
      cspSource: "https://*.vscode-cdn.net",
      asWebviewUri: ({ path: file }) => uri(file),
      onDidReceiveMessage: this.received.event,
      postMessage: async (message) => {
        this.said.push(message);
        return true;
      },
    };
  }

  reveal() {
    this.revealed = true;
  }

  dispose() {
    if (this.disposed) return;
    this.disposed = true;
    this.gone.fire();
  }
}

const editor = { panels: [], errors: [], notes: [], shown: [], picks: [], settings: {}, workspace: [], commands: {}, choose: (items) => items[0] };

const vscode = {
  Uri: { file: uri },
  FileType: { File: 1, Directory: 2 },
  ViewColumn: { One: 1, Beside: -2 },
  ProgressLocation: { Notification: 15 },
  Position: class {
    constructor(line, character) {
      Object.assign(this, { line, character });
    }
  },
  Range: class {
    constructor(start, end) {
      Object.assign(this, { start, end });
    }
  },
  commands: {
    registerCommand(id, run) {
      editor.commands[id] = run;
      return { dispose() {} };
    },
  },
  window: {
    async showQuickPick(items, options) {
      editor.picks.push({ items: await items, options });
      return editor.choose(await items);
    },
    createWebviewPanel(...given) {
      const panel = new WebviewPanel(...given);
      editor.panels.push(panel);
      return panel;
    },
    showErrorMessage: async (text) => void editor.errors.push(text),
    showInformationMessage: async (text) => void editor.notes.push(text),
    showTextDocument: async (document, options) => void editor.shown.push({ document, options }),
    withProgress: (_options, task) => task({ report() {} }),
  },
  workspace: {
    getConfiguration: () => ({ get: (name, otherwise) => editor.settings[name] ?? otherwise }),
    fs: {
      async stat({ fsPath }) {
        const about = await fs.stat(fsPath);
        return { type: about.isFile() ? 1 : 2 };
      },
    },
    findFiles: async (pattern) => editor.workspace.filter((file) => path.basename(file) === pattern.slice(3)).map(uri),
  },
};

const load = Module._load;
Module._load = (request, ...rest) => (request === "vscode" ? vscode : load(request, ...rest));

module.exports = { editor, vscode };
