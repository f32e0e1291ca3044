/**
 * Whether server or client is measured, as far as it can be told while a load runs.
 *
 * It says less than the verdict at the end, and nothing that that one could not say: what it finds is
 * open there, too, where the rest of the load goes as it went so far.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { hasInstants, NO_DESCRIPTORS, VERDICT_RULES } from "../metrics/check_causes.ts";
import { disagreement, explainDisagreement, isTrusted } from "../metrics/check_coverage.ts";
import {
  CLIENT_TOLERANCE,
  HEADLINE_PERCENTILES,
  type HeadlineFigure,
  nameFigures,
  openFigures,
} from "../metrics/check_figures.ts";
import { formatMs, plural } from "../metrics/format.ts";
import type { Metric } from "../metrics/metric.ts";
import { e2e } from "../metrics/metric_e2e.ts";
import { itl } from "../metrics/metric_itl.ts";
import { tpot } from "../metrics/metric_tpot.ts";
import { ttft } from "../metrics/metric_ttft.ts";
import { ownBounds } from "../metrics/record_bounds.ts";
import { deliveryOf } from "../metrics/record_streaming.ts";
import type { LoadPlan } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import { minimumSamples } from "../metrics/stat_quantile.ts";
import { CLIENT_DELAY } from "../metrics/summary_values.ts";
import { BUCKET_SHARE, SmallHistogram } from "./live_histogram.ts";
import type { LiveVerdict } from "./live_state.ts";

/** What is known of the load. */
export interface VerdictOptions {
  /** As planned; absent = not known. */
  readonly plan: LoadPlan | undefined;
  /** Share of a figure by which its ends may differ from it. Default: that of reports. */
  readonly tolerance?: number | undefined;
}

/** With fewer requests nothing is said. */
const FEWEST_REQUESTS: number = minimumSamples(90);

/** All of the first so many requests are looked at, and then one of so many. */
const ALL_OF = 1000;
const ONE_OF = 8;

const NO_RATE = { qps: undefined, outputTokensPerSec: undefined, brackets: undefined };

const DEPARTURES = VERDICT_RULES.find(({ name }) => name === "departures")!;

/** Values of one metric, and what stamps leave open about them. */
interface Ends {
  readonly metric: Metric;
  readonly values: SmallHistogram;
  readonly low: SmallHistogram;
  readonly high: SmallHistogram;
}

/** Judges one load while it runs. */
export class VerdictSoFar {
  readonly #plan: LoadPlan | undefined;
  readonly #tolerance: number;
  readonly #ends: readonly Ends[] = [ttft, tpot, itl, e2e].map((metric) => ({
    metric,
    values: new SmallHistogram(),
    low: new SmallHistogram(),
    high: new SmallHistogram(),
  }));
  readonly #delays = new SmallHistogram();
  #completed = 0;
  #withOwnBounds = 0;
  #noDescriptors = 0;
  #atLimit = false;
  #witness: Witness | undefined;

  constructor({ plan, tolerance = CLIENT_TOLERANCE }: VerdictOptions) {
    this.#plan = plan;
    this.#tolerance = tolerance;
  }

  /** Adds a measured request that has ended. */
  add(record: RequestRecord): void {
    const { outcome } = record;
    if (outcome.kind !== "ok") {
      if ("message" in outcome && NO_DESCRIPTORS.test(outcome.message)) this.#noDescriptors++;
      return;
    }
    this.#completed++;
    for (const value of CLIENT_DELAY.values(record)) this.#delays.add(value);
    const bounds = ownBounds(record);
    if (bounds !== undefined) this.#withOwnBounds++;
    // Every tick costs the leading thread its time.
    if (this.#completed > ALL_OF && this.#completed % ONE_OF !== 0) return;
    const held = deliveryOf(record) === "held";
    for (const { metric, values, low, high } of this.#ends) {
      // Gaps between the pieces that a buffer let through are nobody's.
      if (held && metric === itl) continue;
      for (const value of metric.values(record)) values.add(value);
      if (bounds === undefined || metric.ends === undefined) continue;
      const ends = metric.ends(record, bounds);
      for (const value of ends.low) low.add(value);
      for (const value of ends.high) high.add(value);
    }
  }

  /** Takes what the witness has shown so far. */
  see(witness: Witness): void {
    this.#witness = witness;
  }

  /** How many requests are in flight. */
  inFlight(count: number): void {
    const { maxInFlight = 0 } = this.#plan ?? {};
    if (maxInFlight > 0 && count >= maxInFlight) this.#atLimit = true;
  }

  /** Absent = too early, or nothing tells. */
  verdict(): LiveVerdict | undefined {
    if (this.#noDescriptors > 0) {
      const requests = plural(this.#noDescriptors, "request");
      const why = `${requests} failed because the client may not open more files and sockets`;
      return { state: "client-bound", why };
    }
    if (this.#completed < FEWEST_REQUESTS) return undefined;
    const stamps = this.#withOwnBounds === this.#completed;
    const witness = this.#witness;
    const outside = disagreement({ bracketBasis: undefined, witness, witnessAbsent: undefined });
    if (outside !== undefined) return { state: "doubtful", why: explainDisagreement(outside) };
    const known = isTrusted({
      bracketBasis: stamps ? "stamps" : "witness",
      ...{ witness, witnessAbsent: undefined },
    });
    return known ? this.#byFigures(stamps) : this.#byDepartures();
  }

  #byFigures(stamps: boolean): LiveVerdict {
    const figures = this.#ends.flatMap((ends) =>
      HEADLINE_PERCENTILES.flatMap((p): readonly HeadlineFigure[] => {
        const { metric: { name, title } } = ends;
        const value = ends.values.percentile(p);
        if (value === undefined) return [];
        const bracket = stamps ? ownEnds(ends, p, value) : this.#witnessEnds(ends, p, value);
        return bracket === undefined ? [] : [{ metric: name, title, p, value, bracket }];
      })
    );
    const open = openFigures(figures, NO_RATE, this.#tolerance);
    if (open.length === 0) return { state: "ok", why: "" };
    const names = nameFigures(open);
    return open.some(({ middle }) => middle)
      ? { state: "client-bound", why: `the client is the limit of ${names}` }
      : { state: "doubtful", why: `${names} may be the client's` };
  }

  /** At least as wide are the brackets in the end, which are as wide as the witness was late then. */
  #witnessEnds({ metric }: Ends, p: number, value: number): HeadlineFigure["bracket"] | undefined {
    // A span of many gaps is hardly wider than one of them, and is divided by all.
    if (metric === tpot || this.#witness === undefined) return undefined;
    const name = `p${p}Ms` as "p50Ms" | "p90Ms" | "p99Ms";
    const lateMs = this.#witness.readLate[name];
    return lateMs === undefined ? undefined : { low: value - Math.max(0, lateMs), high: value };
  }

  /** Where nothing tells how late stamps may be, late departures speak against the client. */
  #byDepartures(): LiveVerdict | undefined {
    if (this.#plan === undefined || !hasInstants(this.#plan) || this.#atLimit) return undefined;
    const { suspectAbove, boundAbove = Infinity } = DEPARTURES;
    const lateMs = (this.#delays.percentile(99) ?? 0) * (1 - BUCKET_SHARE);
    if (!(lateMs > suspectAbove)) return undefined;
    const why = `requests are sent up to ${formatMs(lateMs)} late (p99)`;
    return { state: lateMs > boundAbove ? "client-bound" : "doubtful", why };
  }
}

/** What stamps leave open at least: the buckets of the histograms leave open nothing. */
function ownEnds(
  { low, high }: Ends,
  p: number,
  value: number,
): HeadlineFigure["bracket"] | undefined {
  const [lowest, highest] = [low.percentile(p), high.percentile(p)];
  return lowest === undefined || highest === undefined ? undefined : {
    low: Math.min(value, lowest * (1 + BUCKET_SHARE)),
    high: Math.max(value, highest * (1 - BUCKET_SHARE)),
  };
}
