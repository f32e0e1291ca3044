/**
 * Answers that wait to be decoded on the thread that leads a run.
 *
 * They are decoded a little at a time: this thread may be the one that sends and reads, or share a
 * core with it. Then it also waits until the users whose answers ended have sent again.
 *
 * @module
 */
import { nextTurn, systemClock } from "../backends/clock.ts";
import type { Exchange } from "../backends/transport.ts";
import type { EndedRequest } from "./load_exchange_pack.ts";

/** Where answers are read on this thread: longer than the burst in which users send again. */
const INLINE_DELAY_MS = 20;
/** The same place: shorter than what a stamp may be late. */
const INLINE_SLICE_MS = 0.2;
/** Where another thread reads: so that it need not wait long for a core. */
const ASIDE_SLICE_MS = 1;

/**
 * A slice is one longer for so many answers that wait, up to four: a queue that grows without end is
 * memory, and work for the collector, which stops this thread for longer.
 */
const WAITING_PER_SLICE = 256;
const MOST_SLICES = 4;

/** When nothing is sent any more; a thread that never pauses would not hear of an interrupt. */
const DRAIN_SLICE_MS = 20;
/** So long goes on after an interrupt what was left to decode; the rest is given up. */
const ABORT_MS = 1000;

/** A look at the clock costs a tenth of a short answer: so many bytes are decoded in 0.02 ms. */
const BYTES_PER_LOOK = 4096;

const NO_BYTES = new Uint8Array(0);
const NO_TIMES = new Float64Array(0);
const NO_ENDS = new Uint32Array(0);
const NO_WIDTHS = new Float32Array(0);

/** An answer, and who gets its memory back when it is decoded. */
interface Entry {
  readonly ended: EndedRequest;
  readonly giveBack: ((memory: ArrayBuffer) => void) | undefined;
}

/** Decodes answers in slices of time. */
export class DecodeQueue {
  readonly #decode: (ended: EndedRequest) => void;
  readonly #delayMs: number;
  readonly #sliceMs: number;
  readonly #now: () => number;
  #added: Entry[] = [];
  /** Some of those that were added, of which the first `#done` are decoded. */
  #batch: Entry[] = [];
  #done = 0;
  readonly #prompt: boolean;
  /** Ends the wait for the next slice. */
  #cancel: (() => void) | undefined;

  /**
   * @param decode must keep neither the exchange nor its arrays.
   * @param options.inline answers are read on this very thread.
   * @param options.prompt somebody waits for each answer: they wait for nothing but their turn.
   * @param options.now measures slices; default: the system's clock.
   */
  constructor(
    decode: (ended: EndedRequest) => void,
    { inline, prompt = false, now = systemClock.now }: {
      readonly inline: boolean;
      readonly prompt?: boolean;
      readonly now?: () => number;
    },
  ) {
    this.#decode = decode;
    this.#now = now;
    this.#prompt = prompt;
    this.#delayMs = inline ? INLINE_DELAY_MS : 0;
    this.#sliceMs = inline ? INLINE_SLICE_MS : ASIDE_SLICE_MS;
  }

  /** Queues an answer; `giveBack` gets the memory of its arrays when it is decoded. */
  add(ended: EndedRequest, giveBack?: (memory: ArrayBuffer) => void): void {
    this.#added.push({ ended, giveBack });
    this.#cancel ??= this.#soon(this.#delayMs);
  }

  /**
   * Decodes all that waits, with pauses in which the thread hears of an interrupt. A second after
   * `abort` the rest is given up: its exchanges count as cancelled, and their bodies are not read.
   */
  async drain(abort: AbortSignal): Promise<void> {
    let giveUpMs = Infinity;
    for (;;) {
      this.close();
      const nowMs = this.#now();
      if (abort.aborted) giveUpMs = Math.min(giveUpMs, nowMs + ABORT_MS);
      const waiting = nowMs < giveUpMs ? this.#decodeUntil(nowMs + DRAIN_SLICE_MS) : this.#giveUp();
      if (!waiting) return;
      await nextTurn();
    }
  }

  /** Decodes nothing more until something is added. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #decodeSlice = (): void => {
    const waiting = this.#batch.length - this.#done + this.#added.length;
    const slices = Math.min(MOST_SLICES, 1 + waiting / WAITING_PER_SLICE);
    const more = this.#decodeUntil(this.#now() + this.#sliceMs * slices);
    this.#cancel = more ? this.#soon(0) : undefined;
  };

  /** Decodes a slice soon: a timer of the platform is a millisecond late, a turn of its loop is not. */
  #soon(delayMs: number): () => void {
    if (this.#prompt) {
      const turn = setImmediate(this.#decodeSlice);
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(this.#decodeSlice, delayMs);
    return () => clearTimeout(timer);
  }

  /** Decodes what waits, until it is too late for another one; returns whether any is left. */
  #decodeUntil(untilMs: number): boolean {
    for (let bytes = 0; this.#hasNext(); this.#decodeNext()) {
      bytes += this.#batch[this.#done]!.ended.exchange.body.length;
      if (bytes < BYTES_PER_LOOK) continue;
      if (this.#now() >= untilMs) return true;
      bytes = 0;
    }
    return false;
  }

  #giveUp(): false {
    while (this.#hasNext()) {
      const { exchange } = this.#batch[this.#done]!.ended;
      const message = `stopped before its ${exchange.body.length} bytes were read`;
      exchange.end = { kind: "cancelled", message };
      this.#decodeNext(dropArrays);
    }
    return false;
  }

  /** Whether there is another one in the batch, where needed a new one. */
  #hasNext(): boolean {
    if (this.#done < this.#batch.length) return true;
    this.#batch = this.#added;
    this.#added = [];
    this.#done = 0;
    return this.#batch.length > 0;
  }

  #decodeNext(before?: (exchange: Exchange) => void): void {
    const { ended, giveBack } = this.#batch[this.#done++]!;
    const { exchange } = ended;
    const memory = exchange.body.buffer as ArrayBuffer;
    before?.(exchange);
    this.#decode(ended);
    dropArrays(exchange);
    giveBack?.(memory);
  }
}

/**
 * A request that waited long has left promises among the collector's old objects, which it visits
 * rarely. Until then they keep the answer, but no longer its bytes.
 */
function dropArrays(exchange: Exchange): void {
  exchange.body = NO_BYTES;
  exchange.readMs = NO_TIMES;
  exchange.readEnds = NO_ENDS;
  exchange.readWidthMs = NO_WIDTHS;
}
