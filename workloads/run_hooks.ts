/**
 * What a run tells as it goes on, and the signals that stop it.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { LoadState } from "../metrics/load_state.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { SessionEnd } from "../metrics/run_replay.ts";
import type { Witness } from "../metrics/run_client.ts";
import type { ProgressState } from "./live_progress.ts";
import type { AgentTold } from "./live_fleet.ts";
import type { LiveServer } from "./live_state.ts";
import type { Dataset } from "./prompt.ts";
import type { LoadFinder } from "./run_finder.ts";
import type { Together } from "./run_together.ts";

/** What preparing reports. */
export interface PrepareHooks {
  /** Called a few times a second while requests run, and while prompts take long to load. */
  readonly onProgress?: (state: ProgressState) => void;
  /** Receives remarks for the user, one line each. */
  readonly note?: (line: string) => void;
  /** First Ctrl-C. */
  readonly stopSignal?: AbortSignal;
}

/** Signals that stop a run, and functions that it calls as it goes on. */
export interface MeasureHooks extends PrepareHooks {
  /** First Ctrl-C: stop sending, drain. */
  readonly stopSignal: AbortSignal;
  /** Second Ctrl-C: cancel what is in flight. */
  readonly abortSignal: AbortSignal;
  /** Command line without secrets, for the header. */
  readonly commandLine: readonly string[];
  /** Called once everything is prepared, just before the first load. */
  readonly onHeader?: (header: RunHeader) => Promise<void>;
  /** Called once the prompts are chosen; the server may not have answered the check yet. */
  readonly onDataset?: (dataset: Dataset) => void;
  /** `false`: records go to {@linkcode onRecord} alone, the run has none. Default `true`. */
  readonly keepRecords?: boolean;
  /** Decides the loads while the run goes on: those of the plan are examples. Absent = it has them all. */
  readonly finder?: LoadFinder;
  /** Called for each load that the header does not know, before anything of it is sent. */
  readonly onPlan?: (plan: LoadPlan) => void;
  /** Called for each request that has ended, warm-up included. */
  readonly onRecord?: (record: RequestRecord) => void;
  /**
   * Makes the server of a side ready, before it is checked and before each of its loads; `block` is the
   * repeat. A rejection is the loss of that server.
   */
  readonly onTurn?: (turn: { readonly side: number; readonly block?: number }) => Promise<void>;
  /** Called for what other clients have collected of a load, in place of its records; before its end. */
  readonly onState?: (state: LoadState) => void;
  /** Called when a session of a measured load has ended. */
  readonly onSession?: (session: SessionEnd) => void;
  /** Called every few seconds with what the witness of a load has shown so far. */
  readonly onWitness?: (witness: Witness) => void;
  /** Called when the server's metrics were read. */
  readonly onScrape?: (server: LiveServer) => void;
  /** Called when an agent of a fleet tells how it is, once a second, and when it is lost. */
  readonly onAgent?: (told: AgentTold) => void;
  /**
   * Called when no request of a measured load is in flight any more; the next load begins when what it
   * returns has resolved.
   */
  readonly onLoadEnd?: (end: LoadEnd) => void | Promise<void>;
  /** Other machines send the same loads at the same time; absent = this client sends all. */
  readonly together?: Together;
}

/** Is told of a run as it goes on, and then of its end. */
export interface RunObserver {
  /** Everything is prepared. */
  onHeader(header: RunHeader): void;
  /** A load was decided that the header does not know. */
  onPlan(plan: LoadPlan): void;
  /** A request has ended, warm-up included. */
  onRecord(record: RequestRecord): void;
  /** A load has ended; the next begins when it has resolved. */
  onLoadEnd(end: LoadEnd): Promise<void>;
  /** The run has ended, and its reports are there. */
  finish(): Promise<void>;
}
