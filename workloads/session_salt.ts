/**
 * Marks that keep a server's prefix cache from knowing prompts of earlier loads and sessions.
 *
 * @module
 */

/** What a mark is renewed for. */
export type SaltScope = "load" | "session" | "request" | "none";

/** A mark in a prompt. */
export interface Salt {
  /** Prompts with the same mark may share what stands behind it. */
  readonly mark: string;
  /** Token before which it stands: 0 = the very front. */
  readonly at: number;
}
