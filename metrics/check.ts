/**
 * One thing checked about a run, and what was found.
 *
 * @module
 */

/** One thing that was checked, and what was found. */
export interface Check {
  /** Name of the check, stable, snake case. */
  readonly name: string;
  /** false = read the message before using the numbers. */
  readonly ok: boolean;
  /** What was found, with the numbers, and a possible reason where it is not ok. */
  readonly message: string;
  /** What to do about it; absent when ok. */
  readonly advice: string | undefined;
}

/** Checks that are not ok. */
export function warnings(checks: readonly Check[]): readonly Check[] {
  return checks.filter(({ ok }) => !ok);
}
