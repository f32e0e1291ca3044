/**
 * How long the questions before a run may take, all together, and which answers are worth another
 * question.
 *
 * @module
 */
import { type Clock, systemClock, wallClockMs } from "../backends/clock.ts";
import type { Outcome } from "../backends/record.ts";

/** Longest time for all questions without `--wait`: a cold engine compiles for a minute. */
const PATIENCE_MS = 120_000;
/** Longest single wait that a server may ask for without `--wait`. */
const LONGEST_ASKED_MS = 10_000;
/** From one question to the next while a server is starting. */
const PAUSE_MS = 1000;

/** What {@linkcode Patience} begins with. */
export interface PatienceOptions {
  /** `--wait`, ms; 0 = the server is there, or is an error. */
  readonly waitMs?: number | undefined;
  /** Time for all questions, ms; default `waitMs`, or two minutes. */
  readonly totalMs?: number;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** Time left for questions before a run. */
export class Patience {
  /** Wait for a server that is not there yet. */
  readonly waits: boolean;
  readonly #clock: Clock;
  readonly #untilMs: number;

  /** Its time begins now. */
  constructor(options: PatienceOptions = {}) {
    const { waitMs = 0, totalMs = waitMs || PATIENCE_MS, clock = systemClock } = options;
    this.waits = waitMs > 0;
    this.#clock = clock;
    this.#untilMs = clock.now() + totalMs;
  }

  /** Time that a question may take now, ms; never 0, which would be no limit. */
  leftMs(): number {
    return Math.max(1, this.#untilMs - this.#clock.now());
  }

  /** The same for a question with a limit of its own; 0 = it has none. */
  limitMs(ownMs: number): number {
    return ownMs > 0 ? Math.min(ownMs, this.leftMs()) : this.leftMs();
  }

  /** Whether so long a pause fits in. */
  allows(pauseMs: number): boolean {
    return pauseMs < this.leftMs() && (this.waits || pauseMs <= LONGEST_ASKED_MS);
  }

  /**
   * Waits before the next question: as long as the server asks, else a second.
   *
   * @returns `false`, at once, where that is longer than the time left, or, without `--wait`, than
   * anybody would sit through unasked.
   */
  async pause(askedMs: number | undefined, signal?: AbortSignal): Promise<boolean> {
    const pauseMs = askedMs ?? PAUSE_MS;
    if (!this.allows(pauseMs)) return false;
    await this.#clock.sleepUntil(this.#clock.now() + pauseMs, signal);
    return signal?.aborted !== true;
  }
}

/** Whether a server that is starting answers so, or not at all. */
export function isNotYet(outcome: Outcome, carrier: "http" | "grpc" | "inprocess"): boolean {
  switch (outcome.kind) {
    case "connect_error":
      return !/certificate|CERT|TLS|SSL|InvalidContentType|wrong version/i
        .test(outcome.message);
    case "timeout":
      return true;
    case "http_error":
      return carrier === "grpc"
        ? outcome.status === 14 || outcome.status === 8
        : [429, 502, 503, 504].includes(outcome.status);
    default:
      return false;
  }
}

/** Statuses with which a server asks to be left alone for a while. */
export function asksToWait(outcome: Outcome): boolean {
  return outcome.kind === "http_error" && (outcome.status === 429 || outcome.status === 503);
}

/**
 * How long a server wants to be left alone, ms: `retry-after` in seconds or as a date, and
 * `retry-after-ms`. `undefined` = it does not say, or not so that it can be read.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string>> | undefined,
  nowMs: number = wallClockMs(),
): number | undefined {
  const ms = headers?.["retry-after-ms"];
  if (ms !== undefined && /^\d+(\.\d+)?$/.test(ms)) return Number(ms);
  const after = headers?.["retry-after"];
  if (after === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(after)) return Number(after) * 1000;
  // Date.parse() takes "-5" and "soon 7" for dates.
  const date = /^[a-z]{3},? /i.test(after) ? Date.parse(after) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
