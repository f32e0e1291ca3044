/**
 * How exact a client was found to be, by `tokometer calibrate`.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { ClientHealth } from "./run_client.ts";

/** A client's error, as absolute differences from the engine's log. */
export interface ErrorSpread {
  /** Values compared. */
  readonly count: Count;
  /** Median error, in ms. */
  readonly p50Ms: number | undefined;
  /** 99th percentile of the error, in ms; absent with fewer than 100 values. */
  readonly p99Ms: number | undefined;
  /** Largest error, in ms. */
  readonly maxMs: number | undefined;
}

/** A client's error under one load: client's number − engine's number, absolute. */
export interface ClientError {
  /** Completed requests found in the engine's log. */
  readonly matched: Count;
  /** Completed requests missing from the engine's log. */
  readonly unmatched: Count;
  /** Error of (first token − sent), against (first write − arrival). */
  readonly ttft: ErrorSpread;
  /** Error of the gaps between ticks, against the gaps between writes; one value per write. */
  readonly itl: ErrorSpread;
  /** Error of (last token − first token) per token. */
  readonly tpot: ErrorSpread;
  /** Error of (last token − sent), against (last write − arrival). */
  readonly e2e: ErrorSpread;
  /** Receipt − write of each write, less the smallest such difference. */
  readonly receipt: ErrorSpread;
}

/** Accuracy of the simulated engine itself during a calibration. */
export interface EngineAccuracy {
  /**
   * Event loop of the engine. `epoll`: stamped directly before the system call, arrivals as the
   * kernel stamped them; `platform`: the client's error contains some of the engine's own. Absent =
   * not our engine, or a calibration from before there was a choice.
   */
  readonly loop?: "platform" | "epoll";
  /** Median lateness of the engine's writes, in ms; not part of the client's error. */
  readonly lateP50Ms: number | undefined;
  /** 99th percentile of that lateness, in ms. */
  readonly lateP99Ms: number | undefined;
  /** Tokens per second written, from the first write to the last. */
  readonly tokensPerSec: number | undefined;
  /** The engine was too late for its arrival stamps to be trusted: ignore this cell. */
  readonly limited: boolean;
}

/** The client of a calibration. */
export interface CalibrationClient {
  /** Transport of the client. */
  readonly transport: string;
  /** Worker threads of the client; 0 = the main thread. */
  readonly workers: Count;
}

/** A load of a calibration. */
export interface CalibrationLoad {
  /** Concurrent streams. */
  readonly streams: Count;
  /** Planned gap between the tokens of a stream, in ms. */
  readonly itlMs: number;
  /** `lockstep`: all streams at the same instants, as batching engines send; `spread`: each its own. */
  readonly pattern: "lockstep" | "spread";
  /** Tokens per second while all streams ran. */
  readonly tokensPerSec: number;
}

/** One load of a calibration and the client's error under it. */
export interface CalibrationCell extends CalibrationClient, CalibrationLoad {
  /** Error against the engine's log. */
  readonly error: ClientError;
  /** Departure − intended time, in ms. */
  readonly departure: ErrorSpread;
  /** Requests that did not complete. */
  readonly failed: Count;
  /** CPU time of the client process per token, in µs. */
  readonly cpuUsPerToken: number;
  /** What the client measured of itself. */
  readonly client: ClientHealth;
  /** What the engine measured of itself. */
  readonly engine: EngineAccuracy;
}

/** The most streams whose error stayed within a bound; 0 = not even the fewest tried. */
export interface CalibrationLimit extends CalibrationClient, CalibrationLoad {
  /** Bound of the p99 errors of TTFT and of the gaps, in ms. */
  readonly boundMs: number;
  /** Fewest streams that exceeded the bound; absent = none did, or not yet. */
  readonly tooManyStreams?: Count;
  /** Why the search ended; anything but `error` means that more streams may still be fine. */
  readonly endedBy: "error" | "engine" | "time" | "descriptors";
}

/** Memory that one more stream costs a client. */
export interface MemoryPerStream extends CalibrationClient {
  /** (peak with many streams − peak with few) ÷ (many − few), of the whole process, in KiB. */
  readonly kibPerStream: number;
  /** The difference was too small to measure: `kibPerStream` is an upper bound. */
  readonly atMost: boolean;
  /** Streams of the smaller run. */
  readonly fewStreams: Count;
  /** Streams of the larger run. */
  readonly manyStreams: Count;
}

/** Calibration that applies to a run: same machine, transport and number of worker threads. */
export interface RunCalibration {
  /** When the newest cell was measured, ISO 8601. */
  readonly savedAt: string;
  /** Cells, in any order. */
  readonly cells: readonly CalibrationCell[];
  /**
   * Limits found on this machine, including other transports and numbers of threads that the run
   * could use instead. Absent in older files.
   */
  readonly limits?: readonly CalibrationLimit[];
}
