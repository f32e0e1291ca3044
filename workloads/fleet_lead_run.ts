/**
 * A run whose agents are known, until it is over: what they say changes what is known of them, and the loads
 * go on when enough is known.
 *
 * @module
 */
import { type Clock, onAbort } from "../backends/clock.ts";
import { plural } from "../metrics/format.ts";
import type { LoadPlan } from "../metrics/run.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { LedAgent } from "./fleet_lead_agents.ts";
import { Beats } from "./fleet_lead_beat.ts";
import type { LeaseBook } from "./fleet_lead_lease.ts";
import { cutBy, liveLoad, progressOf, toldOf } from "./fleet_lead_progress.ts";
import type { RunTalk } from "./fleet_lead_talk.ts";
import {
  type AgentDone,
  type AgentEnd,
  type Beat,
  BEAT_MS,
  type FindAnswer,
  type FindAsk,
  type FleetSecrets,
  type Hello,
  type LeaseAnswer,
  type LeaseAsk,
  type NextAnswer,
  type NextAsk,
  type Prepared,
  type Ready,
  type Update,
} from "./fleet_messages.ts";
import type { DecidedLoad } from "./run_finder.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { shown } from "./secret.ts";

/** How often the leader looks around. */
export const LOOK_MS = 250;
/** A leader that is cut off waits so many times longer than for an agent. */
const CUT_OFF_TIMES = 4;
/** After a second Ctrl-C nobody is waited for any longer. */
const ABORT_MS = 10_000;

/** Time, as the leader sees it. */
export interface LeadTime {
  readonly clock: Clock;
  /** Ms since the epoch at which the clock read 0. */
  readonly originMs: number;
}

/** What a run is made from. */
export interface LedRunOptions {
  readonly bus: FleetBus;
  readonly time: LeadTime;
  readonly run: string;
  readonly hellos: readonly Hello[];
  readonly lostMs: number;
  readonly secrets: FleetSecrets | undefined;
  readonly hooks: MeasureHooks;
}

/** The load that the agents are at. */
export interface CurrentLoad {
  readonly number: number;
  readonly plan: LoadPlan;
  readonly loads: number | undefined;
  readonly leases: LeaseBook;
  /** By the leader's clock; absent = it has not begun. */
  beganMs?: number;
  cut?: string;
}

/** A run that goes on. */
export class LedRun implements RunTalk {
  readonly agents: readonly LedAgent[];
  readonly beats: Beats;
  readonly #options: LedRunOptions;
  readonly #waiting = new Set<() => void>();
  readonly #forget: (() => void)[] = [];
  readonly #problems = new Set<string>();
  #failure: unknown;
  #closed = false;
  #lastBeatMs = -Infinity;
  #abortedMs: number | undefined;
  #cutSinceMs: number | undefined;
  #disconnectedMs = 0;
  /** Loads that were decided so far. */
  readonly decided: DecidedLoad[] = [];
  /** No load is decided any more. */
  allDecided = false;
  current: CurrentLoad | undefined;
  /** No further load begins. */
  stopped = false;

  constructor(options: LedRunOptions) {
    const { bus, time: { clock }, run, hellos, hooks } = options;
    this.#options = options;
    this.beats = new Beats(bus, run);
    const nowMs = clock.now();
    this.agents = hellos.map((hello, number) => new LedAgent({ number, hello, nowMs }));
    this.#forget.push(
      onAbort(hooks.stopSignal, () => this.stop()),
      onAbort(hooks.abortSignal, () => {
        this.#abortedMs = clock.now();
        this.beats.change({ stop: true, abort: true });
        this.changed();
      }),
    );
    bus.onChange((connected) => this.#link(connected));
  }

  /** Those who are waited for. */
  get present(): readonly LedAgent[] {
    return this.agents.filter((agent) => agent.present);
  }

  /** How long the leader was not connected since it was asked last, in ms. */
  takeDisconnected(): number {
    const nowMs = this.#options.time.clock.now();
    const ms = this.#disconnectedMs +
      (this.#cutSinceMs === undefined ? 0 : nowMs - this.#cutSinceMs);
    this.#disconnectedMs = this.#cutSinceMs === undefined ? 0 : this.#cutSinceMs - nowMs;
    return ms;
  }

  /** Waits until something holds; a second Ctrl-C ends every wait after a while. */
  async until(holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (holds() || this.#givenUp()) return;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Waits until something has changed, or might have. */
  async soon(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Something has changed. */
  changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** Ends the run with an error. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.changed();
  }

  /** Begins no further load, and stops the one that runs. @param why absent = Ctrl-C. */
  stop(why?: string): void {
    this.stopped = true;
    if (!this.beats.now.stop) {
      this.beats.change({ stop: true, ...(why === undefined ? {} : { why }) });
    }
    this.changed();
  }

  /** Begins no further load; the one that runs goes on to its end. */
  stopAfter(): void {
    this.stopped = true;
    this.changed();
  }

  /** Looks around: who is still there, what is to be shown, whether a search has seen enough. */
  look(): void {
    const { time: { clock }, hooks, bus } = this.#options;
    const nowMs = clock.now();
    if (nowMs - this.#lastBeatMs >= BEAT_MS) {
      this.#lastBeatMs = nowMs;
      this.beats.send();
    }
    if (bus.connected()) this.#loseSilent(nowMs);
    else this.#loseAll(nowMs);
    this.#watchSearch(nowMs);
    const load = this.current;
    if (load !== undefined) hooks.onProgress?.(progressOf(this.agents, this.ledLoad(load, nowMs)));
    this.changed();
  }

  /** A load as it is shown. */
  ledLoad(load: CurrentLoad, nowMs: number) {
    const { number, plan, loads, beganMs } = load;
    const elapsedMs = beganMs === undefined || nowMs < beganMs ? undefined : nowMs - beganMs;
    return { number, plan, loads, elapsedMs };
  }

  /** Stops listening to signals. */
  close(): void {
    this.#closed = true;
    for (const forget of this.#forget) forget();
  }

  /** Told of once: a fault of one agent is one of all messages of its kind. */
  onProblem(problem: string): void {
    const kind = problem.split(/[ .]/, 1)[0]!;
    if (this.#problems.has(kind)) return;
    this.#problems.add(kind);
    this.#options.hooks.note?.(
      `A message of an agent cannot be read, and is left out: ${shown(problem)}`,
    );
  }

  onSecrets({ agent }: { readonly agent: number }): FleetSecrets | undefined {
    return this.#heard(agent) && (this.#options.secrets ?? { options: {} });
  }

  onPrepared(prepared: Prepared): boolean {
    const agent = this.#heard(prepared.agent);
    if (agent === undefined) return false;
    agent.prepared ??= prepared;
    this.changed();
    return true;
  }

  onReady(ready: Ready): Beat | undefined {
    const agent = this.#heard(ready.agent);
    if (agent === undefined) return undefined;
    agent.come(ready);
    this.changed();
    return this.beats.now;
  }

  onLease(ask: LeaseAsk): LeaseAnswer | undefined {
    if (this.#heard(ask.agent) === undefined || this.current?.number !== ask.load) return undefined;
    return this.beats.now.stop ? {} : this.current.leases.answer(ask);
  }

  onFind({ agent: number, answerMs }: FindAsk): FindAnswer | undefined {
    const agent = this.#heard(number);
    const { finder } = this.#options.hooks;
    if (agent === undefined || finder === undefined) return undefined;
    agent.answerMs ??= answerMs;
    this.changed();
    return this.find === undefined ? { kind: "wait" } : { kind: "find", find: this.find };
  }

  onNext({ agent, after }: NextAsk): NextAnswer | undefined {
    if (this.#heard(agent) === undefined) return undefined;
    const decided = this.decided[after + 1];
    if (decided !== undefined) return { kind: "load", decided };
    return { kind: this.allDecided ? "over" : "wait" };
  }

  onUpdate(update: Update): void {
    const agent = this.#heard(update.agent);
    if (agent === undefined || update.number <= (agent.update?.number ?? -1)) return;
    agent.update = update;
    this.#options.hooks.onAgent?.(toldOf(agent, { agents: this.agents.length, told: true }));
    // It is waited for: what it has sent so far will come.
    if (update.leaving !== undefined) this.lose(agent, update.leaving, { stays: true });
  }

  onEnd(told: AgentEnd): void {
    const agent = this.#heard(told.agent);
    if (agent === undefined) return;
    const { load, serverLost, skipped = false } = told.end;
    const { current } = this;
    const ahead = load > (current?.number ?? -1) && !skipped;
    if (ahead || (told.state?.load ?? load) !== load) {
      return this.onUnreadableEnd(told.agent, `it is of load ${load + 1}`);
    }
    if (!agent.addEnd(told)) return;
    if (told.state !== undefined && load === this.current?.number) {
      try {
        this.#options.hooks.onState?.(told.state);
        this.#options.hooks.finder?.absorb?.(told.state);
      } catch (error) {
        if (!(error instanceof TypeError)) this.fail(error);
        else {
          agent.discardEnd(load);
          this.lose(agent, `its results cannot be read: ${error.message}`);
        }
      }
    }
    const began = load === current?.number ? current.beganMs : undefined;
    if (skipped && began !== undefined && serverLost === undefined && !this.beats.now.stop) {
      this.lose(agent, "it did not begin the load", { stays: true, sinceMs: began - 1 });
    }
    // The others would find out one by one.
    if (serverLost !== undefined) this.stop(`${agent.shown} has lost the server`);
    this.changed();
  }

  onUnreadableEnd(number: number, problem: string): void {
    const agent = this.#heard(number);
    const { current } = this;
    if (current?.beganMs === undefined || agent === undefined) return this.onProblem(problem);
    if (agent.hasEnded(current.number)) return;
    // It will not come again, and is not waited for.
    agent.discardEnd(current.number);
    this.lose(agent, `its results cannot be read: ${problem}`);
  }

  onDone(done: AgentDone): void {
    const agent = this.#heard(done.agent);
    if (agent === undefined || agent.done !== undefined) return;
    const { over, stop } = this.beats.now;
    const { current } = this;
    const owes = current?.beganMs !== undefined && !agent.hasEnded(current.number);
    if (owes || !(over || stop || this.allDecided)) {
      this.lose(agent, done.reason ?? "it left before the end");
    }
    agent.done = done;
    this.changed();
  }

  /** An agent is no longer there, or `stays` until it has told how its load ended. */
  lose(
    agent: LedAgent,
    reason: string,
    { stays = false, sinceMs = agent.heardMs }: {
      readonly stays?: boolean;
      readonly sinceMs?: number;
    } = {},
  ): void {
    if (agent.lost !== undefined) return;
    agent.lost = { sinceMs, reason };
    agent.back = stays;
    this.#options.hooks.onAgent?.(toldOf(agent, { agents: this.agents.length, told: false }));
    if (!this.beats.now.over) {
      const { current } = this;
      this.#options.hooks.note?.(
        `${agent.named} is lost: ${shown(reason)}; ${
          current?.beganMs === undefined
            ? "the run ends"
            : "the load goes on without its share, and does not count"
        }`,
      );
      if (current?.beganMs === undefined) this.stop(`${agent.shown} is lost`);
      else this.stopAfter();
      if (!stays) {
        const lost = this.agents.flatMap(({ lost, back, number }) => lost && !back ? number : []);
        this.beats.change({ lost });
      }
    }
    this.changed();
  }

  /** What is looked for; absent = not every agent has said how long a request takes. */
  find: Extract<FindAnswer, { kind: "find" }>["find"] | undefined;

  #heard(number: number): LedAgent | undefined {
    const agent = this.agents[number];
    if (agent === undefined) return undefined;
    agent.heardMs = this.#options.time.clock.now();
    if (agent.lost !== undefined && agent.done === undefined && !agent.back) {
      agent.back = true;
      if (!this.beats.now.over) this.#options.hooks.note?.(`${agent.named} is heard again`);
    }
    return agent;
  }

  #loseSilent(nowMs: number): void {
    const { lostMs } = this.#options;
    for (const agent of this.present) {
      if (nowMs - agent.heardMs <= lostMs) continue;
      const silent = `nothing was heard of it for ${plural(Math.round(lostMs / 1000), "second")}`;
      agent.back = false;
      this.lose(agent, silent);
      this.changed();
    }
  }

  #loseAll(nowMs: number): void {
    const { lostMs, bus } = this.#options;
    if (this.#cutSinceMs === undefined || nowMs - this.#cutSinceMs < CUT_OFF_TIMES * lostMs) return;
    for (const agent of this.present) this.lose(agent, `${bus.shown} is not reached any more`);
  }

  /** While it is cut off, a leader hears nobody. */
  #link(connected: boolean): void {
    if (this.#closed) return;
    const { time: { clock }, hooks, bus } = this.#options;
    const nowMs = clock.now();
    if (!connected) {
      this.#cutSinceMs ??= nowMs;
      hooks.note?.(`${bus.shown} is not reached; the agents go on, and are heard when it is back`);
      return;
    }
    if (this.#cutSinceMs === undefined) return;
    const cutMs = nowMs - this.#cutSinceMs;
    this.#disconnectedMs += cutMs;
    this.#cutSinceMs = undefined;
    hooks.note?.(`${bus.shown} is reached again, after ${(cutMs / 1000).toFixed(1)} s`);
    for (const agent of this.agents) agent.heardMs = nowMs;
    this.beats.send();
  }

  #watchSearch(nowMs: number): void {
    const { current } = this;
    const { finder } = this.#options.hooks;
    if (finder === undefined || current?.beganMs === undefined || current.cut !== undefined) return;
    if (nowMs < current.beganMs) return;
    const reason = cutBy(this.agents, current.number) ??
      finder.whyStop(liveLoad(this.agents, this.ledLoad(current, nowMs)));
    if (reason === undefined) return;
    current.cut = shown(reason);
    this.beats.change({ cut: { load: current.number, reason: current.cut } });
  }

  #givenUp(): boolean {
    const { clock } = this.#options.time;
    return this.#abortedMs !== undefined && clock.now() - this.#abortedMs > ABORT_MS;
  }
}
