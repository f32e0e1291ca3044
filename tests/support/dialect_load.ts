/**
 * A load as dialects read it, from a hand-made run.
 *
 * @module
 */
import type { DialectLoad } from "../../metrics/dialect.ts";
import type { Run } from "../../metrics/run.ts";

/** The first load of a run. */
export function dialectLoad(
  { header, records, ends }: Run,
  fields: Partial<DialectLoad> = {},
): DialectLoad {
  return { header, plan: header.loads[0]!, end: ends[0]!, records, percentiles: [99], ...fields };
}
