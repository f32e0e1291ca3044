/**
 * Times as options have them: `30s`, `5m`, or a number of seconds.
 *
 * @module
 */
import { UserError } from "./user_error.ts";

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** What may be given, for the help. */
export const DURATION_FORMS = "seconds, or with a unit: 500ms, 30s, 5m, 2h";

/**
 * A time in ms.
 *
 * @param option how the option is written in messages, e.g. `--from`.
 * @throws {UserError} for what is no time.
 */
export function parseDuration(given: string | number, option: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(`${given}`.trim()) ?? [];
  const factor = UNITS_MS[unit.toLowerCase() || "s"];
  if (number === undefined || factor === undefined) {
    throw new UserError(`Cannot use ${option} ${given}: give ${DURATION_FORMS}`);
  }
  return Number(number) * factor;
}
