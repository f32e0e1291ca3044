/**
 * A doubt about a run, or the lack of one, as data.
 *
 * @module
 */

/** One thing that was checked, and what was found. */
export interface Check {
  /** Stable name, snake case. */
  readonly name: string;
  /** false = read the message before using the numbers. */
  readonly ok: boolean;
  /** What was found, with the numbers; when not ok also why it may be. */
  readonly message: string;
  /** What to do about it; absent when all is well. */
  readonly advice: string | undefined;
}

/** Checks that found something. */
export function warnings(checks: readonly Check[]): readonly Check[] {
  return checks.filter(({ ok }) => !ok);
}
