/** Exchanges a token for a cookie, then opens the page that was asked for. The token is kept nowhere. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("login"));
const field = /** @type {HTMLInputElement} */ (document.getElementById("token"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

/** @param {string} text "" for nothing */
function say(text) {
  problem.textContent = text;
  problem.hidden = text === "";
  field.setAttribute("aria-invalid", String(text !== ""));
}

/** What to say of an answer; "" when it let us in. @param {Response} answer */
async function verdict(answer) {
  if (answer.ok) return "";
  const { error = "" } = await answer.json().catch(() => ({}));
  if (answer.status === 401) return "That token is not valid: mistyped, expired or revoked.";
  if (answer.status === 429) return "Too many tries. Wait a minute, then try again.";
  return `The gateway refused: ${String(error) || answer.status}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (token === "") return say("Paste the token first.");
  button.disabled = true;
  try {
    const answer = await fetch("session/login", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
    });
    const text = await verdict(answer);
    say(text);
    if (text === "") {
      field.value = "";
      location.reload(); // The address stays, with what it shows.
    } else {
      field.select();
    }
  } catch {
    say("The gateway does not answer.");
  } finally {
    button.disabled = false;
  }
});
