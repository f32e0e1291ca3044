/**
 * What a calibration found about a client on its machine, and what that says about a later run.
 *
 * @module
 */
import type { ClientError, ErrorSpread } from "./check_client_error.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { ClientHealth, RunHeader } from "./run.ts";

/** One load of a calibration and the client's error under it. */
export interface CalibrationCell {
  /** Transport of the client. */
  readonly transport: string;
  /** Its sending threads; 0 = the main one. */
  readonly workers: number;
  /** Streams at the same time. */
  readonly streams: number;
  /** Gap between the tokens of a stream as ordered from the engine, ms. */
  readonly itlMs: number;
  /** `lockstep`: all streams at the same instants, as batching engines send; `spread`: each its own. */
  readonly pattern: "lockstep" | "spread";
  /** Tokens/s while all streams ran. */
  readonly tokensPerSec: number;
  /** Against the engine's log. */
  readonly error: ClientError;
  /** Departure − intended time, ms. */
  readonly departure: ErrorSpread;
  /** Requests that did not complete. */
  readonly failed: number;
  /** CPU time of the whole client ÷ tokens, µs. */
  readonly cpuUsPerToken: number;
  /** What the client saw of itself. */
  readonly client: ClientHealth;
  /** What the engine says of itself. */
  readonly engine: EngineAccuracy;
}

/** How well the simulated engine did its own part. */
export interface EngineAccuracy {
  /**
   * What it waited and wrote with. `epoll`: stamps directly before the system's call, arrivals as
   * the kernel stamped them; `platform`: the error of the client contains some of the engine's own.
   * Absent = a server that is none of ours, or a calibration from before there was a choice.
   */
  readonly loop?: "platform" | "epoll";
  /** Writes behind their plan, ms. The error counts from the write itself, so this is not in it. */
  readonly lateP50Ms: number | undefined;
  /** The same at p99. */
  readonly lateP99Ms: number | undefined;
  /** Tokens/s written, from the first write to the last. */
  readonly tokensPerSec: number | undefined;
  /** So late that its stamps of arrivals are in doubt: the cell says little about the client. */
  readonly limited: boolean;
}

/** The most streams whose error stayed within a bound. */
export interface CalibrationLimit {
  /** Transport of the client. */
  readonly transport: string;
  /** Its sending threads. */
  readonly workers: number;
  /** Gap between the tokens of a stream, ms. */
  readonly itlMs: number;
  /** How the streams' tokens lay in time. */
  readonly pattern: "lockstep" | "spread";
  /** Bound of the p99 errors of TTFT and gap, ms. */
  readonly boundMs: number;
  /** 0 = not even the fewest that were tried. */
  readonly streams: number;
  /** Tokens/s at that number. */
  readonly tokensPerSec: number;
  /** The fewest that were tried and were too many for the client; absent = none were, or not yet. */
  readonly tooManyStreams?: number;
  /** What ended the search. */
  readonly endedBy: "error" | "engine" | "time" | "descriptors";
}

/** What a stream more costs a client in memory. */
export interface MemoryPerStream {
  /** Transport of the client. */
  readonly transport: string;
  /** Its sending threads. */
  readonly workers: number;
  /** (peak with many streams − peak with few) ÷ (many − few), whole processes, KiB. */
  readonly kibPerStream: number;
  /** The difference was too small to tell: it is less than that. */
  readonly atMost: boolean;
  /** Streams of the smaller run. */
  readonly fewStreams: number;
  /** Streams of the larger run. */
  readonly manyStreams: number;
}

/** What can speak for a run: cells of the same machine, transport and number of threads. */
export interface RunCalibration {
  /** When the newest of the cells was measured, ISO 8601. */
  readonly savedAt: string;
  /** In any order. */
  readonly cells: readonly CalibrationCell[];
  /**
   * What was found for this machine, other transports and numbers of threads included: those that
   * the run could use instead. Absent in older files.
   */
  readonly limits?: readonly CalibrationLimit[];
}

/** Middle, tail and largest error of one metric, ms. */
export type ErrorBound = Pick<ErrorSpread, "p50Ms" | "p99Ms" | "maxMs">;

/** The client's part in the numbers of a load. */
export interface ClientErrorEstimate {
  /**
   * `calibration`: measured against the engine's log at a load like this one; `heavier`: the same,
   * at a load more than twice as heavy, hence an upper bound; `timers`: not calibrated, the
   * lateness of the client's own timers tells its order of magnitude. It bounds nothing: tokens of
   * many streams that arrive together are read one after the other, and timers seldom fall there.
   */
  readonly basis: "calibration" | "heavier" | "timers";
  /** Practically all arrivals were stamped by the kernel: timers say little of them. */
  readonly kernelStamped: boolean;
  /** The cell it comes from. */
  readonly cell:
    | Pick<CalibrationCell, "streams" | "itlMs" | "tokensPerSec" | "pattern">
    | undefined;
  /** When this client was calibrated, ISO 8601, be it with lighter loads only. */
  readonly savedAt: string | undefined;
  /** Of the time to the first token. */
  readonly ttft: ErrorBound;
  /** Of a token's mean time. */
  readonly tpot: ErrorBound;
  /** Of one gap. */
  readonly itl: ErrorBound;
  /** Of the whole answer. */
  readonly e2e: ErrorBound;
  /** Options of `tokometer calibrate` for a load like this one; absent where it cannot play it. */
  readonly like: string | undefined;
}

/** Metrics whose client error is known. */
export const ERROR_METRICS: readonly ["ttft", "tpot", "itl", "e2e"] = [
  "ttft",
  "tpot",
  "itl",
  "e2e",
];

/** Before an error: measured at such a load, at most that, or about that. */
export const ERROR_SIGNS: Readonly<Record<ClientErrorEstimate["basis"], string>> = {
  calibration: "",
  heavier: "≤ ",
  timers: "~ ",
};

/** A cell this much lighter than the run still speaks for it. */
const LIGHTER = 0.8;

/** Beyond this the cell's error is an upper bound rather than an estimate. */
const HEAVIER = 2;

const PRACTICALLY_ALL = 0.99;

/** What of a load decides about the client's error. */
export type ClientLoad = Pick<
  LoadSummary,
  "inFlight" | "throughput" | "metrics" | "stream" | "tokens" | "plan"
>;

/**
 * The client's error under a load: from the lightest calibrated cell that is at least as heavy in
 * streams and in reads a second, else from the client's own timers; absent when neither is known.
 */
export function estimateClientError(
  load: ClientLoad,
  { client, header }: {
    readonly client: ClientHealth | undefined;
    readonly header: Pick<RunHeader, "calibration" | "transport" | "url" | "workers">;
  },
): ClientErrorEstimate | undefined {
  const weight = weightOf(load);
  const kernelStamped = (client?.kernelStampedReads ?? 0) >= PRACTICALLY_ALL;
  const like = likeOptions(load, header);
  if (weight !== undefined) {
    const { streams, readsPerSec } = weight;
    const weights = (header.calibration?.cells ?? [])
      .filter(({ engine, error }) => !engine.limited && error.ttft.count > 0)
      .map((cell) => {
        const ratios = [cell.streams / streams, cell.tokensPerSec / readsPerSec];
        return { cell, lightest: Math.min(...ratios), heaviest: Math.max(...ratios) };
      })
      .filter(({ lightest }) => lightest >= LIGHTER)
      .sort((a, b) => a.heaviest - b.heaviest);
    const found = weights[0];
    if (found !== undefined) {
      const { cell, heaviest } = found;
      const { ttft, tpot, itl, e2e } = cell.error;
      return {
        basis: heaviest > HEAVIER ? "heavier" : "calibration",
        kernelStamped,
        cell: {
          streams: cell.streams,
          itlMs: cell.itlMs,
          tokensPerSec: cell.tokensPerSec,
          pattern: cell.pattern,
        },
        savedAt: header.calibration!.savedAt,
        ttft: bound(ttft),
        tpot: bound(tpot),
        itl: bound(itl),
        e2e: bound(e2e),
        like,
      };
    }
  }
  if (client?.loopLagP99Ms === undefined) return undefined;
  const timers: ErrorBound = {
    p50Ms: client.loopLagP50Ms,
    p99Ms: client.loopLagP99Ms,
    maxMs: client.loopLagMaxMs,
  };
  const tokens = load.tokens.output.mean ?? 1;
  const each = Math.max(1, tokens - 1);
  const share = (ms: number | undefined) => ms === undefined ? undefined : ms / each;
  return {
    basis: "timers",
    kernelStamped,
    cell: undefined,
    savedAt: header.calibration?.savedAt,
    ttft: timers,
    tpot: { p50Ms: share(timers.p50Ms), p99Ms: share(timers.p99Ms), maxMs: share(timers.maxMs) },
    itl: timers,
    e2e: timers,
    like,
  };
}

/** What a client has to carry; absent when nothing was received. */
export function weightOf(
  { inFlight, throughput, stream }: Pick<ClientLoad, "inFlight" | "throughput" | "stream">,
): { readonly streams: number; readonly readsPerSec: number } | undefined {
  const streams = inFlight.steadyMean ?? inFlight.mean;
  const tokensPerSec = throughput.steady?.outputTokensPerSec ?? throughput.run.outputTokensPerSec;
  if (streams === undefined || tokensPerSec === undefined) return undefined;
  // A client pays for reads: engines that put five tokens into an event cost a fifth.
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
  // What runs in this process is read from no server.
  if (!/^(https?|grpcs?):/.test(url)) return undefined;
  const streams = load.plan.users ?? Math.ceil(load.inFlight.max ?? 1);
  const gap = load.metrics.find(({ name }) => name === "itl")?.distribution.median;
  const itl = gap === undefined ? "" : ` --itl ${gap >= 1 ? Math.round(gap) : gap.toPrecision(1)}`;
  return `--concurrency ${
    Math.max(1, streams)
  }${itl} --transport ${transport} --workers ${workers}`;
}
