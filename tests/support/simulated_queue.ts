/**
 * Engines on simulated time whose highest load within a service level is known by construction.
 *
 * @module
 */
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { createRecord } from "./create_record.ts";

/** An engine that answers an open loop. */
export interface SimulatedEngine {
  readonly name: string;
  /** Limit on p99 of TTFT that the truth is about, in ms. */
  readonly limitMs: number;
  /** Highest rate whose p99 of TTFT is below the limit, and of all lower ones: requests per second. */
  readonly truth: number;
  /** How long a request takes alone, in ms. */
  readonly answerMs: number;
  /** Requests in the order of their ends. */
  readonly run: (load: SimulatedLoad) => readonly RequestRecord[];
}

export interface SimulatedLoad {
  readonly ratePerSec: number;
  readonly requests: number;
  readonly seed: string;
}

/** Prefill of every request, in ms. */
const PREFILL_MS = 20;
/** Mean time from the first token to the last, in ms. */
const DECODE_MS = 400;
const SLOTS = 8;

/** Exponential service in `SLOTS` slots, first come first served (M/M/c). */
function queue(
  { ratePerSec, requests, seed }: SimulatedLoad,
  serviceMs: number,
): readonly RequestRecord[] {
  const random = createRandom(0, seed);
  const exponential = (mean: number) => -Math.log(1 - random.next()) * mean;
  const free = new Float64Array(SLOTS);
  let atMs = 0;
  const records = Array.from({ length: requests }, (_, index) => {
    atMs += exponential(1000 / ratePerSec);
    let slot = 0;
    for (let i = 1; i < SLOTS; i++) if (free[i]! < free[slot]!) slot = i;
    const startMs = Math.max(atMs, free[slot]!);
    const endMs = startMs + exponential(serviceMs);
    free[slot] = endMs;
    return recordOf(index, {
      sentMs: atMs,
      firstMs: startMs + PREFILL_MS,
      endMs: Math.max(endMs, startMs + PREFILL_MS + 1),
    });
  });
  return records.toSorted((a, b) => a.endMs! - b.endMs!);
}

function recordOf(
  index: number,
  { sentMs, firstMs, endMs }: {
    readonly sentMs: number;
    readonly firstMs: number;
    readonly endMs: number;
  },
): RequestRecord {
  return createRecord({ index, user: index, sentMs, ticks: [[firstMs, 1], [endMs, 2]] });
}

/** p99 of the TTFT of that queue (Erlang's C formula, 1917); infinite where it never settles. */
function queueTail(ratePerSec: number, serviceMs: number): number {
  const offered = ratePerSec * serviceMs / 1000;
  if (offered >= SLOTS) return Infinity;
  let term = 1;
  let sum = 1;
  for (let k = 1; k < SLOTS; k++) sum += term *= offered / k;
  const last = term * offered / SLOTS * SLOTS / (SLOTS - offered);
  const waits = last / (sum + last);
  if (waits <= 0.01) return PREFILL_MS;
  return PREFILL_MS + Math.log(100 * waits) / ((SLOTS / serviceMs) - ratePerSec / 1000);
}

/** Where a rising function reaches a value. */
function solve(of: (rate: number) => number, value: number): number {
  let [low, high] = [0.001, 1000];
  for (let i = 0; i < 100; i++) {
    const middle = Math.sqrt(low * high);
    if (of(middle) < value) low = middle;
    else high = middle;
  }
  return low;
}

/** A queue that grows with the load. */
export function queueEngine(): SimulatedEngine {
  const limitMs = 200;
  return {
    name: "queue",
    limitMs,
    truth: solve((rate) => queueTail(rate, DECODE_MS), limitMs),
    answerMs: PREFILL_MS + DECODE_MS,
    run: (load) => queue(load, DECODE_MS),
  };
}

/** From the lower to the higher rate the engine is slower than below and above: its batches do not fit. */
export function dippedEngine(): SimulatedEngine {
  const [from, to] = [4.6, 7.2];
  const { limitMs, answerMs } = queueEngine();
  return {
    name: "not monotonic",
    ...{ limitMs, answerMs, truth: from },
    run: (load) =>
      queue(load, load.ratePerSec >= from && load.ratePerSec < to ? 2.2 * DECODE_MS : DECODE_MS),
  };
}

/** No queue: TTFT has a heavy tail in episodes and rises so slowly that near the limit chance decides. */
export function noisyEngine(): SimulatedEngine {
  const limitMs = 1000;
  const truth = 10;
  const sigma = 0.5;
  const [share, slower] = [0.05, 1.6];
  // p99 of a mixture of two lognormal distributions with median 1.
  const normalAbove = (z: number) => {
    const t = 1 / (1 + 0.2316419 * Math.abs(z));
    const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * t *
      (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return z >= 0 ? tail : 1 - tail;
  };
  const above = (x: number) =>
    (1 - share) * normalAbove(Math.log(x) / sigma) +
    share * normalAbove(Math.log(x / slower) / sigma);
  const tail = solve((x) => 1 / above(x), 100);
  return {
    name: "noisy at the limit",
    ...{ limitMs, truth, answerMs: 500 },
    run: ({ ratePerSec, requests, seed }) => {
      const random = createRandom(0, seed);
      const normal = () =>
        Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
      const median = limitMs / tail * (ratePerSec / truth) ** 0.8;
      let atMs = 0;
      // Slow and fast episodes of geometric length, as a share of the requests.
      let slow = false;
      return Array.from({ length: requests }, (_, index) => {
        atMs += -Math.log(1 - random.next()) * 1000 / ratePerSec;
        if (random.next() < 0.2) slow = random.next() < share;
        const ttftMs = median * Math.exp(sigma * normal()) * (slow ? slower : 1);
        return recordOf(index, {
          sentMs: atMs,
          firstMs: atMs + ttftMs,
          endMs: atMs + ttftMs + 100,
        });
      }).toSorted((a, b) => a.endMs! - b.endMs!);
    },
  };
}

/** All of them. */
export const ENGINES: readonly (() => SimulatedEngine)[] = [queueEngine, dippedEngine, noisyEngine];
