/**
 * How many values of a load lie within a limit, and how much these say: values that exceed a limit come
 * together, so a hundred of them may be one event.
 *
 * @module
 */
import type { Limit } from "./limit.ts";
import type { ShareWithin } from "./load_interval.ts";
import type { Metric } from "./metric.ts";
import { BLOCKS, blockSpread, type CellRatio } from "./stat_blocks.ts";
import type { ValueSet } from "./stat_quantile.ts";
import type { LoadCells } from "./summary_cells.ts";

/**
 * Few values lie beyond a limit, and how they cluster is told by those beyond lower ones: these shares of
 * all values lie within them.
 */
const LOWER_SHARES: readonly number[] = [0.9, 0.95, 0.98, 0.99];
/** And they are no farther from the limit than this: what is alike far below says nothing of it. */
const NEAR = 4;
/** Values beyond one, at least. */
const LEAST_BEYOND = 10;

/** Values of a metric within a limit on one of its percentiles; absent where the load is too short. */
export function shareWithin(
  cells: LoadCells,
  values: ValueSet | undefined,
  { metric, limit: { operator, value } }: { readonly metric: Metric; readonly limit: Limit },
): ShareWithin | undefined {
  const own = cells.metric(metric);
  if (own === undefined || values === undefined || values.count < 2 * BLOCKS) return undefined;
  const upwards = operator.startsWith(">");
  const lower = LOWER_SHARES.filter((share) => (1 - share) * values.count >= LEAST_BEYOND)
    .map((share) => values.quantile(100 * (upwards ? 1 - share : share))!)
    // Of equal values nothing is beyond.
    .filter((one) =>
      upwards
        ? one < values.max! && one > value && one < value * NEAR
        : one > values.min! && one < value && one > value / NEAR
    );
  const [limited, ...others] = own.around([value, ...lower]).map(({ below, equal }): CellRatio => {
    // `<` and `>=` leave the equal ones on the side of the limit.
    const withEqual = operator === "<=" || operator === ">";
    const under = withEqual ? below.map((count, i) => count + equal[i]!) : below;
    return {
      amount: upwards ? under.map((count, i) => own.count[i]! - count) : under,
      size: own.count,
    };
  });
  return shareOf(limited!, others);
}

/** Good requests of those that were offered. */
export function goodShare(cells: LoadCells): ShareWithin | undefined {
  return shareOf({ amount: cells.counts("offeredGood"), size: cells.counts("offered") }, []);
}

/** @param others the same values within nearer limits. */
function shareOf(limited: CellRatio, others: readonly CellRatio[]): ShareWithin | undefined {
  const within = total(limited.amount);
  const of = total(limited.size);
  if (of < 2 * BLOCKS) return undefined;
  let clustered = 1;
  let alike = false;
  for (const ratio of [limited, ...others]) {
    const spread = blockSpread(ratio, { anyway: true });
    if ("absent" in spread) return undefined;
    alike ||= "absent" in blockSpread(ratio);
    const alone = spread.ratio * (1 - spread.ratio) / of;
    if (alone > 0) clustered = Math.max(clustered, spread.error ** 2 / alone);
  }
  return { within, of, clustered, alike };
}

function total(values: Float64Array): number {
  return values.reduce((sum, one) => sum + one, 0);
}
