/**
 * Whether a load keeps a service level, as far as chance lets one say so: an interval with the error that
 * one look of a search may have lies within the limit, beyond it, or reaches over it. Of a percentile it
 * is that of the share of values beyond the limit; of a mean or a rate the sampling interval, widened. What the client's stamps leave open is added at both ends. Repeats of a
 * load are pooled.
 *
 * @module
 */
import type { ProbeVerdict } from "./capacity_result.ts";
import type { Count } from "./count.ts";
import { findFigure } from "./figure.ts";
import { formatCount, formatShare } from "./format.ts";
import { percentileOf } from "./check_limit.ts";
import { keepsLimit, type Limit, limitText, limitValueText, nameOf } from "./limit.ts";
import type { Interval, ShareWithin } from "./load_interval.ts";
import type { LoadSummary, SloLimit } from "./load_summary.ts";
import { incompleteBeta, normalQuantile, studentQuantile } from "./stat_student.ts";

/** What is judged of a load. */
export type ProbedLoad = Pick<
  LoadSummary,
  "counts" | "throughput" | "slo" | "limits" | "metrics" | "sampling" | "verdict" | "cutShort"
>;

/** A service level. */
export interface ServiceLevel {
  /** What a good request meets, all of them. */
  readonly limits: readonly SloLimit[];
  /** Limits on figures of the load; absent = none. */
  readonly ofLoad?: readonly Limit[];
  /** Share of good requests, 0 to 1; without limits on requests it says nothing. */
  readonly attainment: number;
  /** Share of requests that may fail, 0 to 1. */
  readonly maxFailures: number;
}

/** What the measurements of one load say of a service level. */
export interface ProbeLook {
  /** Of all limits together. */
  readonly verdict: ProbeVerdict;
  /** The limit that decided, a clause without a period. */
  readonly reason: string;
  /** How far the nearest limit is, as a logarithm of a ratio; below 0 = beyond it; absent = unknown. */
  readonly margin: number | undefined;
}

/** Stretches of a load that were compared, where it does not say how many. */
const USUAL_BLOCKS = 20;

/** Counts as a share of their own; each is checked with its own interval. */
const COUNTED: Readonly<Record<string, (counts: LoadSummary["counts"]) => Count>> = {
  failures: ({ failed, dropped }) => failed + dropped,
  errors: ({ failed }) => failed,
  dropped: ({ dropped }) => dropped,
  success: ({ completed }) => completed,
};

/** Why a limit cannot be searched by, a clause without a period; absent = it can. */
export function whyNotSearched(limit: Limit): string | undefined {
  const name = nameOf(limit);
  if (COUNTED[name] !== undefined || findFigure(figureName(limit)) !== undefined) return undefined;
  return `${name} has no interval that tells chance from change; a mean or a percentile has, ` +
    "as in ttft:p99<500";
}

/** Percentiles that the limits of a service level are about. */
export function searchedPercentiles(
  { ofLoad = [] }: Pick<ServiceLevel, "ofLoad">,
): readonly number[] {
  return [
    ...new Set(ofLoad.flatMap(({ statistic }) => typeof statistic === "number" ? statistic : [])),
  ];
}

/** The service level for people: `ttft:p99 < 500 ms, 99 % of requests with ttft < 500 ms`. */
export function serviceLevelText({ limits, ofLoad = [], attainment }: ServiceLevel): string {
  const ofRequests = limits.map(({ metric, limit, operator = "<=" }) =>
    limitText({ name: metric, operator, value: limit, unit: unitOf(metric) })
  );
  return [
    ...ofLoad.map(limitText),
    ...(ofRequests.length === 0
      ? []
      : [`${formatShare(attainment)} of requests with ${ofRequests.join(" and ")}`]),
  ].join(", ");
}

/**
 * Judges all measurements of one load.
 *
 * @param loads in the order of measurement, at least one.
 * @param error share of wrong verdicts.
 */
export function judgeProbe(
  loads: readonly ProbedLoad[],
  level: ServiceLevel,
  error: number,
): ProbeLook {
  const cut = loads.find(({ cutShort }) => cutShort !== undefined);
  const looks = [
    failureLook(loads, level, error),
    ...(level.ofLoad ?? []).map((limit, i) =>
      percentileOf(limit) === undefined
        ? limitLook(loads, limit, error)
        : percentileLook(loads, { limit, at: i }, error)
    ),
    ...(level.limits.length === 0 ? [] : [attainmentLook(loads, level, error)]),
  ].filter((look) => look !== undefined);
  const margin = lowest(looks);
  const bound = loads.find(({ verdict }) => verdict?.kind === "client-bound");
  // Where both ends of the client's error lie on one side of each limit, a faster client finds no less.
  if (bound !== undefined && looks.some(({ byClient }) => byClient !== false)) {
    return { verdict: "client-bound", reason: bound.verdict!.message, margin };
  }
  // The rest of a load that was cut short would only have been worse.
  if (cut !== undefined) return { verdict: "breaks", reason: cut.cutShort!, margin };
  const { verdict, reason } = looks.find(({ verdict }) => verdict === "breaks") ??
    looks.find(({ verdict }) => verdict === "undecided") ??
    looks.toSorted((a, b) => (a.margin ?? 0) - (b.margin ?? 0))[0]!;
  return { verdict, reason, margin };
}

/** What the measurements say of one limit. */
interface LimitLook extends ProbeLook {
  /** Whether the client's error reaches over the limit; absent = it is not known. */
  readonly byClient: boolean | undefined;
}

function lowest(looks: readonly ProbeLook[]): number | undefined {
  const margins = looks.flatMap(({ margin }) => margin ?? []);
  return margins.length === 0 ? undefined : Math.min(...margins);
}

/** Failures speak only where there are more than allowed: none of them is a figure that could be better. */
function failureLook(
  loads: readonly ProbedLoad[],
  { maxFailures, ofLoad = [] }: ServiceLevel,
  error: number,
): LimitLook | undefined {
  if (ofLoad.some(({ name }) => COUNTED[name] !== undefined)) return undefined;
  const { hit, of } = counted(loads, COUNTED.failures!);
  const rest = { margin: undefined, byClient: false };
  if (of === 0) return { verdict: "undecided", reason: "nothing was sent", ...rest };
  const share = hit / of;
  if (share <= maxFailures) return undefined;
  // Where none may fail, one is enough.
  const { low } = wilson(hit, of, error);
  const reason = `${formatShare(share)} of the requests failed, ${
    formatShare(maxFailures)
  } may (--max-failures)`;
  return { verdict: low > maxFailures ? "breaks" : "undecided", reason, ...rest };
}

/**
 * A percentile keeps its limit where not too many values lie beyond it: so many of all can be by chance
 * (Clopper and Pearson, 1934, with as many independent values as the clusters of values amount to).
 */
function percentileLook(
  loads: readonly ProbedLoad[],
  { limit, at }: { readonly limit: Limit; readonly at: number },
  error: number,
): LimitLook {
  const p = percentileOf(limit)! / 100;
  const upwards = limit.operator.startsWith(">");
  const figure = findFigure(nameOf(limit))!;
  const measured = loads.flatMap((load) => figure.of(load) ?? []);
  const all = measured.reduce((sum, { samples }) => sum + samples, 0);
  const mean = (of: (one: typeof measured[number]) => number) =>
    measured.reduce((sum, one) => sum + one.samples / all * of(one), 0);
  const value = measured.length === 0 ? undefined : Math.exp(mean((one) => LOG.to(one.value)));
  const bracket = measured.length === 0 || measured.some((one) => one.bracket === undefined)
    ? undefined
    : { low: mean((one) => one.bracket!.low), high: mean((one) => one.bracket!.high) };
  const look = shareLook(
    loads.flatMap((load) => load.limits.filter(({ required }) => !required)[at]?.share ?? []),
    { allowed: upwards ? p : 1 - p, error },
  );
  const margin = value === undefined
    ? undefined
    : (upwards ? -1 : 1) * (LOG.to(limit.value) - LOG.to(value));
  const text = (one: number | undefined) => limitValueText(one, limit.unit);
  const byClient = bracket && reachesOver(bracket, limit);
  if (look === undefined) {
    const reason = `${limitText(limit)}: the probe is too short to tell`;
    return { verdict: "undecided", reason, margin, byClient };
  }
  return {
    verdict: byClient === true ? "undecided" : look.verdict,
    reason: `${nameOf(limit)} ${text(value)}${
      bracket === undefined ? "" : ` (client ${text(bracket.low)} to ${text(bracket.high)})`
    }, ${look.text} not ${limit.operator} ${text(limit.value)}`,
    ...{ margin, byClient },
  };
}

/** Whether a limit lies between these ends. */
function reachesOver({ low, high }: Interval, limit: Limit): boolean {
  return keepsLimit(low, limit) !== keepsLimit(high, limit);
}

/** The share of good requests against the one that is asked for. */
function attainmentLook(
  loads: readonly ProbedLoad[],
  { attainment }: ServiceLevel,
  error: number,
): LimitLook {
  const shares = loads.flatMap(({ slo }) => slo?.share ?? []);
  const look = shareLook(shares, { allowed: 1 - attainment, error });
  const rest = { byClient: undefined };
  if (look === undefined) {
    const reason = "attainment: the probe is too short to tell";
    return { verdict: "undecided", reason, margin: undefined, ...rest };
  }
  const margin = LOG.to(Math.max(1e-6, 1 - attainment)) - LOG.to(Math.max(1e-6, look.beyond));
  return { verdict: look.verdict, reason: `${look.text} not good`, margin, ...rest };
}

/** What shares within a limit say, all of them together; absent = nothing. */
function shareLook(
  shares: readonly ShareWithin[],
  { allowed, error }: { readonly allowed: number; readonly error: number },
): Pick<LimitLook, "verdict"> & { readonly beyond: number; readonly text: string } | undefined {
  const of = shares.reduce((sum, one) => sum + one.of, 0);
  if (of === 0) return undefined;
  const hit = shares.reduce((sum, one) => sum + one.of - one.within, 0);
  const clustered = shares.reduce((sum, one) => sum + one.of / of * one.clustered, 0);
  const { low, high } = shareEnds(hit / clustered, of / clustered, error);
  const alike = shares.some((one) => one.alike);
  return {
    beyond: hit / of,
    verdict: low > allowed ? "breaks" : high <= allowed && !alike ? "keeps" : "undecided",
    text: `${formatShare(hit / of)} (sampling ${formatShare(low)} to ${formatShare(high)}${
      alike ? " or more, values stay alike for too long" : ""
    }; ${formatShare(allowed)} may be) of ${formatCount(of)}`,
  };
}

/** Ends of a chance of which `hit` of `of` came true, with the asked error at each side; not only whole numbers. */
function shareEnds(hit: number, of: number, error: number): Pick<Measured, "low" | "high"> {
  const solve = (tail: (chance: number) => number) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (tail(middle) < error) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return {
    low: hit <= 0 ? 0 : solve((chance) => incompleteBeta(chance, hit, of - hit + 1)),
    high: hit >= of ? 1 : 1 - solve((chance) => incompleteBeta(chance, of - hit, hit + 1)),
  };
}

function limitLook(
  loads: readonly ProbedLoad[],
  limit: Limit,
  error: number,
): LimitLook {
  const counts = COUNTED[nameOf(limit)];
  const measured = counts === undefined
    ? pooled(loads, limit, error)
    : countedShare(loads, counts, error);
  if (typeof measured === "string") {
    const reason = `${limitText(limit)}: ${measured}`;
    return { verdict: "undecided", reason, margin: undefined, byClient: undefined };
  }
  const { value, low, high, client } = measured;
  const upwards = limit.operator.startsWith(">");
  const [lower, higher] = [low + (client?.low ?? 0), high + (client?.high ?? 0)];
  const [best, worst] = upwards ? [higher, lower] : [lower, higher];
  const verdict = keepsLimit(worst, limit)
    ? "keeps"
    : keepsLimit(best, limit)
    ? "undecided"
    : "breaks";
  const scale = scaleOf(limit);
  const distance = scale.to(limit.value) - scale.to(value);
  const text = (one: number) => limitValueText(one, limit.unit);
  return {
    verdict,
    byClient: counts !== undefined
      ? false
      : client && reachesOver({ low: value + client.low, high: value + client.high }, limit),
    reason: [
      `${nameOf(limit)} ${text(value)}`,
      `sampling ${text(low)} to ${text(high)}`,
      ...(client === undefined
        ? []
        : [`client ${text(Math.max(0, value + client.low))} to ${text(value + client.high)}`]),
      `limit ${limit.operator} ${text(limit.value)}`,
    ].join(", "),
    margin: Number.isFinite(distance) ? (upwards ? -distance : distance) : undefined,
  };
}

interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How far the client's ends are from the value; absent = not known. */
  readonly client?: { readonly low: number; readonly high: number } | undefined;
}

/** A scale on which intervals are about symmetric, and do not leave what is possible. */
interface Scale {
  readonly to: (value: number) => number;
  readonly from: (value: number) => number;
}

const LOG: Scale = { to: (value) => Math.log(Math.max(value, 1e-9)), from: Math.exp };
const LOGIT: Scale = {
  to: (share) => {
    const inside = Math.min(1 - 1e-9, Math.max(1e-9, share));
    return Math.log(inside / (1 - inside));
  },
  from: (value) => 1 / (1 + Math.exp(-value)),
};

function scaleOf({ unit }: Limit): Scale {
  return unit === "share" ? LOGIT : LOG;
}

/**
 * A figure over all repeats, weighed by their values, with an interval of the asked error at each side:
 * the half widths at 95 % are those of a t distribution with one less degree of freedom than there are
 * blocks, and independent from repeat to repeat.
 */
function pooled(
  loads: readonly ProbedLoad[],
  limit: Limit,
  error: number,
): Measured | string {
  const figure = findFigure(figureName(limit))!;
  const scale = scaleOf(limit);
  const found = loads.map((load) => ({ load, measured: figure.of(load) }));
  const known = found.flatMap(({ load, measured }) =>
    measured?.interval === undefined ? [] : { load, ...measured, interval: measured.interval }
  );
  if (known.length === 0) {
    if (found.every(({ measured }) => measured === undefined)) return "it was not measured";
    const why = found.findLast(({ load }) => load.sampling.absent !== undefined)?.load.sampling;
    return `it has no interval${why?.absent === undefined ? "" : `, ${why.absent}`}`;
  }
  const all = known.reduce((sum, { samples }) => sum + samples, 0);
  const mean = (of: (one: typeof known[number]) => number) =>
    known.reduce((sum, one) => sum + one.samples / all * of(one), 0);
  const freedom = known.reduce(
    (sum, { load }) => sum + Math.max(1, (load.sampling.blocks ?? USUAL_BLOCKS) - 1),
    0,
  );
  const wider = studentQuantile(error, freedom) / studentQuantile(0.025, freedom);
  const half = (of: (one: typeof known[number]) => number) =>
    wider * Math.sqrt(known.reduce((sum, one) => sum + (one.samples / all * of(one)) ** 2, 0));
  const middle = mean(({ value }) => scale.to(value));
  let low = scale.from(
    middle - half(({ value, interval }) => scale.to(value) - scale.to(interval.low)),
  );
  let high = scale.from(
    middle + half(({ value, interval }) => scale.to(interval.high) - scale.to(value)),
  );
  if (limit.unit === "share") {
    // All good or none: what was not seen has no spread, and is possible all the same.
    const hit = known.reduce((sum, { samples, value }) => sum + samples * value, 0);
    const least = wilson(hit, all, error);
    low = Math.min(low, least.low);
    high = Math.max(high, least.high);
  }
  const client = known.some(({ bracket }) => bracket === undefined) ? undefined : {
    low: Math.min(0, mean(({ value, bracket }) => bracket!.low - value)),
    high: Math.max(0, mean(({ value, bracket }) => bracket!.high - value)),
  };
  return { value: scale.from(middle), low, high, client };
}

function countedShare(
  loads: readonly ProbedLoad[],
  count: (counts: LoadSummary["counts"]) => Count,
  error: number,
): Measured | string {
  const { hit, of } = counted(loads, count);
  return of === 0 ? "nothing was sent" : { value: hit / of, ...wilson(hit, of, error) };
}

function counted(
  loads: readonly ProbedLoad[],
  count: (counts: LoadSummary["counts"]) => Count,
): { readonly hit: Count; readonly of: Count } {
  const sum = (of: (counts: LoadSummary["counts"]) => Count) =>
    loads.reduce((total, { counts }) => total + of(counts), 0);
  return {
    hit: sum(count),
    of: sum(({ offered, cancelledAsPlanned }) => offered - cancelledAsPlanned),
  };
}

/** Interval of a share (Wilson, 1927), with the asked error at each side. */
function wilson(hit: number, of: number, error: number): Pick<Measured, "low" | "high"> {
  const z2 = normalQuantile(error) ** 2;
  const share = hit / of;
  const middle = (share + z2 / (2 * of)) / (1 + z2 / of);
  const half = Math.sqrt(z2 * (share * (1 - share) / of + z2 / (4 * of * of))) / (1 + z2 / of);
  return {
    low: hit === 0 ? 0 : Math.max(0, middle - half),
    high: hit === of ? 1 : Math.min(1, middle + half),
  };
}

/** Name in the list of figures; a throughput in requests has one of its own. */
function figureName(limit: Limit): string {
  const { name, unit } = limit;
  return name === "throughput" && unit === "req/s" ? "request_throughput" : nameOf(limit);
}

function unitOf(metric: string): Limit["unit"] {
  return findFigure(`${metric}:mean`)?.unit ?? "ms";
}
