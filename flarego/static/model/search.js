/**
 * What the user looks for: a regular expression over names, case-insensitive unless it has a capital.
 * Matches are remembered per name, so that a search costs nothing while data streams in.
 */

/** The query cannot be compiled. `message` is the engine's. */
export class QueryError extends Error {}

export class Search {
  /** @type {Map<string, boolean>} */
  #seen = new Map();

  /** Raises QueryError. @param {string} query */
  constructor(query) {
    this.query = query;
    const flags = /[A-Z]/.test(query.replace(/\\[A-Z]/g, "")) ? "" : "i";
    try {
      this.pattern = new RegExp(query, flags);
    } catch (error) {
      throw new QueryError(error instanceof Error ? error.message.replace(/^.*: /, "") : String(error));
    }
  }

  /** Whether a name matches. @param {string} name */
  matches(name) {
    let known = this.#seen.get(name);
    if (known === undefined) {
      known = this.pattern.test(name);
      this.#seen.set(name, known);
    }
    return known;
  }
}
