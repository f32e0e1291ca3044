/**
 * A run as the record file keeps it: what was planned, on which machine, how exact its client was
 * found to be, and when each load began and ended. Every report is made from this and the records.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Count } from "./count.ts";
import type { MergedClients } from "./merged_clients.ts";
import type { RunCalibration } from "./run_calibration.ts";
import type { ClientHealth, Witness } from "./run_client.ts";
import type { RunDataset, RunTokenizer } from "./run_dataset.ts";
import type { LoadState } from "./load_state.ts";
import type { RunFind } from "./run_find.ts";
import type { FleetEnd, RunFleet, RunPart } from "./run_fleet.ts";
import type { GpuSamples } from "./run_gpu.ts";
import type { RunReplay, SessionEnd } from "./run_replay.ts";
import type { ServerScrapes } from "./run_server.ts";

/** Version of the record file, in its header. */
export const RECORD_SCHEMA = "tokometer.record/7";

/** This version and the older ones, whose files lack only what came later. */
const RECORD_SCHEMAS: readonly unknown[] = [
  RECORD_SCHEMA,
  "tokometer.record/6",
  "tokometer.record/5",
  "tokometer.record/4",
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
  /** Which repeat of the same load it is, from 1 on; absent = the load is measured once. */
  readonly repeat?: Count;
  /** Side of a comparison inside the run, position in the header's `sides`; absent = there are none. */
  readonly side?: Count;
  /** The load was decided while the run went on: rate, users, speed or sessions that it tried. */
  readonly probe?: number;
}

/** One of the sides that a run compares by turns. */
export interface RunSide {
  /** Its name in reports, e.g. `a`. */
  readonly name: string;
  /** Its server, without a password. */
  readonly url: string;
  /** What differs besides the server, for people, e.g. `--extra-body {"n":2}`; absent = nothing. */
  readonly differs?: string;
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
  /** Name that the user gave the run; absent = none. */
  readonly name?: string;
  /** Tags that the user gave it. */
  readonly tags?: Readonly<Record<string, string>>;
  /** How often each load is measured; absent = once. */
  readonly repeats?: Count;
  /** Sides that are compared by turns; absent = there is one server. */
  readonly sides?: readonly RunSide[];
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
  /** Metrics endpoints that are read, without passwords; absent = none. */
  readonly serverMetrics?: readonly string[];
  /** What was asked to empty its prefix cache before each load; absent = nothing. */
  readonly resetCache?: string;
  /** How the client counted tokens of texts. */
  readonly tokenizer: RunTokenizer;
  /** What the run looks for, which decides its loads as it goes on; absent = all are planned. */
  readonly find?: RunFind;
  /** Loads as planned, in the order of measurement; those that were decided later are added. */
  readonly loads: readonly LoadPlan[];
  /** Machine and programs of the client. */
  readonly environment: Environment;
  /** Clients whose records were merged; absent in a record file, which has one client. */
  readonly merged?: MergedClients;
  /** How exact this client was found to be; absent = not calibrated on this machine. */
  readonly calibration?: RunCalibration;
  /** The part of a fleet's run that this client sent; its loads are those of all. Absent = it sent all. */
  readonly part?: RunPart;
  /** The machines that sent the loads together; absent = one client did. */
  readonly fleet?: RunFleet;
}

/** Why `--transport auto` took what it took. */
export interface TransportReason {
  /** Clauses without a period. */
  readonly why: string;
  /** It went by what `tokometer calibrate` had found on this machine. */
  readonly calibrated: boolean;
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
  /** What the server's metrics endpoints said; absent when none was read. */
  readonly scrapes?: readonly ServerScrapes[];
  /** Why the server's prefix cache was not emptied before it, as was asked. */
  readonly cacheNotReset?: string;
  /** Why the search stopped it before its end, in a clause without a period; absent = it did not. */
  readonly cutShort?: string;
  /** How it went on each machine of a fleet; absent = one client sent it. */
  readonly fleet?: FleetEnd;
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
  /** What was collected of loads elsewhere, in place of records; absent = nothing. */
  readonly states?: readonly LoadState[];
}
