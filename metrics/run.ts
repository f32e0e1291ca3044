/**
 * A run as the record file keeps it: what was planned, on which machine, how exact its client was
 * found to be, and when each load began and ended. Every report is made from this and the records.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { MergedClients } from "./merged_clients.ts";

/** Version of the record file, in its header. */
export const RECORD_SCHEMA = "tokometer.record/4";

/** This version and the older ones, whose files lack only what came later. */
const RECORD_SCHEMAS: readonly unknown[] = [
  RECORD_SCHEMA,
  "tokometer.record/3",
  "tokometer.record/2",
  "tokometer.record/1",
];

/** Whether a record file of this version can be read. */
export function isRecordSchema(schema: unknown): boolean {
  return RECORD_SCHEMAS.includes(schema);
}

/** `promptId` of the requests of a short warm-up: prompts that no load measures. */
export const WARM_UP_PROMPT = "warm-up";

/** Loads that one run may have: each has charts and tables of its own. */
export const MOST_LOADS = 1000;

/**
 * A whole number, 0 or more.
 *
 * @asType integer
 * @minimum 0
 */
export type Count = number;

/** Machine and programs of the client. A value that the client may not read is absent. */
export interface Environment {
  /** As Deno names it: `linux`, `darwin`, `windows`. */
  readonly os: string;
  /** Version of the kernel. */
  readonly osRelease?: string;
  /** Instruction set, e.g. `x86_64` or `aarch64`. */
  readonly arch: string;
  /** Model name of the processor; Linux only. */
  readonly cpu?: string;
  /** Logical processors of the machine, as far as the client can see. */
  readonly cores: Count;
  /**
   * Processors that the client may use by its affinity (`taskset`) and by the CPU quota of its
   * container, which need not be whole, e.g. 0.5; absent in older files.
   */
  readonly effectiveCores?: number;
  /**
   * Whether the client may call native libraries, as the transport `epoll` does: `true` = granted,
   * `false` = refused; absent = neither, so `--allow-ffi` would grant it.
   */
  readonly ffi?: boolean;
  /** Size of the main memory in MiB. */
  readonly memoryMiB?: number;
  /** Network name of the client's machine. */
  readonly hostname?: string;
  /** Version of the runtime, e.g. `2.9.6`. */
  readonly deno: string;
  /** Version of the runtime's JavaScript engine. */
  readonly v8: string;
}

/** One load as planned. */
export interface LoadPlan {
  /** Name of the load, e.g. `64 users` or `8 req/s poisson`. */
  readonly label: string;
  /** `closed`: users who wait for each answer; `open`: arrivals on a schedule. */
  readonly kind: "closed" | "open";
  /** Closed loop: number of users. */
  readonly users?: Count;
  /** Closed loop: time over which users start, in ms. */
  readonly rampUpMs?: number;
  /** Open loop: distribution of the gaps between arrivals. */
  readonly arrival?: "constant" | "poisson" | "gamma" | "calibrated-poisson" | "trace";
  /** Stages of the rate, in their order; absent = the rate stays the same. */
  readonly stages?: readonly RateStagePlan[];
  /** Requests wait for others (`sessions`) or leave as recorded (`schedule`); absent = neither. */
  readonly replay?: "sessions" | "schedule";
  /** Schedule: recorded times are divided by it. */
  readonly speedup?: number;
  /** Users: pause between an answer and the next request, as a distribution, e.g. `5000`, in ms. */
  readonly thinkTime?: string;
  /** Most requests before their first token; absent = no limit. */
  readonly maxPrefill?: Count;
  /** Users who leave: how many, and when, e.g. `10%:after=ttft+500ms`; absent = none. */
  readonly cancel?: string;
  /** Open loop: planned arrivals per second; with stages their mean over the load. */
  readonly ratePerSec?: number;
  /** Open loop: limit of requests in flight; 0 = none. */
  readonly maxInFlight?: Count;
  /** Open loop: what happens to a request that is due at that limit. */
  readonly overflow?: "wait" | "drop";
  /** Sending stops after this many requests; absent = no limit. */
  readonly stopRequests?: Count;
  /** Sending stops after this time in ms; absent = no limit. */
  readonly stopDurationMs?: number;
}

/** A part of a load with a rate of its own. */
export interface RateStagePlan {
  /** Rate at its start, requests per second. */
  readonly fromPerSec: number;
  /** Rate at its end. */
  readonly toPerSec: number;
  /** How it changes between them; absent = it does not, or linearly. */
  readonly exponential?: true;
  /** Length in ms. */
  readonly durationMs: number;
}

/** How recorded traffic or sessions are sent. */
export interface RunReplay {
  /** Format of the recording, e.g. `mooncake`. */
  readonly format: string;
  /** `schedule`: at recorded instants; `sessions`: each request after what it waits for. */
  readonly mode: "schedule" | "sessions";
  /** Sessions found, and requests in them, those left out not counted. */
  readonly sessions: Count;
  /** Requests of all sessions. */
  readonly turns: Count;
  /** Recorded times are divided by it; schedule only. */
  readonly speedup?: number;
  /** Longest delay in ms; absent = no limit. */
  readonly idleCapMs?: number;
  /** `recorded`: prompts hold the recorded answers; `live`: those of the server. */
  readonly history: "recorded" | "live";
  /** Tokens of a block, where prompts are made from block ids. */
  readonly blockTokens?: Count;
  /** Share of the prompt tokens that a perfect cache has when the file is sent in its order, 0 to 1. */
  readonly expectedShare?: number;
  /** Sessions begin at an instant of their record that is drawn from 0 to this share. */
  readonly sessionStart?: number;
}

/** A scenario with rules of its own, and whether the run kept them. */
export interface RunScenario {
  /** Its name, e.g. `agentx`. */
  readonly name: string;
  /** Rules that options broke, each in a sentence without a period; empty = none. */
  readonly broken: readonly string[];
}

/** A share of the requests: a class of a mix, or a model. */
export interface RunShare {
  /** Name of the class or of the model. */
  readonly name: string;
  /** Weight among all of the list. */
  readonly weight: number;
}

/** The prompts of a run. */
export interface RunDataset {
  /** Kind of dataset, e.g. `synthetic`. */
  readonly kind: string;
  /** File or generator. */
  readonly source: string;
  /** SHA-256 of the file, in hex. */
  readonly sha256?: string;
  /** Prompts used. */
  readonly prompts: Count;
  /** Entries left out, by reason. */
  readonly skipped: Readonly<Record<string, Count>>;
  /** Prompts that repeat an earlier one. */
  readonly duplicates: Count;
  /** Rows of the file that could not be used, in a sentence without a period; absent = none. */
  readonly bad?: string;
  /** What else is to be known of the prompts, each in a sentence without a period. */
  readonly remarks?: readonly string[];
  /** Datasets of the classes of a mix, in the order of the header's `classes`. */
  readonly parts?: readonly RunDatasetPart[];
}

/** The dataset of one class of a mix. */
export interface RunDatasetPart {
  /** Name of the class. */
  readonly class: string;
  /** Kind of dataset, e.g. `jsonl`. */
  readonly kind: string;
  /** File or generator. */
  readonly source: string;
  /** SHA-256 of the file, in hex. */
  readonly sha256?: string;
  /** Prompts of its own; a class that needs more sends them again from the first. */
  readonly prompts: Count;
  /** Entries left out, by reason. */
  readonly skipped: Readonly<Record<string, Count>>;
  /** Prompts that repeat an earlier one. */
  readonly duplicates: Count;
  /** Mean length of its prompts in tokens, as the client counts them. */
  readonly promptTokens: number;
  /** Mean length of the answers that are asked for, in tokens. */
  readonly outputTokens: number;
}

/** How the client counted tokens of texts. */
export interface RunTokenizer {
  /** A tokenizer, or an estimate from the length of the text. */
  readonly source: "tokenizer" | "estimate";
  /** Name of the tokenizer, or how the estimate is made. */
  readonly name: string;
}

/** What was run, where and how: the first line of a record file. */
export interface RunHeader {
  /** Version of the record file; readers refuse any other. */
  readonly schema: typeof RECORD_SCHEMA;
  /** Version of Tokometer. */
  readonly version: string;
  /** Start of the run, ISO 8601, UTC. */
  readonly startedAt: string;
  /** Name of the command, e.g. `bench`. */
  readonly scenario: string;
  /** Command line without secrets. */
  readonly commandLine: readonly string[];
  /** Option values that repeat the run; `--config FILE` reads them back. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Server under test, without a password. */
  readonly url: string;
  /** Name of the protocol spoken, e.g. `openai-chat`. */
  readonly protocol: string;
  /** Name of the transport, e.g. `fetch`. */
  readonly transport: string;
  /** Why `--transport auto` took it; absent where the user named it. */
  readonly transportChoice?: TransportReason;
  /** Requests went through the environment's proxy, which only `fetch` and `grpc` know. */
  readonly proxied?: true;
  /** That proxy, `host:port`; absent also in older files. */
  readonly proxy?: string;
  /** Worker threads that send and read; 0 = the main thread does it. */
  readonly workers: Count;
  /** Served model name that was sent. */
  readonly model: string;
  /** `forced`: answers have exactly the requested length; `cap`: at most that length. */
  readonly length: "forced" | "cap";
  /** Whether answers were streamed; without streaming there is no first token. */
  readonly stream: boolean;
  /** Seed of prompts, lengths, order and arrivals. */
  readonly seed: number;
  /** Where the prompts came from. */
  readonly dataset: RunDataset;
  /** How sessions or recorded traffic are sent; absent = single requests. */
  readonly replay?: RunReplay;
  /** Scenario whose rules were asked for. */
  readonly ruledBy?: RunScenario;
  /** Classes of a mix; absent = there is none. */
  readonly classes?: readonly RunShare[];
  /** Models that are asked for, where they are several. */
  readonly models?: readonly RunShare[];
  /** Servers under test without passwords, where they are several; the first is `url`. */
  readonly urls?: readonly string[];
  /** What the salt is renewed for; absent = older files, or prompts without one. */
  readonly saltScope?: "load" | "session" | "request" | "none";
  /** Share of the prompt tokens that the prefix cache is to have, 0 to 1; absent = not asked for. */
  readonly askedCachedShare?: number;
  /** What was asked to empty its prefix cache before each load; absent = nothing. */
  readonly resetCache?: string;
  /** How the client counted tokens of texts. */
  readonly tokenizer: RunTokenizer;
  /** Loads as planned, in the order of measurement. */
  readonly loads: readonly LoadPlan[];
  /** Machine and programs of the client. */
  readonly environment: Environment;
  /** Clients whose records were merged; absent in a record file, which has one client. */
  readonly merged?: MergedClients;
  /** How exact this client was found to be; absent = not calibrated on this machine. */
  readonly calibration?: RunCalibration;
}

/** What the client measured of itself during one load. Values that are not known are absent. */
export interface ClientHealth {
  /** CPU time of the client process ÷ wall time; 1 = one core busy. */
  readonly cpuCores?: number;
  /** Median lateness of timers on the reading thread, in ms. */
  readonly loopLagP50Ms?: number;
  /** 99th percentile of that lateness, in ms. */
  readonly loopLagP99Ms?: number;
  /** Largest lateness of those timers, in ms. */
  readonly loopLagMaxMs?: number;
  /** Largest resident memory sampled, in MiB. */
  readonly peakRssMiB?: number;
  /** CPU time of the busiest reading thread ÷ wall time, helper threads excluded. */
  readonly threadCpu?: number;
  /** Share of the time in which that thread was ready to run and waited for a core. */
  readonly threadWait?: number;
  /** Open files and sockets of the process at the end of the load. */
  readonly descriptors?: Count;
  /** Limit of open files and sockets (`ulimit -n`). */
  readonly descriptorLimit?: Count;
  /**
   * Share of reads that the kernel stamped on arrival, so that reading them late does no harm.
   * Absent where there were none: only `epoll` has kernel stamps.
   */
  readonly kernelStampedReads?: number;
  /** Pooled connections that the server had closed and that were replaced. */
  readonly replacedConnections?: Count;
}

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

/** Why `--transport auto` took what it took. */
export interface TransportReason {
  /** Clauses without a period. */
  readonly why: string;
  /** It went by what `tokometer calibrate` had found on this machine. */
  readonly calibrated: boolean;
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

/** The GPUs of this machine during one load, sampled; times in ms from the start of the load. */
export interface GpuSamples {
  /** Where samples come from: NVML lists processes and counts energy, `nvidia-smi` does neither. */
  readonly source: "nvml" | "nvidia-smi";
  /** Time of each sample, at most 600, in ms from the start of the load. */
  readonly timeMs: readonly number[];
  /** GPUs that could be read, by their numbers. */
  readonly devices: readonly GpuTrack[];
}

/** One GPU; lists have a value per sample, `null` where it is unknown. */
export interface GpuTrack {
  /** Number of the GPU as in NVIDIA's tools, from 0. */
  readonly index: Count;
  /** Product name, e.g. `NVIDIA H200`. */
  readonly name: string;
  /** Size of its memory, in MiB. */
  readonly memoryTotalMiB?: number;
  /** Memory in use by all processes before the run's first request, in MiB. */
  readonly memoryStartMiB?: number;
  /** Memory in use by all processes, in MiB; the largest value where samples were merged. */
  readonly memoryMiB: readonly (number | null)[];
  /** Memory in use by this program and its children, in MiB; absent where it is unknown. */
  readonly ownMiB?: readonly (number | null)[];
  /** Memory in use by other processes, in MiB; absent where it is unknown. */
  readonly otherMiB?: readonly (number | null)[];
  /** Share of the time in which a GPU kernel ran, 0 to 1. */
  readonly utilization: readonly (number | null)[];
  /** Power of the board, in W. */
  readonly powerW: readonly (number | null)[];
  /** Energy from the first to the last sample, in J. */
  readonly energyJ?: number;
  /** `counter`: the GPU's energy counter; `power`: power integrated over time. */
  readonly energyFrom?: "counter" | "power";
}

/** How late something was, in ms; absent without values. */
export interface LatenessSpread {
  /** Median. */
  readonly p50Ms?: number;
  /** 90th percentile; absent for fewer than 10 values. */
  readonly p90Ms?: number;
  /** 99th percentile; absent for fewer than 100 values. */
  readonly p99Ms?: number;
  /** Largest. */
  readonly maxMs?: number;
}

/**
 * What a few streams showed of the client while a load ran: they went through the same threads and
 * transport to an engine of ours, in a thread of its own, whose log has the true times.
 */
export interface Witness {
  /** Concurrent streams. */
  readonly streams: Count;
  /** Completed requests that the engine's log knows. */
  readonly requests: Count;
  /** Ticks compared with the log. */
  readonly ticks: Count;
  /** Of these, ticks whose true time lies in what the client's stamp leaves open; absent where the transport leaves it open altogether. */
  readonly ticksInside?: Count;
  /** Of the requests, those whose arrival lies between `sentMs` and `departedMs`; absent likewise. */
  readonly departuresInside?: Count;
  /**
   * Client's stamp − engine's write; − the time planned for it, where the engine was held up for more
   * than 5 ms, as all of the process may have been.
   */
  readonly readLate: LatenessSpread;
  /** Arrival at the engine − `sentMs`. */
  readonly departLate: LatenessSpread;
  /** Width of the windows below, in ms. */
  readonly windowMs: number;
  /** Largest of the same in each window from the start of the load; `null` without a tick. */
  readonly readLateMaxMs: readonly (number | null)[];
  /** Largest arrival − `sentMs` in each window; `null` without a request. */
  readonly departLateMaxMs: readonly (number | null)[];
  /** CPU time of the engine's thread during the load, in ms; absent = unknown. */
  readonly cpuMs?: number;
}

/** The end of a server, as its client saw it. */
export interface ServerLost {
  /** First of the connections that failed in a row, in ms from the start of the load. */
  readonly atMs: number;
  /** How many failed in a row before the load was stopped; 0 = they did before this load. */
  readonly failures: Count;
  /** Why the last of them failed. */
  readonly message: string;
}

/** End of one load, as a line of the record file. Times in ms from the start of the load. */
export interface LoadEnd {
  /** 0-based position in the header's `loads`. */
  readonly load: Count;
  /** When the load began, in ms since the epoch by this client's clock; absent in older files. */
  readonly startedAtMs?: number;
  /** From the start of the load to the end of the last counted request. */
  readonly durationMs: number;
  /** When the last user's first request left; the end of the load, where not every user began. */
  readonly rampEndMs: number;
  /** First moment when nothing was left to send. */
  readonly sendingEndMs: number;
  /** Stopped by Ctrl-C, or ended with the client. */
  readonly interrupted: boolean;
  /** The run was stopped before this load began: its times are 0. */
  readonly skipped?: true;
  /** The server went away, which ended this load or kept it from being sent; absent = it stayed. */
  readonly serverLost?: ServerLost;
  /** The client ended without writing this line: the values come from its records. */
  readonly inferred?: true;
  /** What streams of known timing showed of this client; absent = there were none. */
  readonly witness?: Witness;
  /** Why there were none, in a sentence without a period. */
  readonly witnessAbsent?: string;
  /** How busy the client was; absent = not measured. */
  readonly client?: ClientHealth;
  /** GPU samples; absent when none were taken. */
  readonly gpu?: GpuSamples;
  /** Why the server's prefix cache was not emptied before it, as was asked. */
  readonly cacheNotReset?: string;
}

/** How a session went, as a line of the record file. Times in ms from the start of the load. */
export interface SessionEnd {
  /** 0-based position in the header's `loads`. */
  readonly load: Count;
  /** As in its records. */
  readonly session: string;
  /** Slot that it ran in. */
  readonly user: Count;
  /** When it took the slot. */
  readonly startMs: number;
  /** When its last request had ended. */
  readonly endMs: number;
  /** Requests sent and measured. */
  readonly sent: Count;
  /** Requests that a failure, a context that is too long, or the end of the load kept from being sent. */
  readonly notSent: Count;
  /** Requests before the drawn instant at which it began. */
  readonly leftOut?: Count;
  /** Why it ended: `done`, a failed request, one that the context has no room for, or the end of the load. */
  readonly end: "done" | "failed" | "context" | "cut";
}

/** A run as it was measured; every summary is made from it. */
export interface Run {
  /** What was run, where and how. */
  readonly header: RunHeader;
  /** In the order in which they were recorded, warm-up included. */
  readonly records: readonly RequestRecord[];
  /** One per load that was measured or skipped; a killed client's run has fewer. */
  readonly ends: readonly LoadEnd[];
  /** Sessions that ended, in the order of their ends; absent = the run had none. */
  readonly sessions?: readonly SessionEnd[];
}
