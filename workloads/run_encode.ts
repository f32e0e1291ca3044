/**
 * Encodes the requests of a pool, a few at a time, so that a server's answer is read meanwhile.
 *
 * @module
 */
import { patientClock, systemClock } from "../backends/clock.ts";
import type { GenerationRequest, Protocol, WireRequest } from "../backends/protocol.ts";
import { type SharedWires, WireSharer } from "./load_wires.ts";
import type { PoolPlan } from "./run_pool.ts";

/**
 * Requests are encoded so long before the thread reads what has come, for which it must be idle: a turn
 * of the event loop alone reads nothing.
 */
const ENCODE_MS = 5;
const REST_MS = 1;

/** Does something so many times, a few at a time. @param signal gives it up, with an error. */
export async function slowly(
  times: number,
  signal: AbortSignal | undefined,
  act: (number: number) => void,
): Promise<void> {
  let lastMs = systemClock.now();
  for (let number = 0; number < times; number++) {
    act(number);
    if (systemClock.now() - lastMs < ENCODE_MS) continue;
    await patientClock.sleepUntil(systemClock.now() + REST_MS);
    signal?.throwIfAborted();
    lastMs = systemClock.now();
  }
}

/** Encoded requests of a pool in which prompts are repeated: of equal bodies one is kept. */
export class PoolSharer {
  readonly #sharer = new WireSharer();
  readonly #known = new Map<string, number>();
  /** Bodies may be equal. */
  readonly #repeats: boolean;
  readonly #prompts: number;
  #count = 0;

  constructor(protocol: Protocol, { length }: PoolPlan, prompts: number) {
    this.#repeats = length > prompts && protocol.usesRequestId !== true;
    this.#prompts = prompts;
  }

  /** @param position in the pool, of a request that differs from it in its mark alone. */
  add(wire: WireRequest, { model }: GenerationRequest, position: number): void {
    const count = this.#count++;
    if (!this.#repeats) return this.#sharer.add(wire);
    const key = `${position % this.#prompts} ${model}`;
    const like = this.#known.get(key);
    this.#sharer.add(wire, like);
    if (like === undefined) this.#known.set(key, count);
  }

  shared(): SharedWires {
    return this.#sharer.shared();
  }
}
