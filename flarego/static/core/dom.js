/** Elements made in code: whatever a stranger named ends up in a text node or a property, never in markup. */

/** @typedef {Node | string | number | null | false | undefined} Child */

/**
 * An element with properties and children. `class` sets the class, `on…` a listener, `data-…`, `aria-…`
 * and `role` attributes, everything else the property of that name.
 * @template {string} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {K extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[K] : HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = String(value);
    else if (/^on[a-z]/.test(name)) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (/^(data-|aria-|role$)/.test(name)) element.setAttribute(name, String(value));
    else Reflect.set(element, name, value);
  }
  for (const child of children) {
    if (child === null || child === false || child === undefined) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
  return /** @type {any} */ (element);
}

/** Sets an element's text if it differs: layout is not touched for nothing. @param {Node} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides an element. @param {HTMLElement} element @param {boolean} shown */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/**
 * Places a card beside a point, inside the window.
 * @param {HTMLElement} card @param {number} x client pixels @param {number} y client pixels
 */
export function placeCard(card, x, y) {
  const { offsetWidth: width, offsetHeight: height } = card;
  const left = x + 16 + width > innerWidth - 8 ? Math.max(8, x - width - 12) : x + 16;
  const top = y + 18 + height > innerHeight - 8 ? Math.max(8, y - height - 12) : y + 18;
  card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
