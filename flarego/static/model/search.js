/**
 * What the user looks for: text as it stands, or a regular expression between slashes. Case matters
 * when the query has a capital. Matches are remembered per name, so that a search costs nothing while
 * data streams in.
 */

/** The query cannot be compiled. `message` is the engine's. */
export class QueryError extends Error {}

/** Names remembered at most. */
const MAX_SEEN = 1 << 18;

/** @param {string} text */
const literally = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

/** The pattern of a query. Raises QueryError. @param {string} query @returns {RegExp} */
export function compile(query) {
  const [, expression, flag] = /^\/(.+?)\/?(i?)$/s.exec(query) ?? [];
  const source = expression ?? literally(query);
  const smart = /[A-Z]/.test(source.replace(/\\[A-Z]/g, "")) ? "" : "i";
  try {
    return new RegExp(source, flag || smart);
  } catch (error) {
    throw new QueryError(error instanceof Error ? error.message.replace(/^.*: /, "") : String(error));
  }
}

export class Search {
  /** @type {Map<string, boolean>} */
  #seen = new Map();

  /** Raises QueryError. @param {string} query */
  constructor(query) {
    this.query = query;
    this.pattern = compile(query);
  }

  /** Whether a name matches. @param {string} name */
  matches(name) {
    let known = this.#seen.get(name);
    if (known === undefined) {
      if (this.#seen.size > MAX_SEEN) this.#seen.clear();
      known = this.pattern.test(name);
      this.#seen.set(name, known);
    }
    return known;
  }
}
