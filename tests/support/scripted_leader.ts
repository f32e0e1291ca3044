/**
 * The leader of a fleet as a script: it does what a leader does, and what a test asks for.
 *
 * @module
 */
import { epochOriginMs, patientClock, systemClock } from "../../backends/clock.ts";
import type { OptionValue } from "../../workloads/command.ts";
import type { BusSubscription, FleetBus } from "../../workloads/fleet_bus.ts";
import { answerTime } from "../../workloads/fleet_clock.ts";
import type {
  AgentDone,
  AgentEnd,
  Beat,
  FleetPlan,
  FleetSecrets,
  Hello,
  HelloAnswer,
  LeaseAsk,
  NextAnswer,
  Prepared,
  Ready,
  Update,
} from "../../workloads/fleet_messages.ts";
import type { RunFind } from "../../metrics/run_find.ts";
import { readDelivered } from "../../workloads/fleet_codec.ts";
import { anything } from "../../workloads/json_shape.ts";
import type { DecidedLoad } from "../../workloads/run_finder.ts";

/** What it leads. */
export interface Script {
  readonly agents: number;
  readonly urls: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly plan?: Partial<FleetPlan>;
  readonly secrets?: FleetSecrets;
  readonly find?: RunFind;
  /** Loads of a search. */
  readonly decided?: readonly DecidedLoad[];
  /** Answers a hello in place of a plan. */
  readonly refuse?: (hello: Hello) => HelloAnswer | undefined;
  /** Loads begin by themselves. Default true. */
  readonly begins?: boolean;
  readonly beatMs?: number;
  /** From the decision to the instant. */
  readonly leadMs?: number;
}

/** A script that runs. */
export class ScriptedLeader {
  readonly hellos: Hello[] = [];
  readonly prepared: Prepared[] = [];
  readonly readies: Ready[] = [];
  readonly leases: LeaseAsk[] = [];
  readonly updates: Update[] = [];
  readonly ends: AgentEnd[] = [];
  readonly dones: AgentDone[] = [];
  /** Requests of closed loads that were given out. */
  leased = 0;
  /** It says nothing while it is silent, as one that was killed. */
  silent = false;
  beat: Beat = { run: "run-1", number: 0, stop: false, abort: false, over: false };
  readonly #bus: FleetBus;
  readonly #script: Script;
  readonly #open: BusSubscription[] = [];
  readonly #answered = new Map<string, unknown>();
  readonly #originMs = epochOriginMs();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(bus: FleetBus, script: Script) {
    this.#bus = bus;
    this.#script = script;
  }

  /** Begins to listen. */
  async begin(): Promise<void> {
    const { beatMs = 200, agents, refuse, secrets, find } = this.#script;
    const hear = <T>(subject: string, use: (value: T) => unknown) =>
      this.#open.push(this.#bus.subscribe(subject, ({ data, respond }) => {
        if (this.silent) return;
        const said = use(JSON.parse(new TextDecoder().decode(data)) as T);
        if (said !== undefined) respond(said === null ? new Uint8Array() : bytes(said));
      }));
    this.#open.push(answerTime(this.#bus, this.now));
    hear<Hello>("hello", (hello) => {
      const refused = refuse?.(hello);
      if (refused !== undefined) return refused;
      if (!this.hellos.some(({ agent }) => agent === hello.agent)) this.hellos.push(hello);
      const number = this.hellos.findIndex(({ agent }) => agent === hello.agent);
      return this.hellos.length < agents
        ? { kind: "wait", why: `${this.hellos.length} of ${agents} agents are there` }
        : { kind: "plan", plan: this.planFor(number) };
    });
    const { run } = this.beat;
    hear<{ agent: number }>(`${run}.secrets`, () => secrets);
    hear<Prepared>(`${run}.prepared`, (prepared) => {
      if (!this.prepared.some(({ agent }) => agent === prepared.agent)) {
        this.prepared.push(prepared);
      }
      return null;
    });
    hear<Ready>(`${run}.ready`, (ready) => {
      this.readies.push(ready);
      this.#meet();
      return this.beat;
    });
    hear<LeaseAsk>(`${run}.lease`, (ask) => {
      this.leases.push(ask);
      const key = `${ask.agent} ${ask.number}`;
      if (!this.#answered.has(key)) {
        const count = Math.min(ask.want, (ask.limit ?? Infinity) - this.leased);
        this.#answered.set(key, count > 0 ? { portion: { from: this.leased, count } } : {});
        this.leased += Math.max(0, count);
      }
      return this.#answered.get(key);
    });
    hear(`${run}.find`, () => ({ kind: "find", find }));
    hear<{ after: number }>(`${run}.next`, ({ after }): NextAnswer => {
      const decided = this.#script.decided?.[after + 1];
      return decided === undefined ? { kind: "over" } : { kind: "load", decided };
    });
    hear<Update>(`${run}.update`, (update) => {
      this.updates.push(update);
    });
    this.#open.push(
      await this.#bus.receive(`${run}.*.*`, ({ subject, data }) => {
        const read = readDelivered<AgentEnd & AgentDone>(data, anything, { at: subject });
        if (!("value" in read)) throw new Error(read.problem);
        if (subject.includes(".end.")) this.ends.push(read.value);
        else this.dones.push(read.value);
      }),
    );
    this.#timer = setInterval(() => this.send(), beatMs);
  }

  /** Its clock. */
  readonly now = (): number => this.#originMs + systemClock.now();

  planFor(agent: number): FleetPlan {
    const { agents, urls, options, plan, secrets, find } = this.#script;
    return {
      run: this.beat.run,
      share: { agent, agents },
      ...{ urls, options, files: [], collect: false, lostMs: 30_000 },
      finds: find !== undefined,
      hasSecrets: secrets !== undefined,
      ...plan,
    };
  }

  /** Changes what holds, and says so. */
  change(change: Partial<Beat>): void {
    this.beat = { ...this.beat, ...change };
    this.send();
  }

  /** Says what holds. */
  send(): void {
    if (this.silent) return;
    this.beat = { ...this.beat, number: this.beat.number + 1 };
    this.#bus.publish(`${this.beat.run}.beat`, bytes(this.beat));
  }

  /** Waits until something holds. */
  async until(holds: () => boolean, mostMs: number = 30_000): Promise<void> {
    const lastMs = patientClock.now() + mostMs;
    while (!holds()) {
      if (patientClock.now() > lastMs) throw new Error(`never: ${holds}`);
      await patientClock.sleepUntil(patientClock.now() + 10);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const one of this.#open) one.close();
  }

  /** All that are at one point go on. */
  #meet(): void {
    const { agents, begins = true, leadMs = 400 } = this.#script;
    const { load, point } = this.readies.at(-1)!;
    const there = new Set(
      this.readies.filter((one) => one.load === load && one.point === point)
        .map(({ agent }) => agent),
    );
    if (there.size < agents) return;
    if (point !== "begin") {
      if (this.beat.met?.load === load && this.beat.met.point === point) return;
      this.change({ met: { load, point } });
    } else if (begins && this.beat.load !== load) {
      this.change({ load, beginAtMs: this.now() + leadMs });
    }
  }
}

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
