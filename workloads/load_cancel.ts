/**
 * Users who leave before their answer has ended: a drawn share of the requests is cancelled.
 *
 * @module
 */
import { type Clock, onAbort } from "../backends/clock.ts";
import { createRandom } from "../backends/random.ts";
import type { Exchange } from "../backends/transport.ts";
import type { CancelSpec } from "./load.ts";
import { Alarm } from "./load_alarm.ts";
import { DueQueue } from "./due_queue.ts";
import { parseTimeMs } from "./load_time.ts";
import type { Departure } from "./order.ts";
import { UserError } from "./user_error.ts";

/** What {@linkcode parseCancel} accepts, for help texts. */
export const CANCEL_FORMS: string = "10%:after=ttft+500ms or 10%:after=200ms";

/**
 * Reads `10%:after=ttft+500ms` or `10%:after=200ms`.
 *
 * @throws {UserError} for anything else, saying what would work.
 */
export function parseCancel(text: string): CancelSpec {
  const mistake = (works: string) =>
    new UserError(`Cannot use --cancel ${JSON.stringify(text)}: give ${works}`);
  const [, percent, first, later, after] =
    /^(\d+(?:\.\d+)?)%:after=(?:(ttft)(?:\+(.+))?|(.+))$/.exec(text.trim()) ?? [];
  if (percent === undefined) throw mistake(CANCEL_FORMS);
  const share = Number(percent) / 100;
  if (!(share > 0 && share <= 1)) {
    throw mistake("a share of the requests above 0 % and up to 100 %, e.g. 10%:after=ttft+500ms");
  }
  const afterMs = parseTimeMs(later ?? after ?? "0");
  if (afterMs === undefined || (first === undefined && afterMs === 0)) throw mistake(CANCEL_FORMS);
  return { share, from: first === undefined ? "sent" : "first", afterMs };
}

/** The spec as {@linkcode parseCancel} reads it. */
export function formatCancel({ share, from, afterMs }: CancelSpec): string {
  const percent = Number((share * 100).toFixed(6));
  return `${percent}%:after=${from === "first" ? "ttft+" : ""}${afterMs}ms`;
}

/** Whether a request's user leaves: a function of the seed, the load, and the request alone. */
export function leaversOf(
  { share }: CancelSpec,
  { seed, loadNumber }: { readonly seed: number; readonly loadNumber: number },
): (departure: Departure) => boolean {
  return ({ index, key }) =>
    key !== null && createRandom(seed, `cancel/${loadNumber}/${key ?? index}`).next() < share;
}

/** A request whose user will leave. */
export interface Leaver {
  /** Cancels it. */
  readonly signal: AbortSignal;
  /** To be called when the first bytes of its answer have come. */
  readonly onFirst: () => void;
  /** To be called when it is over; names the end that was planned. */
  readonly finish: (exchange: Exchange) => void;
}

/** Cancels requests when their users leave. */
export class Leavers {
  readonly #spec: CancelSpec;
  readonly #clock: Clock;
  readonly #all: AbortSignal;
  readonly #waiting = new DueQueue<() => void>();
  readonly #alarm: Alarm;

  /**
   * @param signals.all cancels everything, which is nobody's plan.
   * @param signals.over the load has ended: nobody is waited for any more.
   */
  constructor(
    spec: CancelSpec,
    clock: Clock,
    signals: { readonly all: AbortSignal; readonly over: AbortSignal },
  ) {
    this.#spec = spec;
    this.#clock = clock;
    this.#all = signals.all;
    this.#alarm = new Alarm(clock, signals.over, () => this.#ring());
  }

  /** A request that is being sent now. */
  begin(): Leaver {
    const { from, afterMs } = this.#spec;
    const controller = new AbortController();
    const ignore = onAbort(this.#all, () => controller.abort());
    let left = false;
    const leave = () => {
      if (controller.signal.aborted) return;
      left = true;
      controller.abort();
    };
    const leaveLater = () => {
      this.#waiting.add(this.#clock.now() + afterMs, leave);
      this.#alarm.at(this.#waiting.dueMs);
    };
    if (from === "sent") leaveLater();
    return {
      signal: controller.signal,
      onFirst: from === "first" ? leaveLater : () => {},
      finish(exchange) {
        ignore();
        if (!left || exchange.end.kind !== "cancelled") return;
        const after = from === "first" ? "the first bytes of the answer" : "sending";
        const message = `the user left ${afterMs} ms after ${after}, as planned`;
        exchange.end = { kind: "cancelled", message, planned: true };
      },
    };
  }

  #ring(): void {
    while (this.#waiting.dueMs <= this.#clock.now()) this.#waiting.take()!();
    this.#alarm.at(this.#waiting.dueMs);
  }
}
