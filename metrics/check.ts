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

/** What a check found: that all is well, or a warning with an advice. */
export type Finding = string | readonly [message: string, advice: string];

/** The check of this name; none where there is no finding, as it does not apply. */
export function checkOf(name: string, finding: Finding | undefined): readonly Check[] {
  if (finding === undefined) return [];
  if (typeof finding === "string") return [{ name, ok: true, message: finding, advice: undefined }];
  const [message, advice] = finding;
  return [{ name, ok: false, message, advice }];
}

/** Checks that are not ok. */
export function warnings(checks: readonly Check[]): readonly Check[] {
  return checks.filter(({ ok }) => !ok);
}
