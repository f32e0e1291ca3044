/**
 * A load in bounded memory: values in histograms, the course in time bins, a sample of requests. The
 * order of the records does not matter.
 *
 * Percentiles are within {@linkcode RELATIVE_ERROR}. The steady window and the stretches of the
 * series are whole bins, between an 8192nd and a 4096th of the load. The most in flight is a lower
 * bound, the highest average of a bin rounded up, which is exact for users who send again at once.
 * Where a stream shows another number of tokens than was counted, bins get whole tokens.
 *
 * @module
 */
import { CLIENT_DELAY, createFiniteValues, type LoadValues } from "./summary_values.ts";
import type { Metric } from "./metric.ts";
import { hasArrivals, MAX_BUCKETS } from "./summary_series.ts";
import type { Window } from "./load_series.ts";
import type { LoadPlan } from "./run.ts";
import { createBinnedCells } from "./summary_binned_cells.ts";
import { createBinnedEnds } from "./summary_binned_ends.ts";
import type { ConstantLateness } from "./summary_pace.ts";
import { PEAK_WINDOW_MS, peaksOf } from "./summary_peaks.ts";
import { rates, tokensPerTickToken, type Work } from "./summary_throughput.ts";
import { type WorkEnds, workEnds } from "./summary_throughput_brackets.ts";
import { isWork } from "./record_streaming.ts";
import { either, mergeAll, mergeEach, same } from "./state_read.ts";
import { sampleOfTimeline } from "./summary_timeline.ts";
import type { Mergeable } from "./load_state.ts";
import { createTimeBins } from "./summary_time_bins.ts";
import {
  type BucketCounting,
  createValueHistogram,
  FINE,
  RELATIVE_ERROR,
} from "./stat_value_histogram.ts";

/** Keeps the values of these metrics. */
export function createBinnedValues(
  metrics: readonly Metric[],
  plan: Pick<LoadPlan, "rampUpMs" | "replay" | "stages">,
  counting: BucketCounting = FINE,
): LoadValues & Mergeable {
  const histograms = metrics.map((metric) => ({ metric, values: createValueHistogram() }));
  const delays = createValueHistogram();
  const finite = createFiniteValues();
  const late = createFiniteValues();
  const ends = createBinnedEnds(metrics, plan);
  const cells = createBinnedCells(metrics, counting);
  const arrivals = hasArrivals(plan);
  const bins = createTimeBins(arrivals ? ["due", "sent"] : []);
  const counted = { prompts: false, outputs: false };
  const sample = sampleOfTimeline();

  const workIn = ({ fromMs, toMs }: Window, { readMs }: ConstantLateness): WorkEnds => {
    const before = (ms: number, when: "" | "Earliest"): Work => {
      const total = (counter: "completed" | "promptTokens" | "outputTokens") =>
        bins.total(`${counter}${when}`, { fromMs: 0, toMs: ms });
      return {
        completed: total("completed"),
        prompt: counted.prompts ? total("promptTokens") : undefined,
        output: counted.outputs ? total("outputTokens") : undefined,
      };
    };
    return workEnds({
      fromLow: before(fromMs + readMs, "Earliest"),
      fromHigh: before(fromMs, ""),
      toLow: before(toMs + readMs, "Earliest"),
      toHigh: before(toMs, ""),
    });
  };

  return {
    ...mergeAll({
      names: same(metrics.map(({ name }) => name).join(" "), "other metrics"),
      histograms: mergeEach(histograms.map(({ values }) => values)),
      ...{ delays, finite, late, ends, cells, bins, sample, counted: either(counted) },
    }),
    get approximation() {
      return {
        ...{ relativeError: RELATIVE_ERROR, binMs: bins.widthMs },
        courseError: counting === FINE ? undefined : counting.relativeError,
      };
    },
    add(record, good) {
      const { intendedMs, sentMs, endMs, outcome: { kind } } = record;
      if (arrivals) {
        bins.count("due", intendedMs);
        if (sentMs !== undefined) bins.count("sent", sentMs);
      }
      for (const delay of late.of(CLIENT_DELAY, record)) delays.add(delay);
      if (sentMs !== undefined) bins.busy(sentMs, endMs);
      const bounds = ends.add(record);
      cells.add(record, good);
      sample.add(record);
      if (!isWork(record)) {
        if (endMs !== undefined && kind !== "cancelled") bins.count("failed", endMs);
        return;
      }
      const completed = kind === "ok";
      for (const { metric, values } of completed ? histograms : []) {
        for (const value of finite.of(metric, record)) values.add(value);
      }
      if (completed && endMs !== undefined) {
        bins.count("completed", endMs);
        if (good) bins.count("good", endMs);
      }
      const { promptTokens, outputTokens, firstTokenMs, tickMs, tickTokens } = record;
      const lowMs = (tick: number) => bounds?.tickLowMs(tick) ?? tickMs[tick]!;
      if (completed && endMs !== undefined) {
        const last = tickMs.length - 1;
        bins.count("completedEarliest", last < 0 ? endMs : endMs - tickMs[last]! + lowMs(last));
      }
      counted.prompts ||= promptTokens !== undefined;
      if (promptTokens !== undefined && firstTokenMs !== undefined) {
        bins.count("promptTokens", firstTokenMs, promptTokens.tokens);
        const earliestMs = tickMs.length === 0 ? firstTokenMs : lowMs(0);
        bins.count("promptTokensEarliest", earliestMs, promptTokens.tokens);
      }
      if (outputTokens === undefined) return;
      counted.outputs = true;
      const weight = tokensPerTickToken(record);
      let before = 0;
      for (let i = 0; i < tickMs.length; i++) {
        const tokens = Math.round(tickTokens[i]! * weight);
        bins.count("outputTokens", tickMs[i]!, tokens - before);
        bins.count("outputTokensEarliest", lowMs(i), tokens - before);
        before = tokens;
      }
    },
    valuesOf(metric) {
      const found = histograms.find((one) => one.metric === metric);
      if (found === undefined) {
        throw new TypeError(`Cannot summarize "${metric.name}": its values were not kept`);
      }
      return found.values;
    },
    ends(witness) {
      const found = ends.result(witness);
      return found && { ...found, work: (window) => workIn(window, found.late) };
    },
    notFinite: finite.notFinite,
    delays: () => delays,
    inside: (window) => bins.inside(window),
    throughput(window) {
      const completed = bins.total("completed", window);
      if (completed === 0) return undefined;
      return rates(window, {
        completed,
        prompt: counted.prompts ? bins.total("promptTokens", window) : undefined,
        output: counted.outputs ? bins.total("outputTokens", window) : undefined,
      });
    },
    goodIn: (window) => bins.total("good", window),
    inFlight: (run, steady) => ({
      max: bins.maxBusy(),
      mean: bins.meanBusy(run),
      steadyMean: steady && bins.meanBusy(steady),
    }),
    inFlightAt: () => bins.busyAt(),
    inFlightOver: (windows) => windows.map((window) => bins.meanBusy(window) ?? 0),
    series(durationMs) {
      let bucketMs = bins.widthMs;
      while (durationMs > MAX_BUCKETS * bucketMs) bucketMs += bins.widthMs;
      const buckets = Math.max(0, Math.ceil(durationMs / bucketMs - 1e-9));
      const stretches = Array.from({ length: buckets }, (_, i) => ({
        fromMs: i * bucketMs,
        toMs: Math.min((i + 1) * bucketMs, durationMs),
        // The very end belongs to the last stretch.
        counted: { fromMs: i * bucketMs, toMs: (i + (i + 1 === buckets ? 2 : 1)) * bucketMs },
      }));
      const perSec = (counter: "completed" | "outputTokens" | "due" | "sent") =>
        stretches.map(({ fromMs, toMs, counted }) =>
          bins.total(counter, counted) * 1000 / (toMs - fromMs)
        );
      return {
        bucketMs,
        startMs: stretches.map(({ fromMs }) => fromMs),
        completedPerSec: perSec("completed"),
        outputTokensPerSec: perSec("outputTokens"),
        inFlight: stretches.map((window) => bins.meanBusy(window) ?? 0),
        failed: stretches.map(({ counted }) => bins.total("failed", counted)),
        arrivals: arrivals ? { duePerSec: perSec("due"), sentPerSec: perSec("sent") } : undefined,
      };
    },
    cells: () => cells.result(),
    peaks(durationMs) {
      const windowMs = bins.widthMs * Math.max(1, Math.round(PEAK_WINDOW_MS / bins.widthMs));
      const windows = Math.floor(durationMs / windowMs);
      const amounts = (counter: "completed" | "outputTokens") =>
        Array.from(
          { length: windows },
          (_, i) => bins.total(counter, { fromMs: i * windowMs, toMs: (i + 1) * windowMs }),
        );
      const tokens = counted.outputs ? amounts("outputTokens") : undefined;
      return peaksOf({ windowMs, requests: amounts("completed"), tokens });
    },
    timeline: sample.entries,
  };
}
