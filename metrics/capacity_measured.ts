/**
 * What the measurements of one load, its repeats pooled, leave open by chance: intervals with the error
 * that one look of a search may have.
 *
 * @module
 */
import type { Count } from "./count.ts";
import { findFigure } from "./figure.ts";
import type { Limit } from "./limit.ts";
import type { LoadSummary } from "./load_summary.ts";
import { incompleteBeta, normalQuantile, studentQuantile } from "./stat_student.ts";
import { figureName } from "./capacity_level.ts";

/** What is judged of a load. */
export type ProbedLoad = Pick<
  LoadSummary,
  "counts" | "throughput" | "slo" | "limits" | "metrics" | "sampling" | "verdict" | "cutShort"
>;

/** A figure of a load, its interval, and the client's error. */
export interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How far the client's ends are from the value; absent = not known. */
  readonly client?: { readonly low: number; readonly high: number } | undefined;
}

/** Stretches of a load that were compared, where it does not say how many. */
const USUAL_BLOCKS = 20;

/** A scale on which intervals are about symmetric, and do not leave what is possible. */
interface Scale {
  readonly to: (value: number) => number;
  readonly from: (value: number) => number;
}

/** A scale for what is above 0. */
export const LOG: Scale = { to: (value) => Math.log(Math.max(value, 1e-9)), from: Math.exp };

const LOGIT: Scale = {
  to: (share) => {
    const inside = Math.min(1 - 1e-9, Math.max(1e-9, share));
    return Math.log(inside / (1 - inside));
  },
  from: (value) => 1 / (1 + Math.exp(-value)),
};

/** The scale on which a limit's figure is judged. */
export function scaleOf({ unit }: Limit): Scale {
  return unit === "share" ? LOGIT : LOG;
}

/**
 * A figure over all repeats, weighed by their values, with an interval of the asked error at each side:
 * the half widths at 95 % are those of a t distribution with one less degree of freedom than there are
 * blocks, and independent from repeat to repeat.
 */
export function pooled(
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

/** A share of the requests over all repeats, with its interval. */
export function countedShare(
  loads: readonly ProbedLoad[],
  count: (counts: LoadSummary["counts"]) => Count,
  error: number,
): Measured | string {
  const { hit, of } = counted(loads, count);
  return of === 0 ? "nothing was sent" : { value: hit / of, ...wilson(hit, of, error) };
}

/** How many requests a count has, and of how many. */
export function counted(
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
export function wilson(hit: number, of: number, error: number): Pick<Measured, "low" | "high"> {
  const z2 = normalQuantile(error) ** 2;
  const share = hit / of;
  const middle = (share + z2 / (2 * of)) / (1 + z2 / of);
  const half = Math.sqrt(z2 * (share * (1 - share) / of + z2 / (4 * of * of))) / (1 + z2 / of);
  return {
    low: hit === 0 ? 0 : Math.max(0, middle - half),
    high: hit === of ? 1 : Math.min(1, middle + half),
  };
}

/** Ends of a chance of which `hit` of `of` came true, with the asked error at each side; not only whole numbers. */
export function shareEnds(hit: number, of: number, error: number): Pick<Measured, "low" | "high"> {
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
