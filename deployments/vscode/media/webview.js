/** Inside the webview: joins <flarego-view> to the extension, the editor's theme, and what the editor keeps. */

const editor = acquireVsCodeApi();
const view = document.querySelector("flarego-view");

function followTheme() {
  const light = document.body.classList.contains("vscode-light") || document.body.classList.contains("vscode-high-contrast-light");
  view.setAttribute("theme", light ? "light" : "dark");
}

await customElements.whenDefined("flarego-view");
followTheme();
new MutationObserver(followTheme).observe(document.body, { attributes: true, attributeFilter: ["class"] });

const kept = editor.getState();
if (kept) view.state = kept;
for (const type of ["flarego-state", "flarego-select", "flarego-range"]) {
  view.addEventListener(type, () => editor.setState(view.state));
}
view.addEventListener("open-source", (event) => {
  event.preventDefault();
  editor.postMessage({ flarego: "open-source", detail: event.detail });
});
view.connect({
  postMessage: (message) => editor.postMessage(message),
  addEventListener: (type, listener) => window.addEventListener(type, listener),
  removeEventListener: (type, listener) => window.removeEventListener(type, listener),
});
