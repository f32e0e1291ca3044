/**
 * Results of one load. Absent numbers are `undefined` here and `null` in JSON.
 *
 * @module
 */
import type { Outcome, RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
import type { Check } from "./check.ts";
import type { BracketBasis } from "./load_bracket.ts";
import type { SamplingBasis } from "./load_interval.ts";
import type { Verdict } from "./load_client.ts";
import type { LoadFleet } from "./load_fleet.ts";
import { metricOf, type MetricSummary, type OutcomeCounts } from "./load_figures.ts";
import type { Grouping } from "./load_groups.ts";
import type { HeatMap } from "./load_heat.ts";
import type { Quantiles } from "./load_quantiles.ts";
import type {
  Approximation,
  Arrivals,
  GpuSummary,
  InFlight,
  Series,
  Throughput,
} from "./load_series.ts";
import type { ContextOverflow, Lanes, PrefixShare, SessionsSummary } from "./load_sessions.ts";
import type { LoadEconomy, Peaks, UserSpeed } from "./load_speed.ts";
import type { Metric } from "./metric.ts";
import type { Count } from "./count.ts";
import type { RequestSample } from "./load_requests.ts";
import type { ServerCounts, ServerSummary, Speculation, TimeSplit } from "./load_server.ts";
import type { Slices } from "./load_slices.ts";
import type { Stalls } from "./load_stalls.ts";
import type { SteadyState } from "./load_steady.ts";
import type { LoadPlan, ServerLost } from "./run.ts";
import type { ClientHealth, Witness } from "./run_client.ts";
import type { LimitResult, SloSummary } from "./load_limits.ts";

/** Results of one load, from its measured requests only. */
export interface LoadSummary {
  /** Name of the load, e.g. `64 users`. */
  readonly label: string;
  /** The load as planned. */
  readonly plan: LoadPlan;
  /** Stopped by hand or ended with its client: planned and measured load differ. */
  readonly interrupted: boolean;
  /** Why the search for a capacity stopped it before its end; absent = it did not. */
  readonly cutShort: string | undefined;
  /** The server went away, which ended this load or kept it from being sent; absent = it stayed. */
  readonly serverLost: ServerLost | undefined;
  /** Whether the load's end was recorded; if not, durations come from the last stamps. */
  readonly complete: boolean;
  /** From the start of the load to the end of the last counted request, in ms. */
  readonly durationMs: number;
  /** How many requests ended in which way. */
  readonly counts: Counts;
  /** Causes of failure, most frequent first. */
  readonly failures: readonly Failure[];
  /** Why the engine ended answers without a token, in its own words, most frequent first. */
  readonly emptyReasons: readonly EmptyReason[];
  /** Rates of completed requests, and of tokens until users left as planned, too. */
  readonly throughput: {
    /** Whole run, ramp-up and drain included. */
    readonly run: Throughput;
    /** From the end of the ramp-up to the first moment when nothing was left to send. */
    readonly steady: Throughput | undefined;
  };
  /** The steady state that a test found, beside the window of `throughput.steady`, which is by plan. */
  readonly steadyState: SteadyState;
  /** Most work in one second; absent where the load has no whole second. */
  readonly peaks: Peaks | undefined;
  /** How fast one user was served. */
  readonly speed: UserSpeed;
  /** Work per GPU and its cost; absent where neither GPUs nor cost were given. */
  readonly economy: LoadEconomy | undefined;
  /** Arrival rates; absent in closed loops. */
  readonly arrivals: Arrivals | undefined;
  /** Tokens of completed requests. */
  readonly tokens: {
    /** Prompt tokens. */
    readonly prompt: TokenTotals;
    /** Output tokens. */
    readonly output: TokenTotals;
    /**
     * Output tokens until users left as planned: in the throughput, and in no other result; absent where
     * none did.
     */
    readonly cancelledAsPlanned: number | undefined;
  };
  /** Requested and delivered answer lengths. */
  readonly lengths: Lengths;
  /** Prompt tokens served from the engine's prefix cache. */
  readonly cache: Cache;
  /** How tokens were grouped on arrival. */
  readonly stream: StreamShape;
  /** What completed answers carried, and how they came. */
  readonly generated: Generated;
  /** In display order; closed loops leave out the metrics of open loops. */
  readonly metrics: readonly MetricSummary[];
  /** The same for parts of the requests: by turn, prompt length, class, model, server, stage. */
  readonly groups: readonly Grouping[];
  /** How sessions went; absent when the load has none. */
  readonly sessions: SessionsSummary | undefined;
  /** Requests that the context had no room for; absent when there are none. */
  readonly contextTooLong: ContextOverflow | undefined;
  /** Prompt tokens from the prefix cache, expected and measured; absent where nothing is expected. */
  readonly prefix: PrefixShare | undefined;
  /** Why the server's prefix cache was not emptied before it, as was asked; absent = it was, or not asked. */
  readonly cacheNotReset: string | undefined;
  /** How near percentiles and the course over time are; absent = exact. */
  readonly approximation: Approximation | undefined;
  /** Service-level objectives; absent when no limits were given. */
  readonly slo: SloSummary | undefined;
  /** Limits on figures of the load, by `--slo` and `--require`, in the order given. */
  readonly limits: readonly LimitResult[];
  /** Concurrent requests. */
  readonly inFlight: InFlight;
  /** Sent requests, by kind of connection. */
  readonly connections: ConnectionCounts;
  /** Where the brackets come from; absent = there are none. */
  readonly bracketBasis: BracketBasis | undefined;
  /** How the sampling intervals were made, or why there are none. */
  readonly sampling: SamplingBasis;
  /** What streams of known timing showed of the client; absent = there were none. */
  readonly witness: Witness | undefined;
  /** Why there were none, in a sentence without a period. */
  readonly witnessAbsent: string | undefined;
  /** What the client measured of itself; absent when it was not measured. */
  readonly client: ClientHealth | undefined;
  /** GPUs; absent when they were not sampled. */
  readonly gpu: GpuSummary | undefined;
  /** What the server's own metrics said; absent when they were not read. */
  readonly server: ServerSummary | undefined;
  /** Where the time to the first token went; absent when the server does not tell. */
  readonly timeSplit: TimeSplit | undefined;
  /** Requests and tokens by the server's count beside ours; empty when it was not read. */
  readonly serverCounts: readonly ServerCounts[];
  /** How well the server guessed ahead; absent when nothing shows that it does. */
  readonly speculation: Speculation | undefined;
  /** The machines that sent the load together; absent = one client sent it. */
  readonly fleet: LoadFleet | undefined;
  /** Was the server measured, or the client? Absent when the client was not measured. */
  readonly verdict: Verdict | undefined;
  /** The load over time. */
  readonly series: Series;
  /** The load over time with latencies. */
  readonly slices: Slices;
  /** Long gaps between tokens. */
  readonly stalls: Stalls;
  /** Histograms of the latencies. */
  readonly histograms: readonly MetricHistogram[];
  /** Curves of the key metrics: every percentile that they have values for. */
  readonly quantiles: readonly Quantiles[];
  /** TTFT by when it was sent, ITL by when the gap ended; of completed requests. */
  readonly heatMaps: readonly HeatMap[];
  /** A sample of requests, spread evenly over the load. */
  readonly timeline: readonly TimelineEntry[];
  /**
   * At most so many single requests: the slowest, failed ones, and an even sample of the others. For the
   * page; JSON has none of it, the record file has them all.
   *
   * @hidden
   */
  readonly requests: (most: number) => RequestSample;
  /** Requests of sessions as lanes; absent when the load has none. */
  readonly lanes: Lanes | undefined;
  /** What was checked about the load. */
  readonly checks: readonly Check[];
}

/** Requests of a load. */
export interface Counts extends OutcomeCounts {
  /** Requests sent before the measurement; in no result. */
  readonly warmup: Count;
  /** Of the warm-up, those with prompts of the pool; the others had marks of their own. */
  readonly warmupFromPool: Count;
  /** Tokens that the warm-up asked for, all together. */
  readonly warmupTokens: Count;
  /** Of the failed ones, those that the server answered without a single token. */
  readonly empty: Count;
}

/** Requests that failed in the same way. */
export interface Failure {
  /** Their outcome. */
  readonly kind: Exclude<Outcome["kind"], "ok" | "cancelled" | "cancelled_as_planned" | "dropped">;
  /** How many there are. */
  readonly count: Count;
  /** Messages, most frequent first, at most three. */
  readonly messages: readonly {
    /** Text of the message. */
    readonly message: string;
    /** Requests with it. */
    readonly count: Count;
  }[];
}

/** Answers without a token that ended for the same reason. */
export interface EmptyReason {
  /** The engine's finish reason; empty = it gave none. */
  readonly reason: string;
  /** How many there are. */
  readonly count: Count;
}

/** Sent requests, by kind of connection. */
export interface ConnectionCounts extends Readonly<Record<RequestRecord["connection"], Count>> {
  /** Requests that opened their connection. */
  readonly new: Count;
  /** Requests on a connection that was open already. */
  readonly reused: Count;
  /** Requests whose transport does not know. */
  readonly unknown: Count;
}

/** Tokens of completed requests whose count is known. */
export interface TokenTotals {
  /** Sum. */
  readonly total: number | undefined;
  /** Sum ÷ counted requests. */
  readonly mean: number | undefined;
  /** Largest count of one request. */
  readonly max: number | undefined;
  /** Requests by source of their count. */
  readonly sources: Readonly<Partial<Record<TokenSource, Count>>>;
  /** Requests without a count. */
  readonly uncounted: Count;
}

/** Requested and delivered lengths of completed requests. */
export interface Lengths {
  /** Requests whose length the engine was told to deliver exactly. */
  readonly forced: Count;
  /** Tokens requested. */
  readonly requestedTokens: number | undefined;
  /** Tokens delivered. */
  readonly deliveredTokens: number | undefined;
  /** Answers as long as requested. */
  readonly exact: Count;
  /** Answers shorter than requested. */
  readonly shorter: Count;
  /** Answers longer than requested. */
  readonly longer: Count;
}

/** Prompt tokens served from the engine's prefix cache. */
export interface Cache {
  /** Requests for which the engine reported it. */
  readonly reported: Count;
  /** Cached prompt tokens of these requests. */
  readonly cachedTokens: number | undefined;
  /** cachedTokens ÷ prompt tokens of these requests. */
  readonly share: number | undefined;
}

/** How tokens of completed requests were grouped on arrival: sums and their ratios. */
export interface StreamShape {
  /** Instants at which tokens arrived. */
  readonly ticks: Count;
  /** Reads of bodies. */
  readonly reads: Count;
  /** Events of bodies. */
  readonly events: Count;
  /** Bytes of bodies. */
  readonly bytes: Count;
  /** Output tokens ÷ ticks. */
  readonly tokensPerTick: number | undefined;
  /** Reads ÷ output tokens. */
  readonly readsPerToken: number | undefined;
  /** Events ÷ reads, closing events included. */
  readonly eventsPerRead: number | undefined;
  /** Events with something generated ÷ ticks; above 1, such events arrived together. */
  readonly eventsPerTick: number | undefined;
  /** Share of the ticks with more than one token; absent = of no tick it is known how many it had. */
  readonly joinedTicks: number | undefined;
  /** Requests that are left out of it, as their ticks count events that had several tokens. */
  readonly uncountedTicks: Count;
}

/** What completed answers carried, and how they came. */
export interface Generated {
  /** Answers with tokens, by how they came: TTFT and TPOT are of streamed ones only. */
  readonly answers: {
    /** In pieces, as they were generated. */
    readonly streamed: Count;
    /** Several tokens, all in one read. */
    readonly once: Count;
    /** As one JSON body. */
    readonly whole: Count;
    /** In pieces that a buffer on the way cut by bytes. */
    readonly held: Count;
  };
  /** Events by what they carried: answer, thinking, parts of tool calls. */
  readonly events: {
    /** With a part of the answer, and none of a tool call. */
    readonly answer: Count;
    /** With thinking and nothing of the answer. */
    readonly reasoning: Count;
    /** With a part of a tool call. */
    readonly tool: Count;
  };
  /** Output tokens without those that nobody saw. */
  readonly sentTokens: Count;
  /** Tokens that engines counted and did not send, such as hidden thinking; in totals only. */
  readonly unseenTokens: Count;
  /** Answers with such tokens. */
  readonly unseenRequests: Count;
  /** Counts that the streams contradict and that were not used; absent = none. */
  readonly rejected: RejectedCounts | undefined;
}

/** Counts of the server that its own streams contradict. */
export interface RejectedCounts {
  /** Answers with such a count. */
  readonly requests: Count;
  /** Number of the first of them. */
  readonly index: Count;
  /** What it said, and where. */
  readonly count: TokenCount;
  /** The count that was believed instead. */
  readonly believed: TokenCount;
}

/** Counts between edges; bar i covers [edges[i], edges[i + 1]), the last one its end too. */
export interface Histogram {
  /** Bars of equal width, or of equal ratio. */
  readonly scale: "linear" | "log";
  /** Edges of the bars, ascending, one more than there are bars. */
  readonly edges: readonly number[];
  /** Values in each bar. */
  readonly counts: readonly Count[];
}

/** Histogram of one metric. */
export interface MetricHistogram extends Pick<Metric, "name" | "title" | "unit">, Histogram {}

/** One request of the timeline; times in ms from the start of the load. */
export interface TimelineEntry {
  /** Number of the request in its load; each user of a closed loop has its own sequence. */
  readonly index: Count;
  /** User of a closed loop, lane of an open loop. */
  readonly user: Count;
  /** When the request was due. */
  readonly intendedMs: number;
  /** When it was sent. */
  readonly sentMs: number | undefined;
  /** First event with a token. */
  readonly firstTokenMs: number | undefined;
  /** Last event with a token. */
  readonly lastTokenMs: number | undefined;
  /** End mark, end of body, or failure. */
  readonly endMs: number | undefined;
  /** How the request ended. */
  readonly outcome: Outcome["kind"];
}

/**
 * Results of one metric.
 *
 * @throws {RangeError} when the load has no metric of this name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findMetric, measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const e2e = findMetric(summarize(run).loads[0]!, "e2e");
 * assertEquals([e2e.unit, e2e.distribution.count], ["ms", 4]);
 * ```
 */
export function findMetric(
  load: Pick<LoadSummary, "label" | "metrics">,
  name: string,
): MetricSummary {
  const metric = metricOf(load, name);
  if (metric === undefined) {
    const known = load.metrics.map((one) => one.name).join(", ");
    throw new RangeError(`Cannot find metric "${name}" of ${load.label}: known are ${known}`);
  }
  return metric;
}
