/**
 * An agent's line to its leader: questions that are asked until they are answered, the newest beat, and how
 * long nothing was heard.
 *
 * @module
 */
import { type Clock, patientClock } from "../backends/clock.ts";
import { packMessage, readMessage } from "./fleet_codec.ts";
import type { BusSubscription, FleetBus } from "./fleet_bus.ts";
import { type Beat, BEAT_MS, type FleetPlan } from "./fleet_messages.ts";
import { beatShape } from "./fleet_shape_lead.ts";
import type { Shape } from "./json_shape.ts";

/** Longest wait for one answer. */
const ANSWER_MS = 2000;
/** Before a question is asked again that nobody has answered. */
const AGAIN_MS = 500;
/** How often the silence is measured. */
const LOOK_MS = 500;
/** Between two looks there is more only when this process did not run. */
const STOPPED_MS = 2000;

/** What happens to a run. */
export interface LineEvents {
  /** First Ctrl-C at the leader, or another end of the run before its last load: why, in a clause. */
  readonly onStop: (why: string | undefined) => void;
  /** Second Ctrl-C. */
  readonly onAbort: () => void;
  /** The leader is lost to this agent, or this agent to it; why, in a clause. */
  readonly onLost: (why: string) => void;
}

/** Talks to the leader of one run. */
export class LeaderLine {
  readonly #bus: FleetBus;
  readonly #plan: FleetPlan;
  readonly #events: LineEvents;
  readonly #clock: Clock;
  readonly #gone = new AbortController();
  readonly #subscription: BusSubscription;
  readonly #timer: ReturnType<typeof setInterval>;
  #waiting = new AbortController();
  #beat: Beat | undefined;
  #heardMs: number;
  #lookedMs: number;

  constructor(bus: FleetBus, plan: FleetPlan, events: LineEvents, clock: Clock = patientClock) {
    this.#bus = bus;
    this.#plan = plan;
    this.#events = events;
    this.#clock = clock;
    this.#heardMs = this.#lookedMs = clock.now();
    this.#subscription = bus.subscribe(`${plan.run}.beat`, ({ data }) => this.#take(data));
    this.#timer = setInterval(() => this.#look(), Math.min(LOOK_MS, plan.lostMs / 4));
  }

  /** The newest beat. */
  get beat(): Beat | undefined {
    return this.#beat;
  }

  /** Aborted when nothing more is to be expected of the leader. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Says something that may be lost. */
  tell(subject: string, message: unknown): void {
    this.#bus.publish(`${this.#plan.run}.${subject}`, packMessage(message));
  }

  /**
   * Asks until there is an answer that can be used.
   *
   * @param options `shape`: of an answer; absent = any answer will do. `enough`: it is of use; else it is asked
   * again. `pointless`: a beat after which nobody would answer.
   * @returns `undefined` = the leader is gone, or `signal` was aborted.
   */
  async ask<T>(
    subject: string,
    message: unknown,
    { shape, enough = () => true, pointless = () => false, signal }: {
      readonly shape?: Shape;
      readonly enough?: (answer: T) => boolean;
      readonly pointless?: (beat: Beat) => boolean;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<T | undefined> {
    const over = this.#either(signal);
    while (!over.aborted) {
      if (this.#beat !== undefined && pointless(this.#beat)) return undefined;
      const answer = await this.#askOnce(subject, message, over);
      if (answer !== undefined) {
        if (shape === undefined) return undefined;
        const read = readMessage<T>(answer, shape, { at: "the answer" });
        if ("value" in read && enough(read.value)) return read.value;
      }
      await this.#clock.sleepUntil(this.#clock.now() + AGAIN_MS, over);
    }
    return undefined;
  }

  /**
   * Says that this agent has come to a point, again and again until a beat says what it waits for.
   *
   * @param look what a beat says about it; `undefined` = nothing yet.
   * @returns `undefined` = the leader is gone, or `signal` was aborted.
   */
  async arrive<T>(
    ready: unknown,
    look: (beat: Beat) => T | undefined,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const over = this.#either(signal);
    const found = () => this.#beat === undefined ? undefined : look(this.#beat);
    let asking: Promise<void> | undefined;
    let askedMs = -Infinity;
    while (!over.aborted) {
      const seen = found();
      if (seen !== undefined) return seen;
      const nowMs = this.#clock.now();
      if (asking === undefined && nowMs >= askedMs + BEAT_MS) {
        askedMs = nowMs;
        // A beat may say it before the answer comes.
        asking = this.#askOnce("ready", ready, over).then((answer) => {
          asking = undefined;
          if (answer !== undefined) this.#take(answer);
        });
      }
      await this.#clock.sleepUntil(
        askedMs + BEAT_MS > nowMs ? askedMs + BEAT_MS : nowMs + BEAT_MS,
        AbortSignal.any([over, this.#waiting.signal]),
      );
    }
    return undefined;
  }

  /** Listens no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#subscription.close();
    this.#gone.abort();
  }

  async #askOnce(
    subject: string,
    message: unknown,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const answer = await this.#bus.request(`${this.#plan.run}.${subject}`, packMessage(message), {
      timeoutMs: Math.min(ANSWER_MS, this.#plan.lostMs),
      signal,
    });
    if (answer !== undefined) this.#heardMs = this.#clock.now();
    return answer;
  }

  #either(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#gone.signal : AbortSignal.any([this.#gone.signal, signal]);
  }

  #take(data: Uint8Array): void {
    const read = readMessage<Beat>(data, beatShape, { at: "the beat" });
    if (!("value" in read) || read.value.run !== this.#plan.run) return;
    this.#heardMs = this.#clock.now();
    const { value: beat } = read;
    if (beat.number <= (this.#beat?.number ?? -1)) return;
    this.#beat = beat;
    // Whoever still sends when it is over was lost, and has not heard of it.
    if (beat.stop || beat.over) this.#events.onStop(beat.why);
    if (beat.abort || beat.over) this.#events.onAbort();
    if (beat.lost?.includes(this.#plan.share.agent)) this.#lose("the leader has given it up");
    const waiting = this.#waiting;
    this.#waiting = new AbortController();
    waiting.abort();
  }

  #look(): void {
    const nowMs = this.#clock.now();
    const passedMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    // What was said while this process was stopped is still to be read.
    if (passedMs > STOPPED_MS) this.#heardMs += passedMs;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs <= this.#plan.lostMs) return;
    this.#lose(`its leader was not heard of for ${(silentMs / 1000).toFixed(1)} s`);
  }

  #lose(why: string): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#events.onLost(why);
  }
}
