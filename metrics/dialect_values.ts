/**
 * The values of a load by given definitions, sorted, and what is made of them.
 *
 * @module
 */
import type { Definitions, DialectFigure, DialectLoad, Quantity, Statistic } from "./dialect.ts";
import { isCounted, valuesOf } from "./dialect_request.ts";
import {
  exactValues,
  minimumSamples,
  quantile,
  type SortedValues,
  sortLists,
} from "./stat_quantile.ts";

/** Values by the definitions that they depend on, computed once. */
export class DialectValues {
  readonly #load: DialectLoad;
  readonly #sorted = new Map<string, SortedValues>();

  constructor(load: DialectLoad) {
    this.#load = load;
  }

  /** A figure by these definitions, in its unit; absent where it has no value. */
  figure(
    { quantity, statistic, scale = 1 }: DialectFigure,
    definitions: Definitions,
  ): number | undefined {
    const value = this.#statistic(quantity, statistic, definitions);
    return value === undefined || statistic === "count" ? value : value * scale;
  }

  /** The values of a quantity in ascending order, in ms, tokens or requests. */
  values(quantity: Quantity, definitions: Definitions): SortedValues {
    const key = [quantity, ...DEPENDS[quantity].map((name) => definitions[name])].join("\n");
    let values = this.#sorted.get(key);
    if (values === undefined) {
      values = sortLists(this.#lists(quantity, definitions));
      this.#sorted.set(key, values);
    }
    return values;
  }

  *#lists(quantity: Quantity, definitions: Definitions): Iterable<readonly number[]> {
    for (const record of this.#load.records) {
      if (isCounted(record, definitions, isTotal(quantity))) {
        yield valuesOf(record, quantity, definitions);
      }
    }
  }

  #statistic(
    quantity: Quantity,
    statistic: Statistic,
    definitions: Definitions,
  ): number | undefined {
    const values = this.values(quantity, definitions);
    const set = exactValues(values);
    if (typeof statistic === "number") return percentile(values, statistic, definitions);
    switch (statistic) {
      case "count":
        return set.count;
      case "sum":
        return set.count === 0 ? 0 : set.mean! * set.count;
      case "rate": {
        const seconds = durationMs(this.#load, definitions) / 1000;
        const sum = set.count === 0 ? 0 : set.mean! * set.count;
        return seconds > 0 ? sum / seconds : undefined;
      }
      default:
        return set[statistic];
    }
  }
}

/** Which definitions change the values of a quantity: others need not be tried. */
export const DEPENDS: Readonly<Record<Quantity, readonly (keyof Definitions)[]>> = {
  ttft: ["requests", "start", "first", "proof"],
  ttst: ["requests", "first", "gaps"],
  tpot: [...tokenTime("requests"), "weight"],
  itl: ["requests", "first", "gaps"],
  e2e: ["requests", "start", "end"],
  decode: ["requests", "start", "first", "proof", "decodeFrom", "decodeEnd"],
  output: ["requests", "tokens"],
  prompt: ["requests", "prompt"],
  total: ["requests", "tokens", "prompt"],
  requests: ["requests"],
  "decode rate": tokenTime("requests"),
  "output rate": ["requests", "tokens", "start", "end"],
  "prompt rate": ["requests", "prompt", "start", "first", "proof"],
};

/** What the time per token depends on. */
function tokenTime(requests: "requests"): (keyof Definitions)[] {
  return [requests, "tokens", "start", "first", "proof", "decodeFrom", "decodeEnd", "divisor"];
}

/** Totals also hold the tokens of users who left as planned; only ours have such users. */
function isTotal(quantity: Quantity): boolean {
  return quantity === "output" || quantity === "prompt" || quantity === "total";
}

/** The time that rates are divided by, in ms. */
export function durationMs(
  { end, records }: Pick<DialectLoad, "end" | "records">,
  definitions: Pick<Definitions, "duration" | "requests">,
): number {
  const { duration } = definitions;
  if (duration === "load") return end.durationMs;
  const all = duration === "until all ended" || duration === "first sent until all ended";
  const ended = duration === "first sent to last token" ? "lastTokenMs" : "endMs";
  let first = Infinity;
  let last = 0;
  for (const record of records) {
    if (record.sentMs === undefined || !(all || isCounted(record, definitions))) continue;
    first = Math.min(first, record.sentMs);
    last = Math.max(last, record[ended] ?? 0);
  }
  return Math.max(0, last - (duration === "until all ended" ? 0 : Math.min(first, last)));
}

function percentile(
  values: SortedValues,
  p: number,
  { percentiles }: Pick<Definitions, "percentiles">,
): number | undefined {
  switch (percentiles) {
    case "enough values":
      // The median of few values is what it is.
      return p !== 50 && values.length < minimumSamples(p) ? undefined : quantile(values, p);
    case "any number of values":
      return quantile(values, p);
    case "cumulated share":
      return cumulatedShare(values, p / 100);
    case "nearest rank":
      return values[Math.max(0, Math.ceil(values.length * p / 100) - 1)];
  }
}

/** Equal values have one share; shares are added up as floating point adds them, which ties are decided by. */
function cumulatedShare(values: SortedValues, share: number): number | undefined {
  let sum = 0;
  for (let i = 0; i < values.length;) {
    let next = i;
    while (next < values.length && values[next] === values[i]) next++;
    sum += (next - i) / values.length;
    if (sum >= share) return values[i];
    i = next;
  }
  return values[values.length - 1];
}
