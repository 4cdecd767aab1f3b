/**
 * Values that tell those who read them when they change.
 *
 * A signal holds a value; an effect is a function that runs again after any signal it read has
 * changed. Effects run once per microtask however many signals changed, and setting an equal value
 * is a no-op. Painting is not an effect's business: paint/canvas.js asks for an animation frame.
 */

/** @type {Effect | null} */
let running = null;
/** @type {Set<Effect>} */
let due = new Set();

function flush() {
  const effects = due;
  due = new Set();
  for (const effect of effects) effect.run();
}

class Effect {
  /** @param {() => void} body */
  constructor(body) {
    this.body = body;
    /** @type {Set<Set<Effect>>} */
    this.sources = new Set();
    this.stopped = false;
  }

  run() {
    if (this.stopped) return;
    this.forget();
    const outer = running;
    running = this;
    try {
      this.body();
    } finally {
      running = outer;
    }
  }

  schedule() {
    if (due.size === 0) queueMicrotask(flush);
    due.add(this);
  }

  forget() {
    for (const source of this.sources) source.delete(this);
    this.sources.clear();
  }

  stop() {
    this.stopped = true;
    this.forget();
  }
}

/** @template T */
export class Signal {
  #value;
  /** @type {Set<Effect>} */
  #readers = new Set();

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
  }

  /** @returns {T} */
  get value() {
    if (running) {
      this.#readers.add(running);
      running.sources.add(this.#readers);
    }
    return this.#value;
  }

  /** @param {T} value */
  set value(value) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const reader of this.#readers) reader.schedule();
  }

  /** The value, without being told when it changes. @returns {T} */
  peek() {
    return this.#value;
  }
}

/**
 * Runs `body` now and after every change of what it read; returns a function that ends that.
 * @param {() => void} body
 * @returns {() => void}
 */
export function effect(body) {
  const instance = new Effect(body);
  instance.run();
  return () => instance.stop();
}
