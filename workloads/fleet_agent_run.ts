/**
 * An agent's part of one run, from the plan until it leaves.
 *
 * @module
 */
import { epochOriginMs, onAbort, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { LoadEnd, RunHeader } from "../metrics/run.ts";
import type { Accumulator } from "../metrics/summary.ts";
import { fleetPartOf } from "../metrics/summary_fleet_part.ts";
import type { Host } from "./command.ts";
import { type AskingFinder, createAskingFinder } from "./fleet_agent_finder.ts";
import { LeaderLine } from "./fleet_agent_line.ts";
import { leaveRun, Outbox, reasonOf } from "./fleet_agent_outbox.ts";
import { type AgentPlan, planShare } from "./fleet_agent_plan.ts";
import { type AgentTogether, createTogether } from "./fleet_agent_together.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { type ClockWatch, watchClock } from "./fleet_clock.ts";
import {
  type AgentEnd,
  BEAT_MS,
  type FleetPlan,
  type FleetSecrets,
  type Prepared,
} from "./fleet_messages.ts";
import { secretsShape } from "./fleet_shape_lead.ts";
import { createUpdateCounters, type UpdateCounters } from "./fleet_update.ts";
import type { ProgressState } from "./live_progress.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { measure } from "./run_measure.ts";
import { measureRecorded } from "./run_recorded.ts";
import { accumulateFor } from "./run_results.ts";
import { EXIT, UserError } from "./user_error.ts";

/** How an agent takes part. */
export interface AgentSettings {
  /** Name of the fleet. */
  readonly fleet: string;
  /** Number that what started it gave it; absent = the leader gives one. */
  readonly rank?: number | undefined;
  /** Longest wait for a plan, in ms; absent = as long as it takes. */
  readonly waitMs?: number | undefined;
  /** New folder for its record file: its path, or `true` for one named by date and time; absent = none. */
  readonly folder?: string | true | undefined;
  /** Folder that keeps fetched files by their content; absent = one of the user's. */
  readonly files?: string | undefined;
}

/** What a run is made of. */
export interface AgentRunOptions {
  readonly bus: FleetBus;
  readonly plan: FleetPlan;
  readonly settings: AgentSettings;
  readonly host: Host;
}

/** One part of one run. */
export class AgentRun {
  readonly #bus: FleetBus;
  readonly #plan: FleetPlan;
  readonly #settings: AgentSettings;
  readonly #host: Host;
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #line: LeaderLine;
  readonly #outbox: Outbox;
  readonly #counters: UpdateCounters;
  readonly #clock: ClockWatch;
  readonly #originMs = epochOriginMs();
  #finder: AskingFinder | undefined;
  #together: AgentTogether | undefined;
  #accumulator: Accumulator | undefined;
  #file: { readonly path: string; readonly failure: () => Error | undefined } | undefined;
  /** Why it leaves before the end. */
  #leaving: string | undefined;
  #leavingCode: number | undefined;
  #lost: string | undefined;

  constructor({ bus, plan, settings, host }: AgentRunOptions) {
    this.#bus = bus;
    this.#plan = plan;
    this.#settings = settings;
    this.#host = host;
    this.#outbox = new Outbox(bus, plan.run);
    this.#counters = createUpdateCounters(plan.share.agent);
    this.#line = new LeaderLine(bus, plan, {
      onStop: (why) => this.#stop(why),
      onAbort: () => this.#aborting.abort(),
      onLost: (why) => this.#lose(why),
    });
    this.#clock = watchClock(bus, { now: this.#now, signal: this.#line.gone });
  }

  /** This client's clock, ms since the epoch. */
  readonly #now = (): number => this.#originMs + systemClock.now();

  /** Measures, tells, and leaves. @returns the exit code. */
  async run(): Promise<number> {
    const { share: { agent, agents } } = this.#plan;
    const { interrupted, aborted, note } = this.#host;
    note(`Agent ${agent} of ${agents} in run ${this.#plan.run} of fleet ${this.#settings.fleet}`);
    const forget = [
      onAbort(interrupted, () => {
        this.#leave("it was interrupted on its machine");
        this.#stopping.abort();
      }),
      onAbort(aborted, () => this.#aborting.abort()),
    ];
    const telling = setInterval(() => this.#tell(), BEAT_MS);
    try {
      this.#tell();
      let failure: unknown;
      try {
        await this.#measure();
      } catch (error) {
        failure = error;
        if (!this.#stopping.signal.aborted) {
          this.#leave(reasonOf(error));
          this.#leavingCode = error instanceof UserError ? error.exitCode : EXIT.internal;
        }
      }
      await this.#leaveRun(this.#file?.failure());
      return this.#exitCode(failure);
    } finally {
      clearInterval(telling);
      for (const one of forget) one();
      this.#clock.stop();
      this.#line.close();
      this.#host.progress("");
    }
  }

  async #measure(): Promise<void> {
    const { folder } = this.#settings;
    const { bench, report } = await this.#prepare();
    const { share, finds, run } = this.#plan;
    const signal = this.#stopping.signal;
    if (finds) {
      this.#finder = createAskingFinder({
        ...{ line: this.#line, agent: share.agent, stopping: signal },
      });
    }
    this.#together = createTogether({
      ...{ line: this.#line, clock: systemClock, originMs: epochOriginMs, stopping: signal },
      share: { fleet: this.#settings.fleet, run, ...share },
      fromLeader: (ms) => {
        const atMs = this.#clock.fromLeader(ms);
        return atMs === undefined ? undefined : atMs - this.#originMs;
      },
    });
    await measureRecorded(bench, this.#hostOfRun(), {
      ...{ folder, keepRecords: false, finder: this.#finder },
      measure: (plan, hooks) => measure(plan, this.#hooksOf(hooks)),
      onHeader: (header) => {
        this.#accumulator = accumulateFor(header, report, this.#host);
      },
      onFile: (path, writer) => {
        this.#file = { path, failure: () => writer.failure };
      },
      onPlan: (plan) => this.#accumulator?.plan(plan),
      onRecord: (record) => {
        this.#accumulator?.add(record);
        this.#counters.record(record);
      },
      onSession: (session) => this.#accumulator?.session(session),
      onLoadEnd: (end) => this.#ended(end),
    });
  }

  /** Secrets, files, and what `bench` would check. */
  async #prepare(): Promise<AgentPlan> {
    const { agent } = this.#plan.share;
    const signal = AbortSignal.any([this.#stopping.signal, this.#line.gone]);
    const secrets = !this.#plan.hasSecrets
      ? undefined
      : await this.#line.ask<FleetSecrets>("secrets", { agent }, { shape: secretsShape, signal });
    refuseStopped(signal);
    try {
      return await planShare(this.#bus, this.#plan, {
        ...{ secrets, folder: this.#settings.files, signal },
        onProgress: (text) => this.#host.progress(text),
      });
    } catch (error) {
      refuseStopped(signal);
      throw error;
    } finally {
      this.#host.progress("");
    }
  }

  #hooksOf(hooks: MeasureHooks): MeasureHooks {
    return {
      ...hooks,
      together: this.#together!,
      onProgress: (state) => {
        hooks.onProgress?.(ownProgress(state));
        this.#counters.progress(state);
      },
      onHeader: async (header) => {
        await hooks.onHeader?.(header);
        await this.#prepared(header);
      },
    };
  }

  async #prepared(header: RunHeader): Promise<void> {
    const { agent } = this.#plan.share;
    const prepared: Prepared = { agent, header, ...defined({ file: this.#file?.path }) };
    await this.#line.ask("prepared", prepared, { signal: this.#stopping.signal });
    // Without it no common instant is known; where it fails nothing begins.
    await Promise.race([this.#clock.compared, untilAborted(this.#stopping.signal)]);
  }

  /** Ctrl-C here, the leader's, and its loss are one to the run. */
  #hostOfRun(): Host {
    return {
      ...this.#host,
      interrupted: this.#stopping.signal,
      aborted: this.#aborting.signal,
    };
  }

  /** Of a load that ended, everything is delivered while the next one begins. */
  #ended(end: LoadEnd): void {
    const { agent } = this.#plan.share;
    const { load } = end;
    const accumulator = this.#accumulator!;
    accumulator.end(end);
    const summary = accumulator.summary().loads[load];
    if (summary === undefined) return;
    const failure = this.#file?.failure();
    const message: AgentEnd = {
      agent,
      end,
      state: end.skipped ? undefined : accumulator.state(load),
      part: fleetPartOf(summary, {
        agent,
        lateMs: this.#together!.lateMs(load),
        ...defined({
          clock: this.#clock.offset(),
          fileFailure: failure === undefined ? undefined : reasonOf(failure),
        }),
      }),
    };
    this.#outbox.add(`end.${agent}`, message, `end-${agent}-${load}`);
  }

  /** Delivers what is left, the record file and the last word. */
  async #leaveRun(broken: Error | undefined): Promise<void> {
    const { run, share: { agent }, collect, lostMs } = this.#plan;
    await leaveRun(this.#bus, this.#outbox, {
      ...{ run, lostMs, aborted: this.#host.aborted },
      records: collect ? this.#file?.path : undefined,
      onProgress: (text) => this.#host.progress(text),
      done: {
        agent,
        ...defined({
          fileFailure: broken === undefined ? undefined : reasonOf(broken),
          reason: this.#lost ?? this.#leaving,
          exitCode: this.#leavingCode,
        }),
      },
    });
  }

  #exitCode(failure: unknown): number {
    const { host, file, lost } = { host: this.#host, file: this.#file, lost: this.#lost };
    const delivered = this.#outbox.failure === undefined;
    if (file !== undefined) host.note(`Records: ${file.path}`);
    const broken = file?.failure();
    if (broken !== undefined) {
      host.note(`error: Cannot write the record file ${file?.path}: ${broken.message}`);
    }
    if (!delivered) {
      host.note(
        `error: Not all results reached ${this.#bus.shown}: ${this.#outbox.failure}; ${
          file === undefined ? "they are lost" : "the record file has them"
        }`,
      );
    }
    if (failure !== undefined && !this.#stopping.signal.aborted) throw failure;
    // A fault of ours is told whatever else happened.
    if (failure !== undefined && !(failure instanceof UserError)) throw failure;
    if (host.interrupted.aborted) return EXIT.interrupted;
    if (lost !== undefined || !delivered) return EXIT.invalid;
    return broken === undefined ? EXIT.ok : EXIT.usage;
  }

  #stop(why: string | undefined): void {
    if (this.#stopping.signal.aborted) return;
    if (why !== undefined) this.#host.note(`The run stops: ${visibleLine(why)}`);
    this.#stopping.abort();
  }

  #lose(why: string): void {
    this.#lost = why;
    this.#host.note(
      `error: This agent leaves the run: ${why}; it sends nothing more, and what is in flight ends`,
    );
    this.#stopping.abort();
  }

  #leave(why: string): void {
    this.#leaving ??= why;
    this.#tell();
  }

  #tell(): void {
    this.#line.tell(
      "update",
      this.#counters.next({
        clock: this.#clock.offset(),
        cut: this.#finder?.cut,
        leaving: this.#leaving,
      }),
    );
  }
}

/** What is shown here: requests of the whole load are not this agent's alone. */
function ownProgress({ total, leftMs, ...state }: ProgressState): ProgressState {
  return total === undefined ? { ...state, ...defined({ leftMs }) } : state;
}

function refuseStopped(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}
