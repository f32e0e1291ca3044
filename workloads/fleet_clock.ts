/**
 * How far an agent's clock is from its leader's: asked over the bus, again and again.
 *
 * An answer that was asked for at `askedMs` and came at `heardMs` by the agent's clock, and was received
 * at `receivedMs` and sent at `sentMs` by the leader's, bounds the offset (agent's minus leader's) for
 * certain: nothing arrives before it was sent, so that it lies between `askedMs - receivedMs` and
 * `heardMs - sentMs`, whichever half of the way took longer. The middle is wrong by at most half of the
 * round trip. Of all answers that with the smallest round trip is used; an older one is less sure, since
 * the clocks drift.
 *
 * @module
 */
import { type Clock, patientClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { ClockOffset } from "../metrics/run_fleet.ts";
import type { BusSubscription, FleetBus } from "./fleet_bus.ts";

/** Subject of the question. */
export const TIME_SUBJECT = "time";

/** One answer; see above. */
export interface ClockSample {
  readonly askedMs: number;
  readonly receivedMs: number;
  readonly sentMs: number;
  readonly heardMs: number;
  /** Drawn by each leader: another one has another clock. */
  readonly clock: string;
}

/** The best answers of some time are kept, each for so long. */
const WINDOW_MS = 5000;
/** So many of them: an hour. */
const MOST_WINDOWS = 720;
/** Clocks of machines that nobody keeps in step differ by less, in parts per million. */
const USUAL_PPM = 200;
/** Nothing drifts faster: what is further off is a clock that was set. */
const MOST_PPM = 20_000;
/** A drift is told when two answers so far apart bound it to so much. */
const DRIFT_SPAN_MS = 10_000;
const DRIFT_ERROR_PPM = 100;

/** An answer as bounds: the offset at a time of the agent, and how far it may be off. */
interface Bound {
  readonly atMs: number;
  readonly offsetMs: number;
  readonly errorMs: number;
}

/** What is known of two clocks. */
export interface ClockEstimate {
  /** Takes an answer; one that contradicts itself is ignored. */
  add(sample: ClockSample): void;
  /** The offset at a time by the agent's clock, ms since the epoch; absent = never compared. */
  at(agentMs: number): ClockOffset | undefined;
}

/** Estimates the offset of two clocks from answers. */
export function createClockEstimate(): ClockEstimate {
  let windows: Bound[] = [];
  let samples = 0;
  let clock: string | undefined;

  return {
    add({ askedMs, receivedMs, sentMs, heardMs, clock: whose }) {
      const roundMs = (heardMs - askedMs) - (sentMs - receivedMs);
      if (!Number.isFinite(roundMs) || roundMs < 0 || sentMs < receivedMs) return;
      const bound: Bound = {
        atMs: (askedMs + heardMs) / 2,
        offsetMs: ((askedMs - receivedMs) + (heardMs - sentMs)) / 2,
        errorMs: roundMs / 2,
      };
      if (whose !== clock || windows.some((one) => contradict(one, bound))) {
        windows = [];
        samples = 0;
        clock = whose;
      }
      samples++;
      const last = windows.at(-1);
      if (last === undefined || windowOf(last) !== windowOf(bound)) {
        windows.push(bound);
        if (windows.length > MOST_WINDOWS) windows.shift();
      } else if (bound.errorMs <= last.errorMs) windows[windows.length - 1] = bound;
    },

    at(agentMs) {
      if (windows.length === 0) return undefined;
      const drift = driftOf(windows);
      const errorPpm = drift?.errorPpm ?? USUAL_PPM;
      let best: ClockOffset | undefined;
      for (const { atMs, offsetMs, errorMs } of windows) {
        const sinceMs = agentMs - atMs;
        const uncertaintyMs = errorMs + Math.abs(sinceMs) * errorPpm / 1e6;
        if (best !== undefined && best.uncertaintyMs <= uncertaintyMs) continue;
        const movedMs = sinceMs * (drift?.ppm ?? 0) / 1e6;
        best = defined({
          offsetMs: offsetMs + movedMs,
          uncertaintyMs,
          samples,
          driftPpm: drift?.ppm,
        });
      }
      return best;
    },
  };
}

function windowOf({ atMs }: Bound): number {
  return Math.floor(atMs / WINDOW_MS);
}

/** No drift explains both: a clock was set in between. */
function contradict(one: Bound, other: Bound): boolean {
  const apartMs = Math.abs(one.offsetMs - other.offsetMs);
  const driftedMs = Math.abs(one.atMs - other.atMs) * MOST_PPM / 1e6;
  return apartMs > one.errorMs + other.errorMs + driftedMs;
}

/** The drift between the best answers of the first and the last third; absent = too short to tell. */
function driftOf(
  windows: readonly Bound[],
): { readonly ppm: number; readonly errorPpm: number } | undefined {
  const spanMs = windows.at(-1)!.atMs - windows[0]!.atMs;
  const early = bestOf(windows.filter(({ atMs }) => atMs <= windows[0]!.atMs + spanMs / 3));
  const late = bestOf(windows.filter(({ atMs }) => atMs >= windows.at(-1)!.atMs - spanMs / 3));
  const apartMs = late.atMs - early.atMs;
  if (apartMs < DRIFT_SPAN_MS) return undefined;
  const errorPpm = (early.errorMs + late.errorMs) / apartMs * 1e6;
  if (errorPpm > DRIFT_ERROR_PPM) return undefined;
  return { ppm: (late.offsetMs - early.offsetMs) / apartMs * 1e6, errorPpm };
}

function bestOf(bounds: readonly Bound[]): Bound {
  return bounds.reduce((best, one) => one.errorMs < best.errorMs ? one : best);
}

/**
 * Leader's side: tells the time to whoever asks.
 *
 * @param now the leader's clock, ms since the epoch.
 */
export function answerTime(bus: FleetBus, now: () => number): BusSubscription {
  const clock = `${now()}`;
  return bus.subscribe(TIME_SUBJECT, (message) => {
    const receivedMs = now();
    // The text but for its last number is made before that number is read.
    const text = `{"clock":"${clock}","receivedMs":${receivedMs},"sentMs":`;
    message.respond(new TextEncoder().encode(`${text}${now()}}`));
  });
}

/** Agent's side: a clock that is compared. */
export interface ClockWatch {
  /** The offset now; absent = never compared. */
  offset(): ClockOffset | undefined;
  /** A time of the leader's by the agent's clock, ms since the epoch; absent = never compared. */
  fromLeader(leaderMs: number): number | undefined;
  /** Resolves when there were some answers, or with `false` when the watch has ended before. */
  readonly compared: Promise<boolean>;
  /** Asks no more. */
  stop(): void;
}

/** How {@linkcode watchClock} asks. */
export interface ClockWatchOptions {
  /** The agent's own clock, ms since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** For waiting between questions. */
  readonly clock?: Clock;
}

/** At the beginning so many questions are asked, one shortly after the other. */
const FIRST_ASKS = 16;
/** Answers after which the clock counts as compared. */
const FIRST_ANSWERS = 8;
const FIRST_PAUSE_MS = 10;
/** Then a few at a time: one alone may have met a busy moment. */
const ASKS = 3;
const PAUSE_MS = 5000;
const ANSWER_MS = 2000;

/** Asks the leader for the time until the signal is aborted. */
export function watchClock(
  bus: FleetBus,
  { now, signal, clock = patientClock }: ClockWatchOptions,
): ClockWatch {
  const estimate = createClockEstimate();
  const stopped = new AbortController();
  const over = AbortSignal.any([signal, stopped.signal]);
  const compared = Promise.withResolvers<boolean>();
  let answers = 0;

  async function ask(): Promise<void> {
    const askedMs = now();
    const data = await bus.request(TIME_SUBJECT, new Uint8Array(0), {
      timeoutMs: ANSWER_MS,
      signal: over,
    });
    const heardMs = now();
    const answer = data === undefined ? undefined : readAnswer(data);
    if (answer === undefined) return;
    estimate.add({ askedMs, heardMs, ...answer });
    if (++answers === FIRST_ANSWERS) compared.resolve(true);
  }

  async function rounds(): Promise<void> {
    while (!over.aborted) {
      // Nobody may have answered yet: then as at the beginning, but not faster than it makes sense.
      const first = answers < FIRST_ANSWERS;
      for (let i = 0; i < (first ? FIRST_ASKS : ASKS) && !over.aborted; i++) {
        await ask();
        await clock.sleepUntil(clock.now() + FIRST_PAUSE_MS, over);
      }
      const pauseMs = answers < FIRST_ANSWERS ? PAUSE_MS / 10 : PAUSE_MS;
      await clock.sleepUntil(clock.now() + pauseMs, over);
    }
  }
  rounds().then(() => compared.resolve(false), (error) => compared.reject(error));
  // Who does not wait for it learns of a failure where it asks the same bus for something else.
  compared.promise.catch(() => {});
  return {
    offset: () => estimate.at(now()),
    fromLeader(leaderMs) {
      const offsetMs = estimate.at(now())?.offsetMs;
      return offsetMs === undefined ? undefined : leaderMs + offsetMs;
    },
    compared: compared.promise,
    stop: () => stopped.abort(),
  };
}

/** Most bytes of an answer. */
const ANSWER_BYTES = 400;

function readAnswer(
  data: Uint8Array,
): Pick<ClockSample, "receivedMs" | "sentMs" | "clock"> | undefined {
  if (data.length > ANSWER_BYTES) return undefined;
  try {
    const { receivedMs, sentMs, clock } = JSON.parse(new TextDecoder().decode(data));
    return Number.isFinite(receivedMs) && Number.isFinite(sentMs) && typeof clock === "string"
      ? { receivedMs, sentMs, clock }
      : undefined;
  } catch {
    return undefined;
  }
}
