/**
 * The service level that a search was made for, from the header of its run.
 *
 * @module
 */
import { searchedPercentiles, type ServiceLevel } from "./capacity_level.ts";
import type { RunFind } from "./run_find.ts";
import { parseSlo } from "./summary_slo.ts";

/** Absent where the run did not search by one. */
export function searchedLevel(find: RunFind | undefined): ServiceLevel | undefined {
  if (find?.slo === undefined) return undefined;
  const { slo, attainment = 1, maxFailures } = find;
  return { ...parseSlo(slo), attainment, maxFailures };
}

/** Percentiles of a report, with those that the search is about. */
export function withSearched(
  percentiles: readonly number[],
  level: ServiceLevel | undefined,
): readonly number[] {
  const more = level === undefined ? [] : searchedPercentiles(level);
  const missing = more.filter((p) => !percentiles.includes(p));
  return missing.length === 0
    ? percentiles
    : [...percentiles, ...missing].toSorted((a, b) => a - b);
}
