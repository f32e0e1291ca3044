/**
 * What a calibration found about a client on its machine, and what that says about a later run.
 *
 * @module
 */
import type { ClientErrorEstimate, ErrorBound } from "./load_client.ts";
import type {
  CalibrationCell,
  CalibrationLimit,
  ClientHealth,
  ErrorSpread,
  RunHeader,
} from "./run.ts";
import { type LoadSummary, metricOf } from "./load_summary.ts";

/** Metrics that have a client error, the fields of {@linkcode ClientErrorEstimate}. */
export const ERROR_METRICS: readonly ["ttft", "tpot", "itl", "e2e"] = [
  "ttft",
  "tpot",
  "itl",
  "e2e",
];

/** Sign before an error: none = measured under such a load, an upper bound, an estimate. */
export const ERROR_SIGNS: Readonly<Record<ClientErrorEstimate["basis"], string>> = {
  calibration: "",
  heavier: "≤ ",
  timers: "~ ",
};

/** A cell may be this much lighter than the run. */
const LIGHTER = 0.8;

/** The error of a cell heavier than this is an upper bound. */
const HEAVIER = 2;

const PRACTICALLY_ALL = 0.99;

/** The part of a load that the client's error depends on. */
export type ClientLoad = Pick<
  LoadSummary,
  "inFlight" | "throughput" | "metrics" | "stream" | "tokens" | "plan"
>;

/**
 * The client's error under a load: that of the lightest calibrated cell at least as heavy in streams
 * and in reads per second, else the lateness of the client's timers; absent when neither is known.
 */
export function estimateClientError(
  load: ClientLoad,
  { client, header }: {
    readonly client: ClientHealth | undefined;
    readonly header: Pick<RunHeader, "calibration" | "transport" | "url" | "workers">;
  },
): ClientErrorEstimate | undefined {
  const estimate = {
    kernelStamped: (client?.kernelStampedReads ?? 0) >= PRACTICALLY_ALL,
    savedAt: header.calibration?.savedAt,
    like: likeOptions(load, header),
  };
  const found = lightestCell(load, header.calibration?.cells ?? []);
  if (found !== undefined) {
    const { cell: { streams, itlMs, tokensPerSec, pattern, error }, heaviest } = found;
    return {
      basis: heaviest > HEAVIER ? "heavier" : "calibration",
      ...estimate,
      cell: { streams, itlMs, tokensPerSec, pattern },
      ttft: bound(error.ttft),
      tpot: bound(error.tpot),
      itl: bound(error.itl),
      e2e: bound(error.e2e),
    };
  }
  if (client?.loopLagP99Ms === undefined) return undefined;
  const timers = {
    p50Ms: client.loopLagP50Ms,
    p99Ms: client.loopLagP99Ms,
    maxMs: client.loopLagMaxMs,
  };
  const gaps = Math.max(1, (load.tokens.output.mean ?? 1) - 1);
  const share = (ms: number | undefined) => ms === undefined ? undefined : ms / gaps;
  return {
    basis: "timers",
    ...estimate,
    cell: undefined,
    ttft: timers,
    tpot: { p50Ms: share(timers.p50Ms), p99Ms: share(timers.p99Ms), maxMs: share(timers.maxMs) },
    itl: timers,
    e2e: timers,
  };
}

/** The lightest usable cell that is at least nearly as heavy as the load. */
function lightestCell(
  load: ClientLoad,
  cells: readonly CalibrationCell[],
): { readonly cell: CalibrationCell; readonly heaviest: number } | undefined {
  const weight = weightOf(load);
  if (weight === undefined) return undefined;
  return cells
    .filter(({ engine, error }) => !engine.limited && error.ttft.count > 0)
    .map((cell) => {
      const ratios = [cell.streams / weight.streams, cell.tokensPerSec / weight.readsPerSec];
      return { cell, lightest: Math.min(...ratios), heaviest: Math.max(...ratios) };
    })
    .filter(({ lightest }) => lightest >= LIGHTER)
    .sort((a, b) => a.heaviest - b.heaviest)[0];
}

/** Streams and reads per second of a load; absent when nothing was received. */
export function weightOf(
  { inFlight, throughput, stream }: Pick<ClientLoad, "inFlight" | "throughput" | "stream">,
): { readonly streams: number; readonly readsPerSec: number } | undefined {
  const streams = inFlight.steadyMean ?? inFlight.mean;
  const tokensPerSec = throughput.steady?.outputTokensPerSec ?? throughput.run.outputTokensPerSec;
  if (streams === undefined || tokensPerSec === undefined) return undefined;
  // The cost is per read: an engine that puts five tokens into an event costs a fifth.
  return { streams, readsPerSec: tokensPerSec * Math.min(1, stream.readsPerToken ?? 1) };
}

function bound({ p50Ms, p99Ms, maxMs }: ErrorSpread): ErrorBound {
  return { p50Ms, p99Ms, maxMs };
}

/** `--concurrency 64 --itl 20 --transport fetch --workers 1`. */
function likeOptions(
  load: ClientLoad,
  { transport, workers, url }: Pick<RunHeader, "transport" | "url" | "workers">,
): string | undefined {
  // A model in this process has no server to calibrate against.
  if (!/^(https?|grpcs?):/.test(url)) return undefined;
  const streams = load.plan.users ?? Math.ceil(load.inFlight.max ?? 1);
  const gap = metricOf(load, "itl")?.distribution.median;
  const itl = gap === undefined ? "" : ` --itl ${gap >= 1 ? Math.round(gap) : gap.toPrecision(1)}`;
  return `--concurrency ${
    Math.max(1, streams)
  }${itl} --transport ${transport} --workers ${workers}`;
}

/** A load to compare with a limit. */
export interface WeighedLoad {
  /** Concurrent streams. */
  readonly streams: number;
  /** Of all streams; the cost is per read, so tokens that arrive in one read count once. */
  readonly tokensPerSec: number;
  /** Error at p99 that does no harm to the results, in ms; default: that of the strictest limit. */
  readonly tolerableMs?: number;
}

/** The limit that applies to a load, and how the load compares with it. */
export interface LimitFinding {
  /** `within`: the errors were small at a load like this; `beyond`: they were too large. */
  readonly kind: "within" | "beyond";
  /** The limit nearest to the load. */
  readonly limit: CalibrationLimit;
  /** Load ÷ limit in streams or in tokens/s, whichever is more; `Infinity` for a limit of 0. */
  readonly ratio: number;
}

/** The search for a limit stops within this factor: nearer, chance decides which load is found. */
export const LIMIT_TOLERANCE = 1.25;

/**
 * Compares a load with the limits of one client. Absent where the load is beyond them and the search
 * ended for another reason than the error (time, descriptors, engine): it may still be fine.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type CalibrationLimit, weighLimits } from "@tokometer/tokometer/metrics";
 *
 * const limit: CalibrationLimit = {
 *   transport: "fetch",
 *   workers: 1,
 *   itlMs: 20,
 *   pattern: "lockstep",
 *   boundMs: 5,
 *   streams: 100,
 *   tokensPerSec: 5000,
 *   endedBy: "error",
 * };
 * const found = weighLimits([limit], { streams: 300, tokensPerSec: 5000 });
 * assertEquals([found?.kind, found?.ratio], ["beyond", 3]);
 * ```
 */
export function weighLimits(
  limits: readonly CalibrationLimit[],
  { streams, tokensPerSec, tolerableMs = 0 }: WeighedLoad,
): LimitFinding | undefined {
  const strictestMs = Math.min(...limits.map(({ boundMs }) => boundMs));
  const nearest = limits
    .filter(({ boundMs }) => boundMs <= Math.max(strictestMs, tolerableMs))
    .map((limit) => ({ limit, ratio: ratioOf(limit, { streams, tokensPerSec }) }))
    .reduce<Omit<LimitFinding, "kind"> | undefined>(
      (best, one) => best === undefined || one.ratio < best.ratio ? one : best,
      undefined,
    );
  if (nearest === undefined) return undefined;
  if (nearest.ratio <= LIMIT_TOLERANCE) return { kind: "within", ...nearest };
  const { endedBy, tooManyStreams = Infinity } = nearest.limit;
  const beyond = endedBy === "error" || streams >= tooManyStreams;
  return beyond ? { kind: "beyond", ...nearest } : undefined;
}

function ratioOf(limit: CalibrationLimit, load: WeighedLoad): number {
  if (limit.streams === 0) return Infinity;
  return Math.max(load.streams / limit.streams, load.tokensPerSec / limit.tokensPerSec);
}
