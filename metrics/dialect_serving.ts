/**
 * What the clients that grew out of vLLM's `benchmark_serving.py` share: rates over the whole run, peaks in
 * whole seconds, spreads in ms.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type {
  Definitions,
  DialectFigure,
  DialectLoad,
  DialectOwnFigure,
  Quantity,
  Statistic,
} from "./dialect.ts";
import { endOf, firstMs, gapsOf, isCounted, valuesOf } from "./dialect_request.ts";
import { durationMs } from "./dialect_values.ts";
import { visibleLine, visibleText } from "./visible_text.ts";

/** A count of requests or tokens, or their rate. */
export function total(
  name: string,
  title: string,
  quantity: Quantity,
  statistic: "sum" | "rate",
): DialectFigure {
  const unit = quantity === "requests" ? "req" : "tokens";
  return { name, title, quantity, statistic, unit: statistic === "rate" ? `${unit}/s` : unit };
}

/** An amount per second of the run; absent where the run took no time. */
export function perSecond(
  amount: number,
  load: DialectLoad,
  definitions: Definitions,
): number | undefined {
  const ms = durationMs(load, definitions);
  return ms > 0 ? amount / (ms / 1000) : undefined;
}

/** Statistics of times in ms: the word in the file, the word that is printed, what it is. */
export type Spread = readonly [word: string, heading: string, statistic: Statistic];

/** Mean, median and standard deviation. */
export const MIDDLE: readonly Spread[] = [
  ["mean", "Mean", "mean"],
  ["median", "Median", 50],
  ["std", "Std", "std"],
];

/** Percentiles as numpy is asked for them; the median has its own name. */
export function percentileSpreads(percentiles: readonly number[]): readonly Spread[] {
  return percentiles.filter((p) => p !== 50).map((p) => [`p${p}`, `P${p}`, p]);
}

/** Figures such as `mean_ttft_ms`. */
export function spread(
  [key, title, quantity]: readonly [key: string, title: string, quantity: Quantity],
  spreads: readonly Spread[],
): readonly DialectFigure[] {
  return spreads.map(([word, heading, statistic]) => ({
    name: `${word}_${key}_ms`,
    title: `${heading} ${title} (ms)`,
    unit: "ms",
    quantity,
    statistic,
  }));
}

/** Requests that left, in the order of their numbers. */
export function sentRequests({ records }: DialectLoad): readonly RequestRecord[] {
  return records.filter(({ sentMs }) => sentMs !== undefined);
}

/** Requests that count. */
export function countedRequests(
  { records }: Pick<DialectLoad, "records">,
  definitions: Definitions,
): readonly RequestRecord[] {
  return records.filter((record) => isCounted(record, definitions));
}

/** The duration of the run, as a figure. */
export function durationFigure(
  name: string,
  title: string,
  definitions: Definitions,
  how: string = "until every request had ended",
): DialectOwnFigure {
  return {
    ...{ name, title, unit: "s", how },
    of: (load) => durationMs(load, definitions) / 1000,
  };
}

/** Requests that left and do not count. */
export function failures(name: string, title: string, definitions: Definitions): DialectOwnFigure {
  return {
    ...{ name, title, unit: "" },
    how: "every other request",
    of: (load) => sentRequests(load).length - countedRequests(load, definitions).length,
  };
}

/** Names of limits that these clients know. */
const LIMITED: Readonly<Record<string, "ttft" | "tpot" | "e2e">> = {
  ttft: "ttft",
  tpot: "tpot",
  e2e: "e2e",
};

/** Requests that keep every limit on ttft, tpot and e2e; absent where there is none. */
export function goodRequests(load: DialectLoad, definitions: Definitions): number | undefined {
  const limits = load.slo?.limits.filter(({ metric }) => Object.hasOwn(LIMITED, metric)) ?? [];
  if (limits.length === 0) return undefined;
  return countedRequests(load, definitions).filter((record) =>
    limits.every(({ metric, limit }) =>
      (valuesOf(record, LIMITED[metric]!, definitions)[0] ?? 0) <= limit
    )
  ).length;
}

/** Requests per second that keep every limit; none where there are no limits. */
export function goodputFigures(
  load: DialectLoad,
  definitions: Definitions,
): readonly DialectOwnFigure[] {
  if (goodRequests(load, definitions) === undefined) return [];
  return [{
    ...{ name: "request_goodput", title: "Request goodput (req/s)", unit: "req/s" },
    how: "requests within the limits on ttft, tpot and e2e; one token has a TPOT of 0",
    of: (load) => perSecond(goodRequests(load, definitions) ?? 0, load, definitions),
  }];
}

/** The most tokens and the most requests in a whole second. */
export function peakFigures(definitions: Definitions): readonly DialectOwnFigure[] {
  return [
    {
      ...{ name: "max_output_tokens_per_s", title: "Peak output token throughput (tok/s)" },
      unit: "gaps/s",
      how: "most first tokens and gaps that ended in a second, counted from the first start on",
      of: (load) => peaks(load, definitions).tokens,
    },
    {
      ...{ name: "max_concurrent_requests", title: "Peak concurrent requests", unit: "" },
      how: "most requests that any part of one such second belongs to, so more than at any instant",
      of: (load) => peaks(load, definitions).requests,
    },
  ];
}

function peaks(
  load: DialectLoad,
  definitions: Definitions,
): { readonly tokens: number; readonly requests: number } {
  const requests = countedRequests(load, definitions);
  let start = Infinity;
  for (const { sentMs = Infinity } of requests) start = Math.min(start, sentMs);
  const tokens = new Map<number, number>();
  const active = new Map<number, number>();
  const add = (to: Map<number, number>, second: number) =>
    to.set(second, (to.get(second) ?? 0) + 1);
  const secondOf = (ms: number) => Math.trunc((ms - start) / 1000);
  for (const record of requests) {
    const { sentMs } = record;
    if (sentMs === undefined) continue;
    // Of an empty answer the first token stands where it began.
    let at = firstMs(record, definitions) ?? sentMs;
    add(tokens, secondOf(at));
    for (const gap of gapsOf(record, definitions)) add(tokens, secondOf(at += gap));
    const last = secondOf(endOf(record, definitions.end) ?? at);
    for (let second = secondOf(sentMs); second <= last; second++) add(active, second);
  }
  return { tokens: most(tokens), requests: most(active) };
}

function most(counts: ReadonlyMap<number, number>): number {
  let largest = 0;
  for (const count of counts.values()) largest = Math.max(largest, count);
  return largest;
}

/** More gaps than this are left out of a file, whose reader would hold them all as text. */
const MOST_GAPS = 1_000_000;

/** Whether a file can hold every gap. */
export function fitsDetails(load: DialectLoad): boolean {
  return load.records.reduce((sum, { tickMs }) => sum + tickMs.length, 0) <= MOST_GAPS;
}

/** Lists with an element for each request that left, as these clients write them; times in s. */
export function detailLists(
  load: DialectLoad,
  definitions: Definitions,
): Readonly<
  Record<
    "input_lens" | "output_lens" | "ttfts" | "itls" | "generated_texts" | "errors",
    readonly unknown[]
  >
> {
  const requests = sentRequests(load);
  const ofCounted = <T>(of: (record: RequestRecord) => T, other: T): readonly T[] =>
    requests.map((record) => isCounted(record, definitions) ? of(record) : other);
  const first = (record: RequestRecord, quantity: Quantity) =>
    valuesOf(record, quantity, definitions)[0] ?? 0;
  return {
    input_lens: requests.map((record) => first(record, "prompt")),
    output_lens: ofCounted((record) => first(record, "output"), 0),
    ttfts: ofCounted((record) => first(record, "ttft") / 1000, 0),
    itls: ofCounted((record) => gapsOf(record, definitions).map((gap) => gap / 1000), []),
    generated_texts: requests.map(({ text = "" }) => visibleText(text)),
    errors: requests.map((record) =>
      isCounted(record, definitions) || !("message" in record.outcome)
        ? ""
        : visibleLine(record.outcome.message)
    ),
  };
}

/** Most requests at once, by users or by a limit; absent = no limit. */
export function usersOf({ plan }: DialectLoad): number | undefined {
  return plan.users ?? (plan.maxInFlight || undefined);
}
