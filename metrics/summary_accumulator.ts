/**
 * One load's results from its records, seen once each.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import { arrivalFold } from "./summary_arrivals.ts";
import { withStall } from "./summary_witness_bounds.ts";
import { createBinnedValues } from "./summary_binned_values.ts";
import { checkLoad } from "./check_run.ts";
import { consistencyFold } from "./check_consistency.ts";
import type { MergeableFold } from "./fold.ts";
import { planOfPart, summarizeFleet } from "./summary_fleet.ts";
import { summarizeGpu } from "./summary_gpu.ts";
import { summarizeServer } from "./summary_server.ts";
import { judgeLimits } from "./check_limit.ts";
import type { Limit } from "./limit.ts";
import { LOAD_STATE_SCHEMA, type LoadState, type Mergeable } from "./load_state.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Metric } from "./metric.ts";
import { emptyFold, failureFold, outcomeFold } from "./summary_outcomes.ts";
import { createRawValues } from "./summary_raw_values.ts";
import { METRICS } from "./metrics.ts";
import { itl as ITL } from "./metric_itl.ts";
import { type LoadEnd, type LoadPlan, type RunHeader, WARM_UP_PROMPT } from "./run.ts";
import type { SessionEnd } from "./run_replay.ts";
import { meetsLimit, meetsSlo, type Slo } from "./summary_slo.ts";
import { isWork, sentTokens } from "./record_streaming.ts";
import { mergeAll, mergeEach, most, reading, same, sums } from "./state_read.ts";
import { generatedFold } from "./summary_generated.ts";
import type { ServerScale } from "./load_speed.ts";
import { loadEconomy, overallSpeedFold, userSpeed } from "./summary_speed.ts";
import { streamFold } from "./summary_stream_shape.ts";
import { rates } from "./summary_throughput.ts";
import { bracketThroughput } from "./summary_throughput_brackets.ts";
import type { Throughput, Window } from "./load_series.ts";
import { cacheFold, lengthFold, tokenFold } from "./summary_token_totals.ts";
import { createGroups } from "./summary_groups.ts";
import { type BucketCounting, COARSE } from "./stat_value_histogram.ts";
import { findSteadyState } from "./summary_steady.ts";
import { createLanes } from "./summary_lanes.ts";
import { createSlices, SLICE_MS } from "./summary_slices.ts";
import { createStalls } from "./summary_stalls.ts";
import { describeMetrics } from "./summary_metrics.ts";
import { contextFold, prefixFold } from "./summary_prefix.ts";
import { goodShare, shareWithin } from "./summary_limit_shares.ts";
import { createRequests } from "./summary_requests.ts";
import { createSampling } from "./summary_sampling.ts";
import { createSessions } from "./summary_sessions.ts";
import { serverCountsFold } from "./summary_server_counts.ts";
import { speculationFold } from "./summary_speculation.ts";
import { timeSplitFold } from "./summary_time_split.ts";
import { clientVerdict } from "./check_verdict.ts";

/** Everything but the records that a load's results depend on. */
export interface LoadAccumulatorOptions {
  /** The load as planned. */
  readonly plan: LoadPlan;
  /** The run it belongs to. */
  readonly header: RunHeader;
  /** Limits that a good request meets; absent = no goodput. */
  readonly slo?: Slo | undefined;
  /** Limits that the load has to keep. */
  readonly require?: readonly Limit[] | undefined;
  /** Share of a figure by which its ends may differ from it in a load that is `ok`. */
  readonly clientTolerance: number;
  /** Size and price of the server; absent = unknown. */
  readonly scale?: ServerScale | undefined;
  /** `raw`: keep every record; `histogram`: bounded memory. */
  readonly values: "raw" | "histogram";
  /** Length of the slices, in ms; absent = a second. */
  readonly sliceMs?: number | undefined;
}

/** How much is kept of a load, where it is not as usual. */
interface KeptSize {
  readonly counting?: BucketCounting;
  readonly lanes?: number;
  readonly stalls?: number;
  readonly requests?: number;
}

/** Of a load that a fleet sends: a thousand machines tell of it, and their leader adds all up. */
const FLEET_SIZE: KeptSize = { counting: COARSE, lanes: 1500, stalls: 2048, requests: 2000 };

/** Adds up the records of one load. */
export interface LoadAccumulator {
  /** How what another machine has seen of it is added; absent with `raw` values. */
  readonly parts?: Mergeable;
  /** Adds a record: with `raw` values in the order of their numbers, else in any. */
  add(record: RequestRecord): void;
  /** Adds how a session went. */
  session(session: SessionEnd): void;
  /** Results of all so far; without an end, durations come from the stamps. */
  summary(
    options: { readonly end: LoadEnd | undefined; readonly percentiles: readonly number[] },
  ): LoadSummary;
}

/** What such an accumulator has seen of a load. @throws {TypeError} where values are not kept as histograms. */
export function stateOf({ parts }: LoadAccumulator, load: number): LoadState {
  return {
    ...{ schema: LOAD_STATE_SCHEMA, load },
    parts: mergeable(parts).state() as LoadState["parts"],
  };
}

/**
 * Adds what another one has seen of the same load.
 *
 * @throws {TypeError} for anything else: then nothing was added.
 */
export function absorbState(
  { parts: own }: LoadAccumulator,
  { schema, load, parts }: LoadState,
): void {
  if (schema !== LOAD_STATE_SCHEMA) {
    throw new TypeError(`Cannot add results of another version than ${LOAD_STATE_SCHEMA}`);
  }
  const merger = mergeable(own);
  reading(`Cannot add results of load ${load + 1}`, () => merger.merger(parts))();
}

function mergeable(parts: Mergeable | undefined): Mergeable {
  if (parts === undefined) {
    throw new TypeError('Cannot add up results of several machines: values are not "histogram"');
  }
  return parts;
}

/** Starts a load. Warm-up, cancelled and dropped requests are only counted. */
export function createLoadAccumulator(options: LoadAccumulatorOptions): LoadAccumulator {
  const { plan, header, slo, require = [], clientTolerance, scale } = options;
  const metrics = METRICS.filter((metric) => plan.kind === "open" || !metric.openLoopOnly);
  const size = options.values === "histogram" && (header.part ?? header.fleet) !== undefined
    ? FLEET_SIZE
    : {};
  const binned = options.values === "raw"
    ? undefined
    : createBinnedValues(metrics, plan, size.counting);
  const values = binned ?? createRawValues(plan);
  const groups = createGroups({
    ...{ plan, header, metrics },
    values: options.values,
    slo: slo !== undefined && slo.limits.length > 0,
  });
  const sessions = createSessions(plan, options.values);
  const lanes = createLanes(plan, size.lanes);
  const slices = createSlices({
    ...{ askedMs: options.sliceMs ?? SLICE_MS, values: options.values },
    ...defined({ counting: size.counting }),
  });
  const stalls = createStalls(size.stalls);
  const requests = createRequests(size.requests);
  const timeSplit = timeSplitFold();
  const serverCounts = serverCountsFold();
  const speculation = speculationFold();
  const warmup = { warmup: 0, warmupFromPool: 0, warmupTokens: 0 };
  const ofAll = {
    counts: outcomeFold(),
    failures: failureFold(),
    empties: emptyFold(),
    arrivals: arrivalFold(plan),
    connections: connectionFold(),
    end: endFold(plan),
    consistency: consistencyFold(),
    context: contextFold(),
  };
  const ofCompleted = {
    prompt: tokenFold(({ promptTokens }) => promptTokens),
    output: tokenFold(({ outputTokens }) => outputTokens),
    lengths: lengthFold(),
    cache: cacheFold(),
    stream: streamFold(),
    generated: generatedFold(),
    prefix: prefixFold(),
    speed: overallSpeedFold(),
  };
  const left = { requests: 0, prompt: 0, output: 0 };
  const foldsOfAll = Object.values<MergeableFold<unknown>>(ofAll);
  const foldsOfCompleted = Object.values<MergeableFold<unknown>>(ofCompleted);
  const limits = slo?.limits.map((limit) => ({ limit, seen: { met: 0, unmeasured: 0 } })) ?? [];
  const good = { requests: 0 };
  const parts = binned && mergeAll({
    slo: same(JSON.stringify(slo?.limits ?? []), "other limits"),
    warmup: sums(warmup),
    all: mergeAll(ofAll),
    completed: mergeAll(ofCompleted),
    left: sums(left),
    limits: mergeEach(limits.map(({ seen }) => sums(seen))),
    good: sums(good),
    values: binned,
    ...{ groups, sessions, lanes, slices, stalls, requests, serverCounts, speculation, timeSplit },
  });

  return {
    ...(parts === undefined ? {} : { parts }),
    add(record) {
      if (record.phase === "warmup") {
        warmup.warmup++;
        warmup.warmupTokens += record.requestedTokens;
        if (record.promptId !== WARM_UP_PROMPT) warmup.warmupFromPool++;
        return;
      }
      for (const fold of foldsOfAll) fold.add(record);
      const isGood = slo !== undefined && meetsSlo(record, slo);
      if (record.outcome.kind === "ok") {
        for (const fold of foldsOfCompleted) fold.add(record);
        speculation.add(record);
        for (const { limit, seen } of limits) {
          const meets = meetsLimit(record, limit);
          if (meets) seen.met++;
          if (meets === undefined) seen.unmeasured++;
        }
        if (isGood) good.requests++;
      } else if (isWork(record)) {
        left.requests++;
        if (record.firstTokenMs !== undefined) left.prompt += record.promptTokens?.tokens ?? 0;
        left.output += sentTokens(record) ?? 0;
      }
      values.add(record, isGood);
      groups.add(record, isGood);
      sessions.add(record);
      lanes.add(record);
      slices.add(record);
      stalls.add(record);
      requests.add(record);
      serverCounts.add(record);
      timeSplit.add(record);
    },
    session(session) {
      sessions.session(session);
      lanes.session(session);
    },
    summary({ end: recorded, percentiles }) {
      const end = recorded ?? ofAll.end.result();
      const { durationMs } = end;
      // What is said of one agent of a fleet is said of its share.
      const ownPlan = planOfPart(plan, header.part);
      const server = summarizeServer(end.scrapes);
      const counts = { ...ofAll.counts.result(), ...warmup };
      const [prompt, output] = [ofCompleted.prompt.result(), ofCompleted.output.result()];
      const run: Window = { fromMs: 0, toMs: durationMs };
      const window = values.inside({ fromMs: end.rampEndMs, toMs: end.sendingEndMs });
      const steady = window && values.throughput(window);
      const inFlight = values.inFlight(run, steady);
      const arrivals = ofAll.arrivals.result();
      const plus = (total: number | undefined, more: number) =>
        more === 0 ? total : (total ?? 0) + more;
      const rate = {
        completed: counts.completed,
        prompt: plus(prompt.total, left.prompt),
        output: plus(output.total, left.output),
      };
      const cells = values.cells(durationMs);
      const { relativeError = 0 } = values.approximation ?? {};
      const sampling = createSampling({
        ...{ cells, relativeError },
        sending: { fromMs: end.rampEndMs, toMs: end.sendingEndMs },
      });
      const withIntervals = (of: Throughput): Throughput => ({
        ...of,
        intervals: sampling.rates(of),
      });
      const throughput = {
        run: withIntervals(rates(run, rate)),
        steady: steady && withIntervals(steady),
      };
      const ends = values.ends(withStall(end));
      const meant = counts.offered - counts.cancelledAsPlanned;
      const share = (part: number) => meant === 0 ? undefined : part / meant;
      // Sorting a million values takes its time, and is done once.
      const sets = new Map(metrics.map((metric) => [metric, values.valuesOf(metric)]));
      const described = describeMetrics(sets, { percentiles, ends, sampling });
      const goodput = {
        goodput: requestRate(run, good.requests),
        steadyGoodput: steady && (requestRate(steady, values.goodIn(steady)) ?? 0),
        attainment: share(good.requests),
      };
      const objectives = slo !== undefined && slo.limits.length > 0
        ? {
          limits: limits.map(({ limit, seen }) => ({
            ...limit,
            ...seen,
            attainment: share(seen.met),
          })),
          good: good.requests,
          ...goodput,
          share: goodShare(cells),
          intervals: sampling.goodput(goodput, { run, steady }),
        }
        : undefined;
      const generated = ofCompleted.generated.result();
      const judged = {
        load: { counts, throughput, slo: objectives, generated },
        valuesOf: (metric: Metric) => sets.get(metric),
        shareOf: (metric: Metric, limit: Limit) =>
          shareWithin(cells, sets.get(metric), { metric, limit }),
      };
      const load: Omit<LoadSummary, "checks" | "client" | "verdict"> = {
        label: plan.label,
        plan,
        interrupted: end.interrupted,
        cutShort: end.cutShort,
        serverLost: end.serverLost,
        complete: recorded !== undefined && recorded.inferred !== true,
        durationMs,
        counts,
        failures: ofAll.failures.result(),
        emptyReasons: ofAll.empties.result(),
        throughput: ends === undefined
          ? throughput
          : bracketThroughput(throughput, ends, { plan, inFlight, arrivals }),
        steadyState: findSteadyState({
          ...{ plan, end, values, percentiles, metrics: described.metrics },
          ...{ cells, relativeError: cells.relativeError },
        }),
        peaks: values.peaks(durationMs),
        speed: userSpeed(
          { metrics: described.metrics, throughput, inFlight, plan: ownPlan },
          ofCompleted.speed.result(),
        ),
        economy: loadEconomy(throughput, scale),
        arrivals,
        tokens: {
          ...{ prompt, output },
          cancelledAsPlanned: left.requests === 0 ? undefined : left.output,
        },
        lengths: ofCompleted.lengths.result(),
        cache: ofCompleted.cache.result(),
        stream: { ...ofCompleted.stream.result(), ...speculation.ticks() },
        generated,
        metrics: described.metrics,
        groups: groups.result({ durationMs, witness: withStall(end), percentiles }),
        sessions: sessions.result({ durationMs, percentiles }),
        contextTooLong: ofAll.context.result(),
        prefix: ofCompleted.prefix.result(),
        cacheNotReset: end.cacheNotReset,
        approximation: values.approximation,
        slo: objectives,
        limits: [
          ...judgeLimits(slo?.ofLoad ?? [], { ...judged, required: false }),
          ...judgeLimits(require, { ...judged, required: true }),
        ],
        inFlight,
        connections: ofAll.connections.result(),
        bracketBasis: ends?.basis,
        sampling: sampling.basis(),
        witness: end.witness,
        witnessAbsent: end.witnessAbsent,
        fleet: recorded && summarizeFleet({ plan, end: recorded, header }),
        gpu: summarizeGpu(end.gpu, output.total),
        server,
        timeSplit: timeSplit.result({
          ...{ server, percentiles },
          witness: end.witness,
          sent: counts.sent,
        }),
        serverCounts: serverCounts.result(server, durationMs),
        speculation: speculation.result({ server, scrapes: end.scrapes }),
        series: values.series(durationMs),
        slices: slices.result(durationMs),
        stalls: stalls.result({
          itl: sets.get(ITL)!,
          inFlightAt: values.inFlightAt(),
          witness: end.witness,
        }),
        histograms: described.histograms,
        quantiles: described.quantiles,
        heatMaps: slices.heat(durationMs),
        timeline: values.timeline(),
        requests: requests.result,
        lanes: lanes.result(),
      };
      const delays = values.delays();
      const own = { ...load, plan: ownPlan };
      const verdict = clientVerdict({
        load: own,
        client: end.client,
        delays,
        figures: described.figures,
        tolerance: clientTolerance,
        header,
      });
      const withVerdict = { ...load, client: end.client, verdict };
      const consistency = ofAll.consistency.result();
      return {
        ...withVerdict,
        checks: checkLoad({
          load: { ...own, client: end.client, verdict },
          consistency,
          notFinite: values.notFinite(),
          delays,
          header,
        }),
      };
    },
  };
}

/** Requests per second. */
function requestRate(window: Window, completed: number): number | undefined {
  return rates(window, { completed, prompt: undefined, output: undefined }).qps;
}

/** Sent requests by connection. */
function connectionFold(): MergeableFold<LoadSummary["connections"]> {
  const connections = { new: 0, reused: 0, unknown: 0 };
  return {
    ...sums(connections),
    add({ sentMs, connection }) {
      if (sentMs !== undefined) connections[connection]++;
    },
    result: () => ({ ...connections }),
  };
}

/** End of a load whose record was cut off, from the stamps. */
function endFold(plan: LoadPlan): MergeableFold<LoadEnd> {
  const last = { durationMs: 0, sendingEndMs: 0 };
  return {
    ...most(last),
    add({ sentMs = 0, endMs = 0 }) {
      if (Number.isFinite(endMs)) last.durationMs = Math.max(last.durationMs, endMs);
      if (Number.isFinite(sentMs)) last.sendingEndMs = Math.max(last.sendingEndMs, sentMs);
    },
    result: () => ({
      load: 0,
      ...last,
      rampEndMs: plan.rampUpMs ?? 0,
      interrupted: false,
    }),
  };
}
