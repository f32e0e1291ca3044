/**
 * Whether the arrivals of an open loop were more than the server ends: then its queue grows for as long as
 * the load lasts, and latencies say how long one waited and not how fast the server is.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import { formatCount, formatNumber, formatShare } from "./format.ts";
import { metricOf } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import { grows } from "./stat_growth.ts";

/** In flight rises at the start of any load: what is judged begins after so many answers. */
const ANSWERS_LONG = 2;
/** Parts of the window whose means are compared. */
const END_PART = 0.2;
/** More dropped arrivals than this are an overload. */
const MOST_DROPPED = 0.05;

/** Says that the load was saturated, and which rate was held; nothing where it was not. */
export function checkSaturation(
  load: Pick<
    LoadSummary,
    "plan" | "series" | "counts" | "throughput" | "metrics" | "durationMs" | "cutShort"
  >,
): Finding | undefined {
  const { plan, counts, throughput, cutShort } = load;
  if (plan.kind !== "open" || plan.replay !== undefined) return undefined;
  // Where the rate changes, in flight does.
  if ((plan.stages?.length ?? 0) > 1 || counts.completed === 0) return undefined;
  const why = cutShort ?? droppedText(load) ?? growthText(load);
  if (why === undefined) return undefined;
  const held = throughput.steady?.qps ?? throughput.run.qps;
  return [
    `Saturated: the highest rate held was ${formatNumber(held)} req/s; ${why}`,
    "latencies here grow with the length of the load: lower the rate, or look for the highest one " +
    "that keeps a service level with --find rate",
  ];
}

function droppedText({ counts }: Pick<LoadSummary, "counts">): string | undefined {
  const due = counts.offered - counts.cancelledAsPlanned;
  if (due === 0 || counts.dropped <= MOST_DROPPED * due) return undefined;
  return `${formatShare(counts.dropped / due)} of the arrivals were dropped`;
}

function growthText(
  load: Pick<LoadSummary, "series" | "throughput" | "metrics" | "counts" | "durationMs">,
): string | undefined {
  const { series: { startMs, bucketMs, inFlight }, throughput: { steady }, counts } = load;
  const answer = metricOf(load, "e2e")?.distribution;
  if (steady === undefined || answer?.min === undefined) return undefined;
  // The fastest answers are those of an idle server.
  const fromMs = steady.fromMs + ANSWERS_LONG * answer.min;
  const inside = inFlight.filter((_, i) =>
    startMs[i]! >= fromMs && startMs[i]! + bucketMs <= steady.toMs
  );
  if (inside.length < 5) return undefined;
  const part = Math.max(1, Math.floor(inside.length * END_PART));
  const mean = (values: readonly number[]) =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const [from, to] = [mean(inside.slice(0, part)), mean(inside.slice(-part))];
  const arrivals = counts.sent * (steady.toMs - fromMs) / Math.max(1, steady.toMs);
  if (!grows(from, to, arrivals)) return undefined;
  return `in flight grew from ${formatCount(Math.round(from))} to ${
    formatCount(Math.round(to))
  } while it ran`;
}
