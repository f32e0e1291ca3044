/**
 * A curve from idle to saturation: which load to measure next, and where its knee is.
 *
 * Loads double until the throughput gains less than {@linkcode RunFind.tolerance} by it, then the steps
 * at both sides of the knee are halved. The knee is the load whose throughput lies highest above the
 * straight line from the first to the last load, both axes from 0 to 1 (Kneedle: Satopaa, Albrecht,
 * Irwin and Raghavan, 2011, without smoothing: there are few points).
 *
 * @module
 */
import { axisText, axisUnit, isMeasured, type SearchedLoad } from "./capacity_summary.ts";
import type { CurveSummary } from "./capacity_result.ts";
import { settable } from "./capacity_search.ts";
import { formatValue } from "./format.ts";
import type { RunFind } from "./run_find.ts";

/** A point of the curve. */
export interface CurvePoint {
  /** Rate, users, speed or sessions. */
  readonly value: number;
  /** Output tokens per second, or requests where tokens are not counted; 0 = nothing completed. */
  readonly throughput: number;
  /** It was stopped, because the server fell behind. */
  readonly cutShort: boolean;
}

/** Which load to measure next; absent = the curve is complete. */
export function nextOfCurve(
  find: Pick<RunFind, "axis" | "first" | "highest" | "tolerance">,
  points: readonly CurvePoint[],
): number | undefined {
  const { first, highest } = find;
  if (points.length === 0) return first;
  const sorted = sortPoints(points);
  const top = sorted.at(-1)!;
  if (!isSaturated(sorted, find.tolerance) && top.value < highest) {
    return Math.min(highest, settable(top.value * 2, find));
  }
  const at = kneeAt(sorted);
  if (at === undefined) return undefined;
  for (const [low, high] of [[sorted[at], sorted[at + 1]], [sorted[at - 1], sorted[at]]]) {
    if (low === undefined || high === undefined || high.value / low.value < 1.9) continue;
    const middle = settable(Math.sqrt(low.value * high.value), find);
    if (middle > low.value && middle < high.value) return middle;
  }
  return undefined;
}

/** Whether more brings no more: the last doubling gained less than the tolerance. */
function isSaturated(sorted: readonly CurvePoint[], tolerance: number): boolean {
  const top = sorted.at(-1)!;
  if (top.cutShort) return true;
  const before = sorted.filter(({ value }) => value <= top.value / 1.9);
  if (before.length === 0) return false;
  return top.throughput < (1 + tolerance) * Math.max(...before.map((one) => one.throughput));
}

/** Position of the knee in the points by their values. */
function kneeAt(sorted: readonly CurvePoint[]): number | undefined {
  if (sorted.length < 3) return undefined;
  const [first, last] = [sorted[0]!, sorted.at(-1)!];
  const most = Math.max(...sorted.map(({ throughput }) => throughput));
  const least = Math.min(...sorted.map(({ throughput }) => throughput));
  if (most <= least) return undefined;
  const above = sorted.map(({ value, throughput }) =>
    (throughput - least) / (most - least) - (value - first.value) / (last.value - first.value)
  );
  const at = above.indexOf(Math.max(...above));
  return above[at]! > 0.05 ? at : undefined;
}

function sortPoints(points: readonly CurvePoint[]): readonly CurvePoint[] {
  return points.toSorted((a, b) => a.value - b.value);
}

/** The point of a load. */
export function curvePoint(
  { plan, throughput: { run }, cutShort }: Pick<SearchedLoad, "plan" | "throughput" | "cutShort">,
): CurvePoint {
  return {
    value: plan.probe ?? 0,
    throughput: run.outputTokensPerSec ?? run.qps ?? 0,
    cutShort: cutShort !== undefined,
  };
}

/** The curve of a run from its loads. */
export function summarizeCurve(find: RunFind, all: readonly SearchedLoad[]): CurveSummary {
  const { axis, tolerance, highest } = find;
  const measured = [...all.entries()]
    .filter(([, one]) => one.plan.probe !== undefined && isMeasured(one))
    .map(([load, one]) => ({ load, unit: unitOf(one), ...curvePoint(one) }))
    .toSorted((a, b) => a.value - b.value);
  const at = kneeAt(measured);
  const knee = at === undefined ? undefined : measured[at]!;
  const saturated = measured.length > 0 && isSaturated(measured, tolerance);
  const unit = measured.every((one) => one.unit === "tokens/s") ? "tokens/s" : "req/s";
  const best = measured.toSorted((a, b) => b.throughput - a.throughput)[0];
  const rate = (value: number) => formatValue(value, unit);
  const sentence = measured.length === 0
    ? "nothing was measured"
    : `${
      knee === undefined
        ? "no knee was found"
        : `knee at ${axisText(knee.value, axis)} with ${rate(knee.throughput)}`
    }; ${
      saturated
        ? `saturated: the most was ${rate(best!.throughput)} at ${axisText(best!.value, axis)}`
        : `not saturated at ${axisText(measured.at(-1)!.value, axis)}${
          measured.at(-1)!.value >= highest ? ", the highest load that was allowed" : ""
        }`
    }`;
  return {
    ...{ axis, unit: axisUnit(axis), saturated, sentence },
    loads: measured.map(({ load }) => load),
    knee: knee?.value,
  };
}

function unitOf({ throughput: { run } }: SearchedLoad): "tokens/s" | "req/s" {
  return run.outputTokensPerSec === undefined ? "req/s" : "tokens/s";
}
