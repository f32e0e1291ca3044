/**
 * The results of a part of a load, as they are added to those of its other parts: sums of whole numbers,
 * so that the order of adding does not matter and nothing is lost.
 *
 * @module
 */

/** Version of {@linkcode LoadState}; only equal ones can be added. */
export const LOAD_STATE_SCHEMA = "tokometer.state/1";

/** What an accumulator knows of one load. Plain JSON; each part is read by what wrote it. */
export interface LoadState {
  /** Version of its form. */
  readonly schema: typeof LOAD_STATE_SCHEMA;
  /** 0-based number of the load. */
  readonly load: number;
  /** What each fold has collected, by its name. */
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Collects something whose parts can be collected elsewhere. */
export interface Mergeable {
  /** All so far, as JSON. */
  state(): unknown;
  /**
   * Checks what another one of its kind has collected.
   *
   * @returns what adds it, once, and cannot fail: what is wrong somewhere leaves everything as it was.
   * @throws {TypeError} for anything else.
   */
  merger(state: unknown): () => void;
}
