/**
 * What the leader of a fleet and its agents say to each other. Times are in ms since the epoch, each by
 * the clock of who says it; only `clock` relates two of them.
 *
 * | subject, behind `tokometer.<fleet>.` | who → who | how |
 * |---|---|---|
 * | `hello` | agent → leader | asked again and again until there is a plan |
 * | `time` | agent → leader | asked; the clocks are compared |
 * | `<run>.secrets` `<run>.lease` `<run>.find` `<run>.next` | agent → leader | asked |
 * | `<run>.prepared` | agent → leader | asked until it is answered, with nothing |
 * | `<run>.ready` | agent → leader | asked until the load begins or is left out; answered by the beat |
 * | `<run>.beat` | leader → agents | all that holds now: once a second, and at once when it changes |
 * | `<run>.update` | agent → leader | once a second |
 * | `<run>.end.<agent>` | agent → leader | delivered: the end of a load |
 * | `<run>.done.<agent>` | agent → leader | delivered: the agent leaves |
 *
 * @module
 */
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import type { RunFind } from "../metrics/run_find.ts";
import type { ClockOffset, FleetPart } from "../metrics/run_fleet.ts";
import type { AgentShare, LeasedPortion } from "./agent_share.ts";
import type { OptionValue } from "./command.ts";
import type { ProgressState } from "./live_progress.ts";
import type { DecidedLoad } from "./run_finder.ts";
import type { MeetingPoint } from "./run_together.ts";

/** Version of the messages; leader and agents must have the same, and the same version of the program. */
export const FLEET_PROTOCOL = 1;

/** How often a leader beats and an agent tells. */
export const BEAT_MS = 1000;
/** A side that was not heard of for so long is lost to the other. */
export const LOST_MS = 30_000;

/** An agent looks for work. */
export interface Hello {
  readonly protocol: number;
  readonly version: string;
  /** Drawn by each process, so that one that came twice is told apart. */
  readonly agent: string;
  readonly hostname?: string;
  readonly pid: number;
  readonly cores?: number;
  /** Number that what started it gave it (`SLURM_PROCID`, `JOB_COMPLETION_INDEX`, `--rank`). */
  readonly rank?: number;
}

/** What a leader answers. */
export type HelloAnswer =
  /** The fleet is not complete, or another run goes on. */
  | { readonly kind: "wait"; readonly why: string }
  /** It must not ask again. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "plan"; readonly plan: FleetPlan };

/** What an agent is to do. */
export interface FleetPlan {
  /** Drawn by the leader. */
  readonly run: string;
  readonly share: AgentShare;
  /** Servers under test. */
  readonly urls: readonly string[];
  /**
   * Values of `bench`'s options by their camel-case names, with everything that is drawn (salt, seed) and
   * without secrets. An option that names a file or folder has the name of a {@linkcode FleetFile}.
   */
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly files: readonly FleetFile[];
  /** The leader gives out the loads one by one. */
  readonly finds: boolean;
  /** The leader has secrets for those who ask (`--send-key`). */
  readonly hasSecrets: boolean;
  /** Record files are to be stored when the run is over. */
  readonly collect: boolean;
  /** A side that was not heard of for so long is lost, ms. */
  readonly lostMs: number;
}

/** A file that a plan needs, on the leader's machine and, by content, on each agent's. */
export interface FleetFile {
  /** Key of the option that names it. */
  readonly option: string;
  /** As the option names it on the leader's machine. */
  readonly path: string;
  /** A folder has several; its own name is "". */
  readonly parts: readonly {
    /** Below the folder; "" = the file itself. */
    readonly name: string;
    /** SHA-256 in hex; the name under which it is stored. */
    readonly sha256: string;
    readonly bytes: number;
  }[];
}

/** Secrets, only ever as an answer, never kept. */
export interface FleetSecrets {
  /** Values of options that hold secrets, by their camel-case names: the key, headers, parts of a body. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Servers under test with their passwords; absent = those of the plan have none. */
  readonly urls?: readonly string[];
}

/** Everything is prepared. */
export interface Prepared {
  readonly agent: number;
  readonly header: RunHeader;
  /** Where its record file is. */
  readonly file?: string;
}

/** An agent has come to a point before a load: at `begin` it can begin it. */
export interface Ready {
  readonly agent: number;
  readonly load: number;
  readonly point: MeetingPoint | "begin";
}

/** Points before a load, in their order. */
export const POINTS: readonly Ready["point"][] = ["quiet", "reset", "begin"];

/** All that holds in a run. An agent that heard the newest one knows everything. */
export interface Beat {
  readonly run: string;
  /** Grows. */
  readonly number: number;
  /** The load that begins or goes on, and when it began by the leader's clock; absent = none yet. */
  readonly load?: number;
  readonly beginAtMs?: number;
  /** The last point before a load to which all agents have come; absent = none yet. */
  readonly met?: { readonly load: number; readonly point: MeetingPoint };
  /** Loads that must not be sent, or go on: why. */
  readonly skip?: { readonly load: number; readonly reason: string };
  /** The search has seen enough of this load: why. */
  readonly cut?: { readonly load: number; readonly reason: string };
  /** Agents that are lost: what they send is no part of the run any more, and they go. Absent = none. */
  readonly lost?: readonly number[];
  /** First and second Ctrl-C. */
  readonly stop: boolean;
  readonly abort: boolean;
  /** The run is over; agents go. */
  readonly over: boolean;
  /** Why it stops before its end, in a clause without a period; absent = it does not, or Ctrl-C was pressed. */
  readonly why?: string;
}

/** How an agent is doing. */
export interface Update {
  readonly agent: number;
  /** Grows. */
  readonly number: number;
  readonly progress?: ProgressState;
  /** Requests of the load so far. */
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputTokens: number;
  /** Buckets of {@linkcode SmallHistogram} and counts since the update before: pairs of both. */
  readonly ttft: readonly number[];
  readonly itl: readonly number[];
  readonly clock?: ClockOffset;
  /** Why this agent alone would end the load of a search now, as `LoadFinder.whyStop`. */
  readonly cut?: string;
  /** It sends nothing more and leaves when what is in flight has ended: why, in a clause. */
  readonly leaving?: string;
}

/** A load has ended on an agent. */
export interface AgentEnd {
  readonly agent: number;
  readonly end: LoadEnd;
  readonly state: LoadState | undefined;
  readonly part: FleetPart;
}

/** An agent leaves. */
export interface AgentDone {
  readonly agent: number;
  /** Its record file; absent = it has none. */
  readonly file?: { readonly path: string; readonly sha256: string; readonly bytes: number };
  /** Why the file is incomplete. */
  readonly fileFailure?: string;
  /** Why it leaves before the end of the run, in a sentence without a period. */
  readonly reason?: string;
  /** What it exits with; the leader exits with the same where nothing was measured. */
  readonly exitCode?: number;
}

/** Question for requests of a closed load. */
export interface LeaseAsk {
  readonly agent: number;
  readonly load: number;
  /** How many it would like. */
  readonly want: number;
  /** Requests of the whole load; absent = any number, until its time is over. */
  readonly limit?: number;
  /** Grows with each question, so that one that is asked again is answered the same. */
  readonly number: number;
}

/** Answer; absent portion = there are none left. */
export interface LeaseAnswer {
  readonly portion?: LeasedPortion;
}

/** Question before the first load of a search, and its answer. */
export interface FindAsk {
  readonly agent: number;
  readonly answerMs: number;
}
export type FindAnswer =
  | { readonly kind: "wait" }
  | { readonly kind: "find"; readonly find: RunFind };

/** Question for the load after `after` (-1 = the first), and its answer. */
export interface NextAsk {
  readonly agent: number;
  readonly after: number;
}
export type NextAnswer =
  | { readonly kind: "wait" }
  | { readonly kind: "load"; readonly decided: DecidedLoad }
  | { readonly kind: "over" };
