/**
 * A rate that changes over time, in stages: how many requests it makes due, and when.
 *
 * @module
 */
import type { RateStagePlan } from "../metrics/run.ts";

/** Length of all stages, in ms. */
export function stagesMs(stages: readonly RateStagePlan[]): number {
  return stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
}

/** Highest rate of all stages, in requests per second. */
export function peakRate(stages: readonly RateStagePlan[]): number {
  return Math.max(...stages.map(({ fromPerSec, toPerSec }) => Math.max(fromPerSec, toPerSec)));
}

/** Mean rate over all stages, in requests per second. */
export function meanRate(stages: readonly RateStagePlan[]): number {
  return areaOf(stages) / (stagesMs(stages) / 1000);
}

/** Requests that are due on average in all stages: the integral of the rate. */
export function areaOf(stages: readonly RateStagePlan[]): number {
  return stages.reduce((sum, stage) => sum + stageArea(stage), 0);
}

function stageArea({ fromPerSec: from, toPerSec: to, exponential, durationMs }: RateStagePlan) {
  const seconds = durationMs / 1000;
  if (exponential !== true || from === to) return (from + to) / 2 * seconds;
  return (to - from) / Math.log(to / from) * seconds;
}

/**
 * The stage in which an instant lies, 0-based; behind the end it is the last one.
 *
 * @param atMs from the start of the load.
 */
export function stageAt(stages: readonly RateStagePlan[], atMs: number): number {
  let endMs = 0;
  for (const [number, { durationMs }] of stages.entries()) {
    endMs += durationMs;
    if (atMs < endMs) return number;
  }
  return stages.length - 1;
}

/**
 * The inverse of the rate's integral: at which instant, in ms from the start, so many requests are due.
 * Exact to rounding for each form of a stage. The areas of successive calls must ascend; Infinity = behind
 * the last stage. Where the rate is 0, nothing is due before it rises again.
 */
export function instantsOf(stages: readonly RateStagePlan[]): (area: number) => number {
  let number = 0;
  let startMs = 0;
  let before = 0;
  return (area) => {
    for (; number < stages.length; number++) {
      const stage = stages[number]!;
      const inStage = stageArea(stage);
      if (area - before < inStage) {
        // Rounding must not lead into the next stage.
        return startMs + Math.min(stage.durationMs, secondsTo(stage, area - before) * 1000);
      }
      before += inStage;
      startMs += stage.durationMs;
    }
    return Infinity;
  };
}

/** Seconds from the stage's start until so many of its requests are due, fewer than it has. */
function secondsTo(
  { fromPerSec: from, toPerSec: to, exponential, durationMs }: RateStagePlan,
  area: number,
): number {
  if (area === 0) return 0;
  if (from === to) return area / from;
  const seconds = durationMs / 1000;
  if (exponential === true) {
    const growth = Math.log(to / from) / seconds;
    return Math.log1p(area * growth / from) / growth;
  }
  // The root of (slope ÷ 2) t² + from · t = area, in the form that loses no digits where they cancel.
  const slope = (to - from) / seconds;
  return 2 * area / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * area)));
}
