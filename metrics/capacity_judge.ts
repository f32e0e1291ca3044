/**
 * Whether a load keeps a service level, as far as chance lets one say so: an interval with the error that
 * one look of a search may have lies within the limit, beyond it, or reaches over it. Of a percentile it
 * is that of the share of values beyond the limit; of a mean or a rate the sampling interval, widened.
 * What the client's stamps leave open is added at both ends. Repeats of a load are pooled.
 *
 * @module
 */
import type { ProbeVerdict } from "./capacity_result.ts";
import { findFigure } from "./figure.ts";
import { formatCount, formatShare } from "./format.ts";
import { percentileOf } from "./check_limit.ts";
import { keepsLimit, type Limit, limitText, limitValueText, nameOf } from "./limit.ts";
import type { Interval, ShareWithin } from "./load_interval.ts";
import { COUNTED, type ServiceLevel } from "./capacity_level.ts";
import {
  counted,
  countedShare,
  LOG,
  pooled,
  type ProbedLoad,
  scaleOf,
  shareEnds,
  wilson,
} from "./capacity_measured.ts";

/** What the measurements of one load say of a service level. */
export interface ProbeLook {
  /** Of all limits together. */
  readonly verdict: ProbeVerdict;
  /** The limit that decided, a clause without a period. */
  readonly reason: string;
  /** How far the nearest limit is, as a logarithm of a ratio; below 0 = beyond it; absent = unknown. */
  readonly margin: number | undefined;
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
