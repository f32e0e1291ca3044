/**
 * A run whose loads are sent by the agents of a fleet, as this machine leads them. It never speaks to the
 * server under test.
 *
 * Everything that holds is in one state, the beat, which is sent each second and whenever it changes; what
 * agents say changes what is known of them, and the leader goes on when it knows enough. It waits for nobody
 * who was not heard of for long.
 *
 * @module
 */
import { epochOriginMs, patientClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { messageOf } from "../backends/error_message.ts";
import { plural } from "../metrics/format.ts";
import type { Run, RunHeader } from "../metrics/run.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { OptionValue } from "./command.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { LAST_BEAT } from "./fleet_lead_beat.ts";
import { agentText, Gathering, whyOtherVersion } from "./fleet_lead_gather.ts";
import { mergePrepared } from "./fleet_lead_header.ts";
import { leadLoads } from "./fleet_lead_loads.ts";
import { type LeaderEntry, type LeaderLock, leaderText, lockFleet } from "./fleet_lead_lock.ts";
import { type LeadTime, LedRun, LOOK_MS } from "./fleet_lead_run.ts";
import { answerHellos, listenToRun } from "./fleet_lead_talk.ts";
import {
  type AgentDone,
  type FleetFile,
  type FleetPlan,
  type FleetSecrets,
  type Hello,
  type HelloAnswer,
  LOST_MS,
} from "./fleet_messages.ts";
import { agentDoneShape } from "./fleet_shape_agent.ts";
import { answerTime } from "./fleet_clock.ts";
import { packMessage, readDelivered } from "./fleet_codec.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import type { Measure } from "./run_recorded.ts";
import { shown } from "./secret.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A fleet to be led. */
export interface LeadSettings {
  /** Its name. */
  readonly fleet: string;
  /** How many agents send each load together. */
  readonly agents: number;
  /** Longest wait for them, in ms; 0 = as long as it takes. Default: ten minutes. */
  readonly agentsWaitMs?: number;
  /** An agent that was not heard of for so long is lost, in ms. */
  readonly lostMs?: number;
  /** What is sent to agents that ask; absent = nothing. */
  readonly secrets?: FleetSecrets | undefined;
  /** Servers under test, without secrets. */
  readonly urls: readonly string[];
  /** Values of `bench`'s options by their camel-case names, without secrets, with all that is drawn. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Files that the options name. */
  readonly files: readonly FleetFile[];
  /** Agents are to store their record files. */
  readonly collect?: boolean;
  /** No other leader has the fleet: what is stored for it is this one's. */
  readonly onLeads?: () => void;
}

const AGENTS_WAIT_MS = 600_000;
/** Agents of a dead leader, and those of a run that failed, are waited for so long. */
const LINGER_MS = 10_000;
/** Lines on refused agents. */
const MOST_REFUSALS = 20;

/** Runs a plan to its end on the agents of a fleet, as `measure` does on this machine. */
export function measureFleet(
  bus: FleetBus,
  settings: LeadSettings,
  time: LeadTime = { clock: patientClock, originMs: epochOriginMs() },
): Measure {
  return (plan, hooks) => new Leader(bus, settings, time).measure(plan, hooks);
}

class Leader {
  readonly #bus: FleetBus;
  readonly #settings: LeadSettings;
  readonly #time: LeadTime;
  readonly #lostMs: number;
  readonly #run = crypto.randomUUID();
  readonly #refused = new Set<string>();
  #hooks!: MeasureHooks;
  #lock: LeaderLock | undefined;
  #renewing: Promise<void> | undefined;
  #hear: (hello: Hello) => HelloAnswer = () => ({ kind: "wait", why: "the leader begins" });
  #led: LedRun | undefined;

  constructor(bus: FleetBus, settings: LeadSettings, time: LeadTime) {
    this.#bus = bus;
    this.#settings = settings;
    this.#time = time;
    this.#lostMs = settings.lostMs ?? LOST_MS;
  }

  async measure(plan: BenchPlan, hooks: MeasureHooks): Promise<Run> {
    this.#hooks = hooks;
    const { clock } = this.#time;
    const closing: (() => void)[] = [];
    const over = new AbortController();
    closing.push(() => over.abort());
    try {
      this.#lock = await lockFleet(this.#bus, {
        ...{ entry: this.#entry(), fleet: this.#settings.fleet, clock, signal: hooks.stopSignal },
        onWait: (other) =>
          hooks.note?.(`Another leader was here, ${leaderText(other)}: is it still alive?`),
      });
      this.#settings.onLeads?.();
      if (this.#lock.dead !== undefined) await this.#endOthers(this.#lock.dead);
      const looking = this.#lookAround(over.signal);
      closing.push(() => void looking);
      const hellos = answerHellos(this.#bus, {
        onHello: (hello) => this.#told(hello, this.#hear(hello)),
        onOther: (other) =>
          this.#told(other, {
            kind: "refused",
            why: whyOtherVersion(other) ?? "it cannot be read",
          }),
      });
      closing.push(() => hellos.close());
      const time = answerTime(this.#bus, () => this.#time.originMs + clock.now());
      closing.push(() => time.close());
      const agents = await this.#gather();
      return await this.#lead(plan, agents);
    } finally {
      for (const close of closing.reverse()) close();
      await this.#leave();
    }
  }

  #entry(): LeaderEntry {
    const { agents } = this.#settings;
    const { originMs, clock } = this.#time;
    return {
      ...{ run: this.#run, agents, pid: Deno.pid },
      ...defined({ hostname: hostname(), load: this.#led?.current?.number }),
      startedAtMs: originMs + clock.now(),
    };
  }

  /** Each agent that is refused is told of once. */
  #told(
    hello: Pick<Hello, "agent" | "hostname"> & { readonly pid?: number },
    answer: HelloAnswer,
  ): HelloAnswer {
    if (answer.kind !== "refused" || this.#refused.has(hello.agent)) return answer;
    this.#refused.add(hello.agent);
    if (this.#refused.size > MOST_REFUSALS) return answer;
    const more = this.#refused.size === MOST_REFUSALS ? "; further ones are not told" : "";
    const { hostname, pid = 0 } = hello;
    this.#hooks.note?.(
      `An agent (${
        agentText({ pid, ...defined({ hostname }) })
      }) was refused: ${answer.why}${more}`,
    );
    return answer;
  }

  /** Until all agents are there. @throws {UserError} when they do not come. */
  async #gather(): Promise<readonly Hello[]> {
    const { clock } = this.#time;
    const { agents, agentsWaitMs = AGENTS_WAIT_MS, fleet } = this.#settings;
    const { stopSignal, onProgress, note } = this.#hooks;
    const gathering = new Gathering({ agents, lostMs: this.#lostMs });
    this.#hear = (hello) => gathering.hear(hello, clock.now());
    const startMs = clock.now();
    for (;;) {
      const come = gathering.complete();
      if (come !== undefined) {
        note?.(`The fleet ${fleet} has its ${plural(agents, "agent")}: ${namesOf(come)}`);
        return come;
      }
      const elapsedMs = clock.now() - startMs;
      if (stopSignal.aborted) throw interrupted();
      if (agentsWaitMs > 0 && elapsedMs > agentsWaitMs) throw this.#tooFew(gathering.size);
      onProgress?.({
        ...{ phase: "waiting for agents", label: "", done: gathering.size, total: agents },
        ...{ failed: 0, inFlight: 0, elapsedMs },
      });
      await clock.sleepUntil(clock.now() + LOOK_MS, stopSignal);
      gathering.forget(clock.now());
    }
  }

  #tooFew(come: number): UserError {
    const { agents, fleet } = this.#settings;
    return new UserError(
      `Cannot begin: ${come} of the ${plural(agents, "agent")} of the fleet ${fleet} came within ` +
        `--agents-wait; start them with "tokometer agent --fleet ${fleet}" and the same --nats`,
      EXIT.unreachable,
    );
  }

  async #lead(plan: BenchPlan, hellos: readonly Hello[]): Promise<Run> {
    const bus = this.#bus;
    const led = new LedRun({
      ...{ bus, time: this.#time, run: this.#run, hellos, hooks: this.#hooks },
      ...{ lostMs: this.#lostMs, secrets: this.#settings.secrets },
    });
    this.#led = led;
    const listening = await listenToRun(bus, this.#run, led);
    try {
      this.#hear = (hello) => this.#plan(hello);
      const header = await this.#prepare(led, plan);
      await this.#hooks.onHeader?.(header);
      this.#hooks.finder?.open(header);
      const { ends, plans } = await leadLoads({
        ...{ run: led, header, plan, hooks: this.#hooks, time: this.#time },
      });
      refuseNothing(led, ends.every(({ skipped, serverLost }) => skipped && !serverLost));
      led.beats.change({ over: true });
      // Until all agents have gone.
      await led.until(() => led.present.length === 0);
      return { header: { ...header, loads: plans }, records: [], ends };
    } catch (error) {
      led.beats.change({ stop: true, abort: true, over: true, why: shown(messageOf(error)) });
      await this.#linger(() => led.present.length === 0);
      throw error;
    } finally {
      listening.close();
      led.close();
    }
  }

  /** What an agent is answered when all are there. */
  #plan(hello: Hello): HelloAnswer {
    const led = this.#led!;
    const agent = led.agents.find((one) => one.hello.agent === hello.agent);
    const { urls, options, files, secrets, collect = false } = this.#settings;
    if (agent === undefined) {
      const why = whyOtherVersion(hello);
      return why === undefined
        ? { kind: "wait", why: "a run goes on that has its agents" }
        : { kind: "refused", why };
    }
    agent.heardMs = this.#time.clock.now();
    const plan: FleetPlan = {
      ...{ run: this.#run, urls, options, files, collect, lostMs: this.#lostMs },
      share: { agent: agent.number, agents: led.agents.length },
      finds: this.#hooks.finder !== undefined,
      hasSecrets: secrets !== undefined,
    };
    return { kind: "plan", plan };
  }

  /** Until all agents can send. @throws {UserError} when one of them cannot. */
  async #prepare(led: LedRun, plan: BenchPlan): Promise<RunHeader> {
    const { finder, commandLine, onProgress, stopSignal } = this.#hooks;
    const startMs = this.#time.clock.now();
    // One that leaves tells why with its last word, and which exit code that has.
    const broken = () =>
      led.agents.find(({ done, lost, back }) =>
        done !== undefined || (lost !== undefined && !back)
      );
    for (;;) {
      const left = broken();
      if (left !== undefined) throw couldNot(left.shown, left.done, left.lost?.reason);
      if (stopSignal.aborted) throw interrupted();
      if (finder !== undefined && led.find === undefined) {
        const answers = led.agents.flatMap(({ answerMs }) => answerMs ?? []);
        if (answers.length === led.agents.length) led.find = await finder.begin(median(answers));
      }
      const prepared = led.agents.flatMap(({ prepared }) => prepared ?? []);
      if (prepared.length === led.agents.length) {
        const { fleet } = this.#settings;
        return mergePrepared(prepared, { fleet, run: this.#run, plan, commandLine });
      }
      onProgress?.({
        ...{ phase: "preparing", label: plural(led.agents.length, "agent") },
        ...{ done: prepared.length, total: led.agents.length, failed: 0, inFlight: 0 },
        elapsedMs: this.#time.clock.now() - startMs,
      });
      await led.soon();
    }
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    const { clock } = this.#time;
    let renewedMs = clock.now();
    while (!signal.aborted) {
      await clock.sleepUntil(clock.now() + LOOK_MS, signal);
      if (signal.aborted) return;
      try {
        this.#led?.look();
      } catch (error) {
        this.#led?.fail(error);
      }
      if (clock.now() - renewedMs < 1000) continue;
      renewedMs = clock.now();
      this.#renewing ??= this.#renew().finally(() => this.#renewing = undefined);
    }
  }

  /** Says that this leader lives; while the connection is cut nobody can be told. */
  async #renew(): Promise<void> {
    if (this.#lock === undefined || !this.#bus.connected()) return;
    try {
      if (await this.#lock.renew(this.#entry())) return;
      const { fleet } = this.#settings;
      this.#led?.fail(new UserError(`Another leader has taken the fleet ${fleet}`, EXIT.invalid));
    } catch {
      // It is tried again.
    }
  }

  /** Agents of a leader that was killed are sent away. */
  async #endOthers(dead: LeaderEntry): Promise<void> {
    const { note } = this.#hooks;
    note?.(
      `The leader before, ${leaderText(dead)}, was lost ${
        dead.load === undefined ? "while no load ran" : `during load ${dead.load + 1}`
      }; its ${plural(dead.agents, "agent")} are told to end`,
    );
    const done = new Map<number, AgentDone>();
    const listening = await this.#bus.receive(`${dead.run}.done.*`, ({ data }) => {
      const read = readDelivered<AgentDone>(data, agentDoneShape, { at: "done" });
      if ("value" in read) done.set(read.value.agent, read.value);
    });
    const why = "its leader was lost, and another one has begun";
    const beat = { run: dead.run, number: LAST_BEAT, stop: true, abort: true, over: true, why };
    await this.#linger(() => {
      this.#bus.publish(`${dead.run}.beat`, packMessage(beat));
      return done.size >= dead.agents;
    });
    listening.close();
    const places = [...done.values()].flatMap(({ agent, file }) =>
      file === undefined ? [] : `agent ${agent}: ${visibleLine(file.path)}`
    );
    note?.(
      `${done.size} of them have ended${
        places.length === 0 ? "" : `; their record files: ${places.slice(0, 20).join(", ")}`
      }`,
    );
    await this.#bus.forget(`${dead.run}.>`);
  }

  /** Waits until something holds, but not for long. */
  async #linger(holds: () => boolean): Promise<void> {
    const { clock } = this.#time;
    const untilMs = clock.now() + LINGER_MS;
    while (!holds() && clock.now() < untilMs && !this.#hooks.abortSignal.aborted) {
      await clock.sleepUntil(clock.now() + LOOK_MS);
    }
  }

  async #leave(): Promise<void> {
    // Nobody waits for a server that is gone; one that comes back forgets by itself what is old.
    if (!this.#bus.connected()) return;
    try {
      // Renewed after its release, it would stand for a leader that is dead.
      await this.#renewing;
      if (this.#led !== undefined) await this.#bus.forget(`${this.#run}.>`);
      await this.#lock?.release();
    } catch {
      // It is not renewed any more.
    }
  }
}

/** @throws {UserError} where no load was sent. */
function refuseNothing(led: LedRun, nothing: boolean): void {
  if (!nothing) return;
  const lost = led.agents.find(({ lost }) => lost !== undefined);
  if (lost?.lost === undefined || !led.beats.now.why) throw interrupted();
  throw new UserError(
    `Nothing was measured: ${lost.shown} is lost, ${shown(lost.lost.reason)}`,
    EXIT.invalid,
  );
}

function couldNot(
  agent: string,
  done: AgentDone | undefined,
  reason: string | undefined,
): UserError {
  return new UserError(
    `Cannot measure with ${agent}: ${shown(done?.reason ?? reason ?? "it left")}`,
    done?.exitCode || (done === undefined ? EXIT.invalid : EXIT.usage),
  );
}

function interrupted(): UserError {
  return new UserError("Interrupted before anything was measured", EXIT.interrupted);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** `n1, n2, n3`, the first of many. */
function namesOf(hellos: readonly Hello[]): string {
  const names = hellos.map(agentText);
  return names.length <= 8 ? names.join(", ") : `${names.slice(0, 7).join(", ")}, …`;
}

function hostname(): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? Deno.hostname() : undefined;
}
