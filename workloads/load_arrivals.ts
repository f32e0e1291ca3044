/**
 * Requests that arrive on a schedule, whatever the server does.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";
import type { OpenLoad } from "./load.ts";
import type { Agenda, AgendaTools, LoadShare, ShareEnd } from "./load_agenda.ts";
import { requestLimit } from "./load_sequence.ts";
import type { Departure } from "./order.ts";

/** This thread's arrivals of an open load. */
export class Arrivals implements Agenda {
  readonly #share: LoadShare;
  readonly #tools: AgendaTools;
  readonly #times: Iterator<number>;
  readonly #requests: number;
  /** All at once. */
  readonly #burst: boolean;
  /** The next one of this thread; none is left where it is due never. */
  #index = -1;
  #dueMs = 0;
  #lastMs = 0;

  /** @param times intended times of the whole load's arrivals, ms from its origin. */
  constructor(share: LoadShare, load: OpenLoad, times: Iterator<number>, tools: AgendaTools) {
    this.#share = share;
    this.#tools = tools;
    this.#times = times;
    this.#requests = requestLimit(share.stop, share.poolSize);
    this.#burst = load.ratePerSec === Infinity && this.#requests < Infinity;
    this.#advance();
  }

  dueMs(): number {
    return this.#dueMs;
  }

  take(nowMs: number): Departure {
    const { worker, poolSize } = this.#share;
    const index = this.#index;
    const departure = { index, user: worker, item: index % poolSize, intendedMs: this.#dueMs };
    this.#lastMs = nowMs;
    this.#advance();
    return departure;
  }

  requestOf({ item, index }: Departure): WireRequest {
    return this.#tools.requestOf(item, index, Math.floor(index / this.#share.poolSize));
  }

  stop(): void {
    this.#dueMs = Infinity;
  }

  over(): boolean {
    return this.#dueMs === Infinity;
  }

  begun(): number {
    return this.#burst && !this.over() ? this.#index / this.#requests : 1;
  }

  end(): ShareEnd {
    return { rampEndMs: 0, sendingEndMs: this.#lastMs };
  }

  /** Goes on to this thread's next arrival. */
  #advance(): void {
    const { worker, workers, stop } = this.#share;
    for (this.#index++; this.#index < this.#requests; this.#index++) {
      const atMs = this.#times.next().value as number;
      if (atMs >= (stop.durationMs ?? Infinity)) break;
      if (this.#index % workers !== worker) continue;
      this.#dueMs = atMs;
      return;
    }
    this.#dueMs = Infinity;
  }
}
