/**
 * A sortable table of any length that keeps only the rows in sight in the document.
 *
 * Rows are reused and only texts that changed are touched, so five updates a second cost what they
 * change. Scroll position and selection stay: a row is known by its id. With `children` it is a tree:
 * rows open to show theirs below them.
 */

import { h, setText, show } from "../core/dom.js";

/** @typedef {{text: string, minor?: string, colour?: string, title?: string}} Cell */
/**
 * @template T
 * @typedef {{id: string, title: string, hint?: string, number?: boolean, cell: (row: T) => Cell, value: (row: T) => number | string,
 *   draw?: (cell: HTMLElement, row: T) => void}} Column draw: what else is in the cell, in an element of its own
 */
/** @typedef {{level: number, open: boolean | null}} Place in the tree; open: null when there is nothing to open */

const ROW_HEIGHT = 24;
let tables = 0;

/** @template {{id: string}} T */
export class Table {
  /** @type {T[]} */
  #rows = [];
  /** Without children. @type {T[]} */
  #top = [];
  /** @type {HTMLElement[]} */
  #pool = [];
  #sort;
  #descending = true;
  #selected = "";
  /** Of each row of a tree. @type {Place[]} */
  #places = [];
  /** Rows whose children are shown. @type {Set<string>} */
  opened = new Set();

  /**
   * @param {string} name also the class that sets the columns' widths
   * @param {Column<T>[]} columns
   * @param {{sort: string, onselect?: (row: T) => void, onmenu?: (row: T, x: number, y: number) => void,
   *   children?: (row: T) => T[] | null, label?: string}} options
   *   onmenu: right click or m, with a place for the menu in client pixels; children: those of a row, asked for while it is open; null when it never has any
   */
  constructor(name, columns, { sort, onselect, onmenu, children, label = name }) {
    this.columns = columns;
    this.onselect = onselect;
    this.onmenu = onmenu;
    this.children = children;
    this.id = `table-${tables++}`;
    this.#sort = sort;
    this.head = h("div", { class: "table-head", role: "row" }, ...columns.map((column) => this.#header(column)));
    this.space = h("div", { class: "table-space", role: "presentation" });
    this.none = h("div", { role: children ? "gridcell" : "cell" });
    this.empty = h("div", { class: "table-empty", role: "row", hidden: true }, this.none); // A group of rows has one.
    this.body = h("div", { class: "table-body", role: "rowgroup", tabIndex: 0 }, this.space, this.empty);
    const role = children ? "treegrid" : "table";
    this.element = h("div", { class: `table table-${name}`, role, "aria-label": label }, this.head, this.body);
    if (children) {
      // A tree grid is what has the focus; it says which row is meant.
      this.element.tabIndex = 0;
      this.body.tabIndex = -1;
      this.body.addEventListener("focus", () => this.element.focus());
    }
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.scroller = children ? this.element : this.body; // What scrolls must be what has the focus.
    this.scroller.addEventListener("scroll", () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#draw()).observe(this.scroller);
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
    this.set(this.#top);
  }

  /** @param {T[]} rows @param {string} [none] what to say when there are none */
  set(rows, none = "") {
    const column = this.columns.find(({ id }) => id === this.#sort) ?? this.columns[0];
    const sign = this.#descending ? -1 : 1;
    const keyed = rows.map((row) => ({ row, value: column.value(row) }));
    keyed.sort((a, b) => (a.value < b.value ? -sign : a.value > b.value ? sign : a.row.id < b.row.id ? -1 : 1));
    this.#lay(keyed.map(({ row }) => row));
    for (const cell of this.head.children) {
      const sorted = /** @type {HTMLElement} */ (cell).dataset.column === column.id;
      cell.setAttribute("aria-sort", sorted ? (this.#descending ? "descending" : "ascending") : "none");
    }
    this.space.style.height = `${this.#rows.length * ROW_HEIGHT}px`;
    this.element.setAttribute("aria-rowcount", String(this.#rows.length + 1));
    setText(this.none, none);
    show(this.empty, rows.length === 0);
    this.#draw();
  }

  /** Puts the children of open rows below them. @param {T[]} sorted */
  #lay(sorted) {
    this.#top = sorted;
    this.#rows = [];
    this.#places = [];
    for (const row of sorted) {
      const open = this.children === undefined ? null : this.opened.has(row.id);
      this.#rows.push(row);
      this.#places.push({ level: 1, open });
      for (const child of (open && this.children?.(row)) || []) {
        this.#rows.push(child);
        this.#places.push({ level: 2, open: null });
      }
    }
  }

  /** Opens or closes a row. @param {T} row */
  toggle(row) {
    if (!this.opened.delete(row.id)) this.opened.add(row.id);
    this.set(this.#top, this.none.textContent ?? "");
  }

  /** @param {string} id */
  select(id) {
    this.#selected = id;
    this.#draw();
  }

  /** Arrows move the selection, Enter does what a click does. @param {KeyboardEvent} event */
  #key(event) {
    if (event.target instanceof HTMLButtonElement) return;
    const at = this.#rows.findIndex(({ id }) => id === this.#selected);
    if (event.key === "Enter" && at >= 0) this.onselect?.(this.#rows[at]);
    if (event.key === "m" && at >= 0) this.#menuOfRow(event, at);
    if (at >= 0 && /^Arrow(Left|Right)$/.test(event.key)) this.#turn(event, at);
    const page = Math.max(1, Math.floor(this.#height / ROW_HEIGHT) - 1);
    const last = this.#rows.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)] ?? 0;
    if (step === 0 || this.#rows.length === 0) return;
    event.preventDefault();
    this.#goTo(Math.max(0, Math.min(last, at + step)));
  }

  /** @param {KeyboardEvent} event @param {number} at */
  #menuOfRow(event, at) {
    if (this.onmenu === undefined) return;
    const { left, top } = this.space.getBoundingClientRect();
    event.preventDefault();
    this.onmenu(this.#rows[at], left + 60, top + (at + 1) * ROW_HEIGHT);
  }

  /** Right opens a row, left closes it, or goes up to the row above its children. @param {KeyboardEvent} event @param {number} at */
  #turn(event, at) {
    const { open, level } = this.#places[at];
    const right = event.key === "ArrowRight";
    if (open !== null && open !== right) this.toggle(this.#rows[at]);
    else if (!right && level > 1) this.#goTo(this.#places.findLastIndex((place, i) => i < at && place.level < level));
    else return;
    event.preventDefault();
  }

  /** @param {number} next */
  #goTo(next) {
    const top = next * ROW_HEIGHT;
    const { scrollTop } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + this.#height) this.scroller.scrollTop = top + ROW_HEIGHT - this.#height;
    this.select(this.#rows[next].id);
  }

  /** Pixels in which rows can be seen. */
  get #height() {
    return this.scroller.clientHeight - (this.scroller === this.element ? this.head.offsetHeight : 0);
  }

  #draw() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_HEIGHT));
    const visible = Math.ceil(this.#height / ROW_HEIGHT) + 1;
    while (this.#pool.length < visible) this.#pool.push(this.#row(this.#pool.length));
    this.#pool.forEach((element, i) => {
      const row = i < visible ? this.#rows[first + i] : undefined;
      show(element, row !== undefined);
      if (row !== undefined) this.#fill(element, row, first + i);
    });
  }

  /** @param {number} place */
  #row(place) {
    const role = this.children ? "gridcell" : "cell";
    const cells = this.columns.map(({ number, draw }) =>
      h("div", { class: `cell ${number ? "number" : ""}`, role },
        h("i", { class: "swatch", hidden: true }), h("span", { class: "major" }), h("span", { class: "minor" }),
        draw ? h("span", { class: "drawn", "aria-hidden": "true" }) : null));
    const element = h("div", { class: "table-row", role: "row", "data-place": place }, ...cells);
    element.addEventListener("click", () => {
      const row = this.#rows[Number(element.dataset.index)];
      if (row === undefined) return;
      if (this.#places[Number(element.dataset.index)]?.open !== null) this.toggle(row);
      if (this.onselect === undefined) return;
      this.select(row.id);
      this.onselect(row);
    });
    element.addEventListener("contextmenu", (event) => {
      const row = this.#rows[Number(element.dataset.index)];
      if (row === undefined || this.onmenu === undefined) return;
      event.preventDefault();
      this.select(row.id);
      this.onmenu(row, event.clientX, event.clientY);
    });
    this.space.append(element);
    return element;
  }

  /** @param {HTMLElement} element @param {T} row @param {number} index */
  #fill(element, row, index) {
    element.dataset.index = String(index);
    element.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
    element.classList.toggle("selected", row.id === this.#selected);
    element.setAttribute("aria-rowindex", String(index + 2));
    if (this.children !== undefined) this.#placeInTree(element, row, this.#places[index]);
    this.columns.forEach((column, c) => {
      const cell = /** @type {HTMLElement} */ (element.children[c]);
      const { text, minor = "", colour = "", title = "" } = column.cell(row);
      const [swatch, major, second, drawn] = /** @type {[HTMLElement, HTMLElement, HTMLElement, HTMLElement?]} */ (
        /** @type {unknown} */ (cell.children));
      show(swatch, colour !== "");
      if (colour !== "") swatch.style.backgroundColor = colour;
      setText(major, text);
      setText(second, minor);
      if (cell.title !== title) cell.title = title;
      if (drawn !== undefined) column.draw?.(drawn, row);
    });
  }

  /** @param {HTMLElement} element @param {T} row @param {Place} place */
  #placeInTree(element, row, { level, open }) {
    const selected = row.id === this.#selected;
    element.id = `${this.id}-${element.dataset.place}`;
    element.setAttribute("aria-level", String(level));
    element.setAttribute("aria-selected", String(selected));
    if (open === null) element.removeAttribute("aria-expanded");
    else element.setAttribute("aria-expanded", String(open));
    if (selected) this.element.setAttribute("aria-activedescendant", element.id);
  }
}
