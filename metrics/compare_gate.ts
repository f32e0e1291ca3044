/**
 * Limits on changes, and what they come to.
 *
 * @module
 */
import type { JudgedChange } from "./compare_verdict.ts";
import { clientRatio } from "./compare_verdict.ts";
import type {
  ComparedFigure,
  ComparedLoad,
  Comparison,
  GateLimit,
  GateOutcome,
  GateResult,
} from "./compare_result.ts";
import { formatPercent, spanText } from "./compare_words.ts";
import { findFigure, HEADLINE_FIGURES } from "./figure.ts";
import { type Limited, nameOf, parseLimits } from "./limit.ts";
import type { Interval } from "./load_interval.ts";
import { SPEEDS } from "./load_speed.ts";
import { METRICS } from "./metrics.ts";

/** Fewer repeats on a side do not decide a gate: two hardly show their own spread. */
export const GATE_REPEATS = 3;

/** What a limit on a change can be on: rates by their names, metrics with a statistic. */
const CHANGES: readonly Limited[] = [
  ...HEADLINE_FIGURES.filter(({ name }) => !name.includes(":")).map((one) => changeOf(one, false)),
  ...METRICS.map((one) => changeOf(one, true)),
  ...SPEEDS.map(({ name }) => changeOf({ name, better: "higher" }, true)),
];

function changeOf(
  { name, better }: Pick<ComparedFigure, "name" | "better">,
  many: boolean,
): Limited {
  const bare = better === "neither" ? {} : { bare: better === "lower" ? "<=" : ">=" } as const;
  return { name, unit: "share", many, change: true, ...bare };
}

/**
 * Reads limits on changes, e.g. `ttft:p99<+5%,throughput>-3%`. A metric without a statistic means its
 * mean; a limit without an operator, `ttft:p99:+5%`, allows so much in the bad direction.
 *
 * @throws {SyntaxError} when the text is no list of limits.
 * @throws {RangeError} when a figure or a change does not fit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseGate } from "@tokometer/tokometer/metrics";
 *
 * const [limit] = parseGate("ttft:p99<+5%");
 * assertEquals([limit?.figure, limit?.operator, limit?.change], ["ttft:p99", "<", 0.05]);
 * ```
 */
export function parseGate(text: string, option: string = "--gate"): readonly GateLimit[] {
  return parseLimits(text, { known: CHANGES, option }).map((limit) => {
    const figure = findFigure(nameOf(limit));
    const { operator, value: change } = limit;
    if (figure === undefined) {
      throw new RangeError(
        `Cannot use ${option} "${text}": there is no figure ${nameOf(limit)}, take mean, median ` +
          "or a percentile such as p99",
      );
    }
    if (change <= -1) {
      throw new RangeError(
        `Cannot use ${option} "${text}": a change of ${limitOf(change)} leaves nothing of ` +
          limit.name,
      );
    }
    const { name } = figure;
    return { figure: name, operator, change, text: `${name} ${operator} ${limitOf(change)}` };
  });
}

/** `+5 %`, `−3 %`. */
function limitOf(change: number): string {
  return `${change < 0 ? "−" : "+"}${formatPercent(Math.abs(change))}`;
}

/** What is known when a limit is judged. */
export interface GatedFigure extends Pick<JudgedChange, "a" | "b" | "change"> {
  /** Loads of both sides. */
  readonly load: Pick<ComparedLoad, "label" | "side" | "repeats" | "refused">;
  /** Single runs may decide. */
  readonly singleRun: boolean;
}

/** A limit on a load that the first side measured and the other did not. */
export function missingGate(
  limit: GateLimit,
  { label, side }: Pick<ComparedLoad, "label" | "side">,
): GateResult {
  const reason = `${side} did not measure this load`;
  return { ...limit, side, load: label, measured: undefined, result: "undecided", reason };
}

/** Whether a limit was kept. */
export function judgeGate(limit: GateLimit, gated: GatedFigure): GateResult {
  const { label, side, refused } = gated.load;
  const ratio = gated.change?.ratio;
  const interval = ratio?.interval;
  const measured = ratio && {
    value: ratio.value - 1,
    interval: interval && { low: interval.low - 1, high: interval.high - 1 },
  };
  const base = { ...limit, side, load: label };
  const undecided = (reason: string): GateResult => ({
    ...base,
    ...{ measured, result: "undecided", reason },
  });
  if (refused !== undefined) {
    return { ...undecided(`not compared: ${refused}`), measured: undefined };
  }
  if (measured?.interval === undefined) {
    return undecided(gated.change?.absent ?? "it was not measured on both sides");
  }
  const fewest = Math.min(...gated.load.repeats);
  if (!gated.singleRun && fewest < GATE_REPEATS) {
    return undecided(
      fewest === 1
        ? "a single run does not hold differences from run to run"
        : `${fewest} repeats hardly show how much runs differ, ${GATE_REPEATS} are the least`,
    );
  }
  const result = sideOf(measured.interval, limit);
  if (result === "undecided") return undecided("the interval holds the limit");
  const client = clientRatio(gated);
  if (
    client !== undefined && sideOf({ low: client.low - 1, high: client.high - 1 }, limit) !== result
  ) {
    return undecided(`the client leaves ${spanText(client)} open`);
  }
  return { ...base, measured, result, reason: undefined };
}

/** On which side of a limit an interval lies. */
function sideOf({ low, high }: Interval, { operator, change }: GateLimit): GateResult["result"] {
  switch (operator) {
    case "<":
      return high < change ? "passed" : low >= change ? "missed" : "undecided";
    case "<=":
      return high <= change ? "passed" : low > change ? "missed" : "undecided";
    case ">":
      return low > change ? "passed" : high <= change ? "missed" : "undecided";
    case ">=":
      return low >= change ? "passed" : high < change ? "missed" : "undecided";
  }
}

/**
 * What all limits come to: one missed is missed, else a load that could not be compared is refused, else
 * one undecided is undecided.
 */
export function gateOutcome(
  { gate, refused, loads }: Pick<Comparison, "gate" | "refused" | "loads">,
): GateOutcome {
  if (refused !== undefined) return "refused";
  if (gate.length === 0) return "none";
  if (gate.some(({ result }) => result === "missed")) return "missed";
  if (loads.some((load) => load.refused !== undefined)) return "refused";
  return gate.some(({ result }) => result === "undecided") ? "undecided" : "passed";
}

/**
 * Exit code of a comparison: 0, 2 refused, 4 undecided (0 where that passes), 5 missed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { compareExitCode, compareRuns, parseGate } from "@tokometer/tokometer/metrics";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const runs = [summarize(await measureBench(server.url, { concurrency: [1], requests: 4 }))];
 * await server.stop();
 * const sides = [{ name: "before", runs }, { name: "after", runs }];
 * const comparison = compareRuns(sides, { gate: parseGate("throughput>-3%") });
 * // A single run does not decide a gate; one of a client that was the limit is refused.
 * assertEquals([2, 4].includes(compareExitCode(comparison)), true);
 * ```
 */
export function compareExitCode(
  comparison: Pick<Comparison, "gate" | "refused" | "loads">,
  { undecided = "fail" }: { readonly undecided?: "fail" | "pass" } = {},
): 0 | 2 | 4 | 5 {
  switch (gateOutcome(comparison)) {
    case "refused":
      return 2;
    case "missed":
      return 5;
    case "undecided":
      return undecided === "pass" ? 0 : 4;
    default:
      return 0;
  }
}
