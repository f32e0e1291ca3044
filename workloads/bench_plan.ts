/**
 * What a run is made from: every choice with its default, before anything is sent.
 *
 * @module
 */
import type { Sampling } from "../backends/protocol.ts";
import type { RunHeader, RunScenario, RunShare, TransportReason } from "../metrics/run.ts";
import type { ServerUrl } from "./bench_servers.ts";
import type { Measurement } from "./bench_order.ts";
import type { MetricsChoice } from "./bench_server_metrics.ts";
import type { OptionValue } from "./command.ts";
import type { LengthSpec } from "./dataset_length.ts";
import type { MixClass } from "./dataset_mix.ts";
import type { GpuChoice } from "./gpu_sampler.ts";
import type { CancelSpec, Load, Stop } from "./load.ts";
import type { Dataset } from "./prompt.ts";
import type { ModelAssignment } from "./session_models.ts";
import type { ReplayPlan } from "./session_plan.ts";
import type { SaltScope } from "./session_salt.ts";

/** A benchmark run, fully decided. It holds secrets and is never written anywhere. */
export interface BenchPlan {
  /** Name of the command, for the record's header. */
  readonly scenario: string;
  /** Server under test with its scheme; for a model in process its folder or name. */
  readonly url: string;
  /** What follows the `?` of the address; may be a secret. */
  readonly query?: string;
  /** Name in the registry of protocols, e.g. `openai-chat`. */
  readonly protocol: string;
  /** Name in the registry of transports, e.g. `fetch`. */
  readonly transport: string;
  /** Why `--transport auto` took it, once it has. */
  readonly transportChoice?: TransportReason;
  /** Path of the generation call; absent = the protocol's own. */
  readonly endpoint?: string;
  /** All servers, where they are several; the first is `url` with `query`. */
  readonly urls?: readonly ServerUrl[];
  /** Name to send; absent = the first one the server lists. */
  readonly model?: string;
  /** Models to ask for, where they are several; the first is `model`. */
  readonly models?: readonly RunShare[];
  /** How a request or a session gets one of them: drawn by weight, or by turns. */
  readonly modelAssignment?: ModelAssignment;
  /**
   * Header, in lower case, whose value is another one for each session, and for each request that
   * belongs to none.
   */
  readonly sessionHeader?: string;
  /** What its values begin with: another text in each run. */
  readonly sessionMark?: string;
  /** Secret, already read from its source; absent = none is sent. */
  readonly apiKey?: string;
  /** Extra request headers by name; may be secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM text. */
  readonly caCert?: string;
  /** Accept any TLS certificate. */
  readonly insecure: boolean;
  /** Use the proxy of the environment for local addresses, too. */
  readonly proxyLocal: boolean;
  /** Time limit per request, in ms; 0 = none. */
  readonly timeoutMs: number;
  /** Largest body of an answer; default 48 MiB. */
  readonly maxAnswerBytes?: number;

  /** Time to wait for a server that is not there yet, in ms; absent = it must be there. */
  readonly waitMs?: number;

  /** What is measured, one after another. */
  readonly loads: readonly Load[];
  /** For each load, in the same order. */
  readonly stops: readonly Stop[];
  /**
   * What is sent before each load and not counted, in the same order: so many of the pool's requests, or
   * `short`: one with a short answer for each stream of the load, all at once.
   */
  readonly warmups: readonly (number | "short")[];
  /** The order of measurement, where loads are repeated; absent = each of them once. */
  readonly order?: readonly Measurement[];
  /** The other side, which is measured by turns with this one: the same loads of the same prompts. */
  readonly other?: OtherSide;
  /** Time for requests in flight to finish when sending has ended, in ms. */
  readonly graceMs: number;
  /** Threads that send and read; 0 = the main one. */
  readonly workers: number;
  /** Most requests before the first bytes of their answers; absent = no limit. */
  readonly maxPrefill?: number;
  /** Users who leave; absent = none. */
  readonly cancel?: CancelSpec;
  /**
   * Connections that fail in a row before the server counts as gone; 0 = never, absent = 20, and at
   * least two for each user.
   */
  readonly stopOnErrors?: number;

  /** Name in the registry of datasets, e.g. `sharegpt`. */
  readonly dataset: string;
  /** File of the dataset, where it reads one. */
  readonly datasetPath?: string;
  /** Size of the pool of prompts. */
  readonly prompts: number;
  /** So many of these may be missing: only users that are faster than others need them. */
  readonly sparePrompts?: number;
  /** The pool is all of a file, at most `prompts`. */
  readonly allPrompts?: boolean;
  /** The dataset's own options. */
  readonly datasetExtra: Readonly<Record<string, unknown>>;
  /** Classes of a mix with their datasets, in place of `dataset`. */
  readonly classes?: readonly MixClass[];
  /** What the marks at the front of prompts are renewed for. */
  readonly saltScope: SaltScope;
  /** What the marks and synthetic prompts follow from; empty = prompts of earlier runs may come again. */
  readonly salt: string;
  /** The prefixes of prompts are sent once before each load, so that a cache has them. */
  readonly warmPrefixes?: boolean;
  /** What is asked to empty its prefix cache before each load: an engine, or a URL that is posted to. */
  readonly resetCache?: string;
  /** A recording that is replayed, in place of a pool of prompts. */
  readonly replay?: ReplayPlan;
  /** Prompts that the command made itself, instead of a dataset's. */
  readonly own?: OwnPrompts;
  /** Answer lengths that override the dataset's own. */
  readonly outputTokens?: LengthSpec;
  /** System message before every prompt. */
  readonly systemPrompt?: string;
  /** User messages of a conversation that go into one prompt. */
  readonly turns: number;
  /** Folder or file to load; absent = lengths are estimates. */
  readonly tokenizer?: string;

  /** `false`: the tokenizer is for prompts alone, and answers are never encoded. Default true. */
  readonly countText?: boolean;
  /** Records have the events at each tick, for a script's own numbers. */
  readonly eventTicks?: boolean;

  /** `forced`: answers of an exact length; `cap`: at most that length. */
  readonly length: "forced" | "cap";
  /** Name of the field with the length, where it is not the protocol's own. */
  readonly lengthField?: "max_completion_tokens";
  /** Ask for answers token by token; without it only E2E is measured. */
  readonly stream: boolean;
  /** Parameters sent with every request; absent ones are the engine's. */
  readonly sampling: Sampling;
  /** Fields merged over every request body; null removes one. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Everything random on our side follows from it. */
  readonly seed: number;
  /** Keep answers in the record file. */
  readonly saveText: boolean;
  /** What looks at this machine's GPUs; absent = nothing. */
  readonly gpu?: GpuChoice;
  /** Metrics endpoints that are read; absent = none. */
  readonly serverMetrics?: MetricsChoice;
  /** Run witness streams beside each load; absent = the command has none. */
  readonly witness?: boolean;
  /** File of calibrations; absent = the user's own, `false` = none. */
  readonly calibration?: string | false;
  /** Scenario whose rules were asked for, and those that options broke. */
  readonly ruledBy?: RunScenario;
  /** What the user calls the run. */
  readonly called?: Pick<RunHeader, "name" | "tags">;
  /** Option values that repeat the run, without secrets. */
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** The second side of a comparison inside a run. */
export interface OtherSide {
  /** How it is measured; its order is that of the first side. */
  readonly plan: BenchPlan;
  /** What differs besides the server, for people; absent = nothing. */
  readonly differs?: string;
}

/** Prompts made by a command whose loads differ in them. */
export interface OwnPrompts {
  /** The pool that all loads draw from. */
  readonly dataset: Dataset;
  /** For each load: its name in reports, and where in the pool its prompts begin. */
  readonly loads: readonly {
    readonly label: string;
    readonly warmupFrom: number;
    readonly from: number;
  }[];
}
