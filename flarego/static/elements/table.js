/**
 * A sortable table of any length that keeps only the rows in sight in the document.
 *
 * Rows are reused and only texts that changed are touched, so five updates a second cost what they
 * change. Scroll position and selection stay: a row is known by its id.
 */

import { h, setText, show } from "../core/dom.js";

/** @typedef {{text: string, minor?: string, colour?: string, title?: string}} Cell */
/**
 * @template T
 * @typedef {{id: string, title: string, hint?: string, number?: boolean, cell: (row: T) => Cell, value: (row: T) => number | string}} Column
 */

const ROW_HEIGHT = 24;

/** @template {{id: string}} T */
export class Table {
  /** @type {T[]} */
  #rows = [];
  /** @type {HTMLElement[]} */
  #pool = [];
  #sort;
  #descending = true;
  #selected = "";

  /**
   * @param {string} name also the class that sets the columns' widths
   * @param {Column<T>[]} columns
   * @param {{sort: string, onselect?: (row: T) => void}} options
   */
  constructor(name, columns, { sort, onselect }) {
    this.columns = columns;
    this.onselect = onselect;
    this.#sort = sort;
    this.head = h("div", { class: "table-head", role: "row" }, ...columns.map((column) => this.#header(column)));
    this.space = h("div", { class: "table-space", role: "presentation" });
    this.empty = h("div", { class: "table-empty", hidden: true });
    this.body = h("div", { class: "table-body", role: "rowgroup", tabIndex: 0 }, this.space, this.empty);
    this.element = h("div", { class: `table table-${name}`, role: "table", "aria-label": name }, this.head, this.body);
    this.body.addEventListener("keydown", (event) => this.#key(event));
    this.body.addEventListener("scroll", () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#draw()).observe(this.body);
  }

  /** @param {Column<T>} column */
  #header({ id, title, hint = "", number }) {
    const button = h("button", {
      type: "button", class: "table-sort", title: hint, onclick: () => this.#sortBy(id),
    }, h("span", {}, title));
    return h("div", { class: `cell ${number ? "number" : ""}`, role: "columnheader", "data-column": id }, button);
  }

  /** @param {string} id */
  #sortBy(id) {
    const column = this.columns.find((candidate) => candidate.id === id);
    this.#descending = id === this.#sort ? !this.#descending : Boolean(column?.number);
    this.#sort = id;
    this.set(this.#rows);
  }

  /** @param {T[]} rows @param {string} [none] what to say when there are none */
  set(rows, none = "") {
    const column = this.columns.find(({ id }) => id === this.#sort) ?? this.columns[0];
    const sign = this.#descending ? -1 : 1;
    const keyed = rows.map((row) => ({ row, value: column.value(row) }));
    keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.row.id < b.row.id ? -1 : 1));
    this.#rows = keyed.map(({ row }) => row);
    for (const cell of this.head.children) {
      const sorted = /** @type {HTMLElement} */ (cell).dataset.column === column.id;
      cell.setAttribute("aria-sort", sorted ? (this.#descending ? "descending" : "ascending") : "none");
    }
    this.space.style.height = `${rows.length * ROW_HEIGHT}px`;
    this.element.setAttribute("aria-rowcount", String(rows.length));
    setText(this.empty, none);
    show(this.empty, rows.length === 0);
    this.#draw();
  }

  /** @param {string} id */
  select(id) {
    this.#selected = id;
    this.#draw();
  }

  /** Arrows move the selection, Enter does what a click does. @param {KeyboardEvent} event */
  #key(event) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const at = this.#rows.findIndex(({ id }) => id === this.#selected);
    if (event.key === "Enter" && at >= 0) this.onselect?.(this.#rows[at]);
    if (step === 0 || this.#rows.length === 0) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(this.#rows.length - 1, at + step));
    const top = next * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.body;
    if (top < scrollTop) this.body.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) this.body.scrollTop = top + ROW_HEIGHT - clientHeight;
    this.select(this.#rows[next].id);
  }

  #draw() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW_HEIGHT));
    const visible = Math.ceil(this.body.clientHeight / ROW_HEIGHT) + 1;
    while (this.#pool.length < visible) this.#pool.push(this.#row(this.#pool.length));
    this.#pool.forEach((element, i) => {
      const row = i < visible ? this.#rows[first + i] : undefined;
      show(element, row !== undefined);
      if (row !== undefined) this.#fill(element, row, first + i);
    });
  }

  /** @param {number} place */
  #row(place) {
    const cells = this.columns.map(({ number }) =>
      h("div", { class: `cell ${number ? "number" : ""}`, role: "cell" },
        h("i", { class: "swatch", hidden: true }), h("span", { class: "major" }), h("span", { class: "minor" })));
    const element = h("div", { class: "table-row", role: "row", "data-place": place }, ...cells);
    element.addEventListener("click", () => {
      const row = this.#rows[Number(element.dataset.index)];
      if (row === undefined || this.onselect === undefined) return;
      this.select(row.id);
      this.onselect(row);
    });
    this.space.append(element);
    return element;
  }

  /** @param {HTMLElement} element @param {T} row @param {number} index */
  #fill(element, row, index) {
    element.dataset.index = String(index);
    element.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    element.classList.toggle("selected", row.id === this.#selected);
    this.columns.forEach((column, c) => {
      const cell = /** @type {HTMLElement} */ (element.children[c]);
      const { text, minor = "", colour = "", title = "" } = column.cell(row);
      const [swatch, major, second] = /** @type {[HTMLElement, HTMLElement, HTMLElement]} */ (
        /** @type {unknown} */ (cell.children));
      show(swatch, colour !== "");
      if (colour !== "") swatch.style.backgroundColor = colour;
      setText(major, text);
      setText(second, minor);
      if (cell.title !== title) cell.title = title;
    });
  }
}
