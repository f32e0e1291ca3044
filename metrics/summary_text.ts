/**
 * Parts of a load's results in words, the same in the terminal and on the page.
 *
 * @module
 */
import {
  type Doubted,
  formatCount,
  formatDoubted,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  plural,
} from "./format.ts";
import type { BracketBasis } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import type { Throughput } from "./load_series.ts";
import type { Economy, LoadEconomy, Peaks, SpeedSummary } from "./load_speed.ts";
import { limitValueText } from "./limit.ts";
import { metricOf, type MetricSummary } from "./load_figures.ts";
import type { LimitResult, SloLimit } from "./load_limits.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";
import type { LatenessSpread } from "./run_client.ts";

/** What the user calls a run: `nightly · commit=1a2b3c · gpu=h100`; absent = it has neither name nor tags. */
export function calledText(
  { name, tags = {} }: Pick<RunHeader, "name" | "tags">,
): string | undefined {
  const parts = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  const all = name === undefined ? parts : [name, ...parts];
  return all.length === 0 ? undefined : all.join(" · ");
}

/** How near the numbers are; absent when everything is exact. */
export function approximationText(
  { approximation, metrics }: Pick<LoadSummary, "approximation" | "metrics">,
): string | undefined {
  if (approximation === undefined) return undefined;
  const { relativeError, courseError, binMs } = approximation;
  const gaps = metricOf({ metrics }, "itl")?.distribution.count;
  const course = courseError === undefined
    ? ""
    : `, those of slices and of the steady state within ±${courseError * 100} %`;
  return `percentiles within ±${relativeError * 100} % (histograms, ${
    formatCount(gaps)
  } gaps)${course}; steady window, in flight and course over time in steps of ${
    formatMs(binMs)
  }; the rest is exact`;
}

/** What was sent before the measurement; absent where nothing was. */
export function warmupText({ counts }: Pick<LoadSummary, "counts">): string | undefined {
  const { warmup, warmupTokens } = counts;
  if (warmup === 0) return undefined;
  return `${plural(warmup, "request")} for ${plural(warmupTokens, "token")}, not counted`;
}

/** What the answers carried besides plain tokens of the answer; absent where there is nothing to say. */
export function generatedText(
  { generated }: Pick<LoadSummary, "generated">,
): string | undefined {
  const { events: { answer, reasoning, tool }, unseenTokens, unseenRequests, sentTokens } =
    generated;
  const parts = [
    ...(reasoning + tool === 0 ? [] : [
      `events with the answer ${formatCount(answer)}, with thinking ${
        formatCount(reasoning)
      }, with tool calls ${formatCount(tool)}`,
    ]),
    ...(unseenTokens === 0 ? [] : [
      `${formatCount(unseenTokens)} of ${
        plural(sentTokens + unseenTokens, "output token")
      } were counted and not sent, in ${
        plural(unseenRequests, "answer")
      }: they are in totals, not in TPOT, ITL, steady throughput or SLOs`,
    ]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** Where the brackets of a load come from, or that there are none. */
export function bracketsText({ bracketBasis }: Pick<LoadSummary, "bracketBasis">): string {
  return bracketBasis === undefined
    ? "none: nothing tells how late this client's stamps may be"
    : `client: the true figure at the client's host lies between; from ${BASES[bracketBasis]}`;
}

const BASES: Readonly<Record<BracketBasis, string>> = {
  stamps: "what each stamp leaves open",
  witness: "how late the witness streams were, since this transport cannot tell",
};

/** How the sampling intervals of a load were made, or why there are none. */
export function samplingText({ sampling }: Pick<LoadSummary, "sampling">): string {
  const { level, blocks, blockMs, absent } = sampling;
  if (blocks === undefined || absent !== undefined) return `none: ${absent ?? "unknown why"}`;
  return `${formatCount(level * 100)} of 100 such intervals hold the figure of an endless load, ` +
    `not what differs from run to run; from ${plural(blocks, "block")} of ${formatMs(blockMs)}`;
}

/** An interval of a share, rounded outwards: `96.1–98.4 %`. */
export function shareEnds({ low, high }: Interval): string {
  const text = (tenths: number) => (tenths / 10).toFixed(tenths % 1000 === 0 ? 0 : 1);
  return `${text(Math.floor(low * 1000 + ROUNDING))}–${text(Math.ceil(high * 1000 - ROUNDING))} %`;
}

/** What binary fractions add to shares that are exact in tenths of a percent. */
const ROUNDING = 1e-6;

/** What the witness streams showed, or why there were none; absent = nothing is known of any. */
export function witnessText(
  { witness, witnessAbsent }: Pick<LoadSummary, "witness" | "witnessAbsent">,
): string | undefined {
  if (witness === undefined) return witnessAbsent && `none: ${witnessAbsent}`;
  const { streams, ticks, requests, ticksInside, departuresInside } = witness;
  const seen = `${plural(streams, "stream")}, ${plural(ticks, "tick")}`;
  const parts = [
    ticksInside === undefined || ticks === 0
      ? `${seen}: read ${lateText(witness.readLate)}`
      : `${seen}: ${formatShare(ticksInside / ticks)} inside`,
    departuresInside === undefined || requests === 0
      ? `${plural(requests, "departure")}: ${lateText(witness.departLate)}`
      : `${plural(requests, "departure")}: ${formatShare(departuresInside / requests)} inside`,
    ...(ticks < TAIL_TICKS ? ["too few ticks for a p99"] : []),
  ];
  return parts.join("; ");
}

/** A 99th percentile needs so many values. */
const TAIL_TICKS = 100;

function lateText({ p50Ms, p99Ms, maxMs }: LatenessSpread): string {
  const tail = p99Ms === undefined ? `at most ${formatMs(maxMs)}` : `${formatMs(p99Ms)} at p99`;
  return `late by ${formatMs(p50Ms)} at p50, ${tail}`;
}

/** A rate or count: its name, its value over the whole run, and that of the steady window. */
export interface ThroughputRow {
  /** Name with the unit. */
  readonly name: string;
  /** Over the whole run. */
  readonly run: Doubted;
  /** Over the steady window; absent for what has no value there. */
  readonly steady: Doubted | undefined;
  /** Not for the terminal, which has it in words. */
  readonly detail?: true;
}

/** Rates that have brackets and intervals. */
export type RateName = keyof NonNullable<Throughput["brackets"]>;

/** A rate of a window with what is open about it. */
export function doubtedRate(window: Throughput | undefined, key: RateName): Doubted {
  const doubt = { client: window?.brackets?.[key], sampling: window?.intervals?.[key] };
  return formatDoubted(window?.[key], doubt, "1");
}

/** Rates and requests in flight. */
export function throughputRows(
  { plan, throughput: { run, steady }, inFlight, arrivals, slo, speed, peaks, economy }:
    LoadSummary,
): readonly ThroughputRow[] {
  const plain = (value: number | undefined, sampling?: Interval): Doubted =>
    formatDoubted(value, { sampling }, "1");
  const whole = (name: string, all: number | undefined): ThroughputRow => ({
    name,
    run: plain(all),
    steady: undefined,
  });
  const both = (name: string, all: number | undefined, part: number | undefined) => ({
    name,
    run: plain(all),
    steady: plain(part),
  });
  const rate = (name: string, key: RateName) => ({
    name,
    run: doubtedRate(run, key),
    steady: doubtedRate(steady, key),
  });
  return [
    ...(arrivals === undefined ? [] : [
      whole("Planned arrivals, req/s", arrivals.plannedPerSec),
      whole("Scheduled arrivals, req/s", arrivals.scheduledPerSec),
      whole("Sent, req/s", arrivals.sentPerSec),
    ]),
    rate("Requests/s", "qps"),
    both("Requests/min", run.rpm, steady?.rpm),
    rate("Output tokens/s", "outputTokensPerSec"),
    rate("Prompt + output tokens/s", "totalTokensPerSec"),
    ...(slo === undefined ? [] : [{
      name: "Goodput, req/s",
      run: plain(slo.goodput, slo.intervals?.goodput),
      steady: plain(slo.steadyGoodput, slo.intervals?.steadyGoodput),
    }]),
    ...(plan.users === undefined ? [] : [whole("Users, planned", plan.users)]),
    both("In flight, mean", inFlight.mean, inFlight.steadyMean),
    whole("In flight, max", inFlight.max),
    {
      ...both(`Output tokens/s ÷ ${speed.perUser.by}`, speed.perUser.run, speed.perUser.steady),
      detail: true,
    },
    ...(peaks === undefined ? [] : [
      {
        ...whole(`Peak output tokens/s in ${peakWindow(peaks)}`, peaks.outputTokensPerSec),
        detail: true,
      },
      {
        ...whole(`Peak requests/s in ${peakWindow(peaks)}`, peaks.requestsPerSec),
        detail: true,
      },
    ] as const),
    ...economyRows(economy),
  ];
}

function economyRows(economy: LoadEconomy | undefined): readonly ThroughputRow[] {
  const row = (name: string, key: keyof Economy): readonly ThroughputRow[] => {
    const [run, steady] = [economy?.run[key], economy?.steady?.[key]];
    if (run === undefined && steady === undefined) return [];
    return [{
      name,
      run: formatDoubted(run, {}, "1"),
      steady: formatDoubted(steady, {}, "1"),
    }];
  };
  return [
    ...row("Output tokens/s per GPU", "outputTokensPerSecPerGpu"),
    ...row("Cost of 1M output tokens", "costPerMillionOutputTokens"),
  ];
}

/** How fast one user was served, and the busiest second; absent where nothing shows it. */
export function speedText(
  { speed, peaks }: Pick<LoadSummary, "speed" | "peaks">,
): string | undefined {
  const { interactivity, userTokens } = speed;
  const one = speedValues(interactivity).map(({ name, value }) => `${name} ${value}`);
  const flowing = speedValues(userTokens).map(({ value }) => value);
  const parts = [
    ...(one.length === 0 ? [] : [
      `one user ${one.join(", ")} tokens/s${
        flowing.length === 0 ? "" : `, once tokens flow ${flowing.join(", ")}`
      }`,
    ]),
    ...(peaks === undefined ? [] : [
      `busiest ${peakWindow(peaks)} ${formatNumber(peaks.outputTokensPerSec)} output tokens/s, ${
        formatNumber(peaks.requestsPerSec)
      } req/s`,
    ]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** The median, then ever slower requests. */
function speedValues(
  { median, percentiles }: SpeedSummary,
): readonly { readonly name: string; readonly value: string }[] {
  if (median === undefined) return [];
  const slower = percentiles.filter(({ p, value }) => [90, 99].includes(p) && value !== undefined);
  return [{ p: 50, value: median }, ...slower].map(({ p, value }) => ({
    name: formatPercentile(p),
    value: formatNumber(value),
  }));
}

function peakWindow({ windowMs }: Peaks): string {
  return `${formatNumber(windowMs / 1000)} s`;
}

/** A limit on each request: `ttft ≤ 500 ms`. */
export function sloLimitText(
  { metric, limit, operator }: SloLimit,
  metrics: readonly Pick<MetricSummary, "name" | "unit" | "better">[],
): string {
  const { unit = "ms", better = "lower" } = metrics.find(({ name }) => name === metric) ?? {};
  const sign = operator ?? (better === "higher" ? ">=" : "<=");
  return `${metric} ${SIGNS[sign]} ${limitValueText(limit, unit)}`;
}

/** `ttft:p99 < 500 ms kept: 412.3 ms`, `… not kept: not measured, no request completed`. */
export function limitResultText({ text, value, unit, kept, reason }: LimitResult): string {
  if (kept === undefined) return `${text} not kept: not measured, ${reason}`;
  return `${text} ${kept ? "kept" : "missed"}: ${limitValueText(value, unit)}`;
}

const SIGNS = { "<": "<", "<=": "≤", ">": ">", ">=": "≥" } as const;
