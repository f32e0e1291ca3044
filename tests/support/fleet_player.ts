/**
 * An agent that only speaks: it plays a load by its clock and sends nothing to any server, so that a thousand
 * of them fit into one process.
 *
 * @module
 */
import type { Clock } from "../../backends/clock.ts";
import { LOAD_STATE_SCHEMA, type LoadState } from "../../metrics/load_state.ts";
import type { LoadEnd, RunHeader } from "../../metrics/run.ts";
import type { FleetPart } from "../../metrics/run_fleet.ts";
import type { FleetBus } from "../../workloads/fleet_bus.ts";
import {
  type AgentDone,
  type AgentEnd,
  type Beat,
  type FindAnswer,
  FLEET_PROTOCOL,
  type FleetPlan,
  type Hello,
  type HelloAnswer,
  type LeaseAnswer,
  type NextAnswer,
  type Prepared,
  type Ready,
  type Update,
} from "../../workloads/fleet_messages.ts";
import { VERSION } from "../../workloads/version.ts";

/** How an agent behaves. */
export interface PlayerOptions {
  readonly bus: FleetBus;
  readonly clock: Clock;
  /** Ms since the epoch at which its clock read 0. */
  readonly originMs?: number;
  readonly name: string;
  readonly rank?: number;
  readonly version?: string;
  /** What it has prepared; its loads are what is played. */
  readonly header: RunHeader;
  /** How long it takes to prepare. */
  readonly preparingMs?: number;
  /** Before a load. */
  readonly warmUpMs?: number;
  /** How long a load takes whose plan has no duration. */
  readonly loadMs?: number;
  /** Requests that it sends in a load; with `leased` it asks for them. */
  readonly requests?: number;
  /** Draws its requests in portions. */
  readonly leased?: boolean;
  /** Ms between updates. */
  readonly updateMs?: number;
  /** What its updates say besides. */
  readonly update?: Partial<Update>;
  /** What it tells of a load. */
  readonly stateOf?: (load: number) => LoadState;
  readonly end?: Partial<LoadEnd>;
  readonly part?: Partial<FleetPart>;
  /** A problem while it prepares. */
  readonly fails?: Pick<AgentDone, "reason" | "exitCode">;
  /** Dies (without a word) when it comes there. */
  readonly diesAt?: { readonly load: number; readonly point: "ready" | "middle" };
  /** Gives up waiting for a plan. */
  readonly signal?: AbortSignal;
}

/** How it went. */
export interface PlayerEnd {
  readonly kind: "over" | "refused" | "died" | "leader lost" | "no plan";
  readonly why?: string;
  readonly plan?: FleetPlan;
  /** When each load began, ms since the epoch by its clock. */
  readonly begun: readonly (number | undefined)[];
  /** Requests that it sent, by their numbers, of each load. */
  readonly sent: readonly (readonly number[])[];
  readonly beats: number;
  readonly lastBeat?: Beat;
}

const ASK_MS = 1000;
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = <T>(data: Uint8Array): T => JSON.parse(new TextDecoder().decode(data)) as T;

/** Plays an agent from its first hello to its end. */
export function playAgent(options: PlayerOptions): Promise<PlayerEnd> {
  return new Player(options).play();
}

class Player {
  readonly #o: PlayerOptions;
  readonly #begun: (number | undefined)[] = [];
  readonly #sent: number[][] = [];
  #beat: Beat | undefined;
  #beats = 0;
  #heardMs = 0;
  #died = false;
  #over = new AbortController();
  #load = 0;
  #phase = "warm-up";
  #updates = 0;
  #asks = 0;

  constructor(options: PlayerOptions) {
    this.#o = options;
  }

  async play(): Promise<PlayerEnd> {
    const { bus, clock, name, rank, version = VERSION, signal } = this.#o;
    const hello: Hello = {
      ...{ protocol: FLEET_PROTOCOL, version, agent: name, hostname: name, pid: 1, cores: 4 },
      ...(rank === undefined ? {} : { rank }),
    };
    for (;;) {
      if (signal?.aborted) return this.#end("no plan");
      const said = await bus.request("hello", encode(hello), { timeoutMs: ASK_MS });
      const answer = said === undefined ? undefined : decode<HelloAnswer>(said);
      if (answer?.kind === "refused") return this.#end("refused", answer.why);
      if (answer?.kind === "plan") return await this.#follow(answer.plan);
      await clock.sleepUntil(clock.now() + ASK_MS, signal);
    }
  }

  async #follow(plan: FleetPlan): Promise<PlayerEnd> {
    const { bus, clock } = this.#o;
    this.#heardMs = clock.now();
    const beats = bus.subscribe(`${plan.run}.beat`, ({ data }) => {
      const beat = decode<Beat>(data);
      this.#heardMs = clock.now();
      this.#beats++;
      if (beat.number > (this.#beat?.number ?? -1)) this.#beat = beat;
    });
    const telling = this.#tell(plan);
    let left: PlayerEnd | undefined;
    try {
      left = await this.#run(plan);
    } finally {
      this.#over.abort();
      await telling;
      beats.close();
    }
    return { ...left, plan };
  }

  async #run(plan: FleetPlan): Promise<PlayerEnd> {
    const { bus, clock, header, preparingMs = 0, fails } = this.#o;
    const { agent } = plan.share;
    await this.#sleep(preparingMs);
    if (fails !== undefined) {
      await this.#done(plan, fails);
      return this.#end("over", fails.reason);
    }
    let find = header.find;
    if (plan.finds) {
      const answer = await this.#ask<FindAnswer>(plan, "find", { agent, answerMs: 100 });
      if (answer?.kind === "find") find = answer.find;
    }
    const prepared: Prepared = {
      agent,
      header: {
        ...header,
        version: VERSION,
        part: { fleet: "f", run: plan.run, ...plan.share },
        ...(find === undefined ? {} : { find }),
      },
      file: `/out/${agent}/records.jsonl`,
    };
    await this.#asked(plan, "prepared", prepared);
    for (let load = 0; !this.#lost(plan); load++) {
      this.#load = load;
      this.#phase = "warm-up";
      let durationMs = header.loads[load]?.stopDurationMs ?? this.#o.loadMs ?? 2000;
      if (plan.finds) {
        const next = await this.#next(plan, load - 1);
        if (next?.kind !== "load") break;
        durationMs = next.decided.stop.durationMs ?? durationMs;
      } else if (load >= header.loads.length) break;
      const ended = await this.#playLoad(plan, load, durationMs);
      if (this.#died) return this.#end("died");
      await bus.deliver(`${plan.run}.end.${agent}`, encode(ended), {
        ...{ id: `${plan.run}.${agent}.${load}`, signal: new AbortController().signal },
      });
    }
    const lost = this.#lost(plan);
    await this.#done(plan, lost ? { reason: "its leader was not heard of" } : {});
    if (lost) return this.#end("leader lost");
    while (!this.#beat?.over && !this.#lost(plan)) await clock.sleepUntil(clock.now() + 100);
    return this.#end("over");
  }

  async #playLoad(plan: FleetPlan, load: number, durationMs: number): Promise<AgentEnd> {
    const { clock, originMs = 0, diesAt, warmUpMs = 0, leased = false, requests = 10 } = this.#o;
    const { agent, agents } = plan.share;
    const sent: number[] = this.#sent[load] = [];
    const skipped = (): AgentEnd => ({
      agent,
      end: {
        ...{ load, durationMs: 0, rampEndMs: 0, sendingEndMs: 0, interrupted: true },
        ...{ skipped: true, ...this.#o.end },
      },
      state: undefined,
      part: { ...this.#part(agent, 0), ...this.#o.part },
    });
    if (!await this.#meet(plan, { agent, load, point: "quiet" })) return skipped();
    await this.#sleep(warmUpMs);
    if (diesAt?.load === load && diesAt.point === "ready") return this.#die(skipped());
    if (!await this.#meet(plan, { agent, load, point: "begin" })) return skipped();
    const beginMs = this.#beat!.beginAtMs! - originMs;
    await clock.sleepUntil(beginMs);
    this.#begun[load] = clock.now() + originMs;
    this.#phase = "measuring";
    const startMs = clock.now();
    const middle = diesAt?.load === load && diesAt.point === "middle";
    const steps = 10;
    for (let step = 0; step < steps; step++) {
      if (middle && step === steps / 2) return this.#die(skipped());
      if (this.#beat?.stop || this.#beat?.cut?.load === load || this.#lost(plan)) break;
      if (leased) {
        const { portion } = await this.#ask<LeaseAnswer>(plan, "lease", {
          ...{ agent, load, want: 3, limit: requests, number: ++this.#asks },
        }) ?? {};
        for (let i = 0; i < (portion?.count ?? 0); i++) sent.push(portion!.from + i);
      } else {
        for (let i = step * requests / steps; i < (step + 1) * requests / steps; i++) {
          sent.push(agent + agents * sent.length);
        }
      }
      await clock.sleepUntil(startMs + durationMs * (step + 1) / steps);
    }
    const spentMs = clock.now() - startMs;
    return {
      agent,
      end: {
        load,
        startedAtMs: startMs + originMs,
        ...{ durationMs: spentMs, rampEndMs: 0, sendingEndMs: spentMs },
        interrupted: this.#beat?.stop === true,
        ...this.#o.end,
      },
      state: this.#o.stateOf?.(load) ?? { schema: LOAD_STATE_SCHEMA, load, parts: {} },
      part: { ...this.#part(agent, sent.length), ...this.#o.part },
    };
  }

  #part(agent: number, sent: number): FleetPart {
    return { agent, sent, completed: sent, failed: 0, outputTokens: 8 * sent, lateMs: 0 };
  }

  #die(end: AgentEnd): AgentEnd {
    this.#died = true;
    this.#over.abort();
    return end;
  }

  /** Comes to a point, and waits for the others; `false` = the load is not sent. */
  async #meet(plan: FleetPlan, ready: Ready): Promise<boolean> {
    const { bus, clock } = this.#o;
    let askedMs = -Infinity;
    for (;;) {
      const { met, load, stop, skip } = this.#beat ?? {};
      if (stop || skip?.load === ready.load || this.#lost(plan)) return false;
      if (load === ready.load) return true;
      if (ready.point !== "begin" && met?.load === ready.load) return true;
      if (clock.now() - askedMs >= ASK_MS) {
        askedMs = clock.now();
        void bus.request(`${plan.run}.ready`, encode(ready), { timeoutMs: ASK_MS });
      }
      await clock.sleepUntil(clock.now() + 100);
    }
  }

  async #next(plan: FleetPlan, after: number): Promise<NextAnswer | undefined> {
    return await this.#ask<NextAnswer>(plan, "next", { agent: plan.share.agent, after });
  }

  /** Asks until the answer is not to wait. */
  async #ask<T extends object>(
    plan: FleetPlan,
    subject: string,
    ask: unknown,
  ): Promise<T | undefined> {
    const { bus, clock } = this.#o;
    for (;;) {
      const said = await bus.request(`${plan.run}.${subject}`, encode(ask), { timeoutMs: ASK_MS });
      const answer = said === undefined ? undefined : decode<T & { kind?: string }>(said);
      if (answer !== undefined && answer.kind !== "wait") return answer;
      if (this.#beat?.over || this.#lost(plan)) return undefined;
      await clock.sleepUntil(clock.now() + 100);
    }
  }

  async #asked(plan: FleetPlan, subject: string, message: unknown): Promise<void> {
    const { bus, clock } = this.#o;
    while (!this.#beat?.over && !this.#lost(plan)) {
      const answer = await bus.request(`${plan.run}.${subject}`, encode(message), {
        timeoutMs: ASK_MS,
      });
      if (answer !== undefined) return;
      await clock.sleepUntil(clock.now() + 100);
    }
  }

  async #tell(plan: FleetPlan): Promise<void> {
    const { bus, clock, updateMs = 1000 } = this.#o;
    while (!this.#over.signal.aborted) {
      const sent = this.#sent[this.#load]?.length ?? 0;
      const update: Update = {
        agent: plan.share.agent,
        number: ++this.#updates,
        progress: {
          ...{ phase: this.#phase, load: this.#load, label: "", done: sent, failed: 0 },
          ...{ inFlight: 1, elapsedMs: 0, tokensPerSec: 100 },
        },
        ...{ sent, completed: sent, failed: 0, outputTokens: 8 * sent, ttft: [], itl: [] },
        ...this.#o.update,
      };
      bus.publish(`${plan.run}.update`, encode(update));
      await clock.sleepUntil(clock.now() + updateMs, this.#over.signal);
    }
  }

  async #done({ run, share: { agent } }: FleetPlan, why: Partial<AgentDone>): Promise<void> {
    await this.#o.bus.deliver(`${run}.done.${agent}`, encode({ agent, ...why }), {
      ...{ id: `${run}.${agent}.done`, signal: new AbortController().signal },
    });
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#o;
    if (ms > 0) await clock.sleepUntil(clock.now() + ms);
  }

  #lost({ lostMs }: FleetPlan): boolean {
    return this.#o.clock.now() - this.#heardMs > lostMs;
  }

  #end(kind: PlayerEnd["kind"], why?: string): PlayerEnd {
    return {
      kind,
      ...(why === undefined ? {} : { why }),
      ...{ begun: this.#begun, sent: this.#sent, beats: this.#beats },
      ...(this.#beat === undefined ? {} : { lastBeat: this.#beat }),
    };
  }
}
