/**
 * What actually happened: when each request arrived and when each of its writes left. Every stamp is
 * taken just before the write. One taken after it would be later than the client's receipt, because
 * the kernel delivers small writes before the call returns.
 *
 * @module
 */
import type { SimTimes } from "./sim_times.ts";

/** What is known about a request when it arrives. */
export interface TruthFacts {
  /** Number of the request in the order of arrival since the start. */
  readonly serial: number;
  /** Name of the protocol that serves it. */
  readonly protocol: string;
  /** Requested path, without the query; the method's path for gRPC. */
  readonly path: string;
  /** Value of the header `x-request-id`. */
  readonly requestId?: string;
  /** 0-based number of the engine that ran it, where there are several. */
  readonly replica?: number;
  /** Client's port; 0 = unknown. */
  readonly clientPort: number;
  /** 1-based number of its connection. */
  readonly connection: number;
  /** First byte of the request read; ms of the engine's clock. */
  readonly arrivalMs: number;
  /** Last byte of the request read; ms of the engine's clock. */
  readonly completeMs: number;
  /** Number of given ids, else ⌈UTF-8 bytes ÷ 4⌉. */
  readonly promptTokens: number;
  /** Prompt tokens counted as cached; 0 without the prefix cache. */
  readonly cachedTokens: number;
  /** Requested length of the answer. */
  readonly requestedTokens: number;
  /** Names of its injected faults. */
  readonly faults: readonly string[];
}

/**
 * How a request ended on the server's side: `done` everything was sent, `failed` an injected fault
 * ended it, `gone` the client closed the connection, `running` not yet.
 */
export type TruthEnd = "done" | "failed" | "gone" | "running";

/** A request as the server saw it; plain data, one line of `GET /truth`. */
export interface TruthRequest extends TruthFacts {
  /** Just before each write that carries tokens; ms of the engine's clock. */
  readonly writeMs: readonly number[];
  /** When the engine had planned each of them. */
  readonly plannedMs: readonly number[];
  /** When each of them had returned, so that it left between `writeMs` and here; absent = not logged. */
  readonly writtenMs?: readonly number[];
  /** Tokens written so far, that write included. */
  readonly writeTokens: readonly number[];
  /** When the engine had queued it; ms of the engine's clock, absent = it has not. */
  readonly queuedMs?: number;
  /** When the first step that worked on it began; ms of the engine's clock, absent = none has. */
  readonly scheduledMs?: number;
  /** Why generation ended: `length` at the limit, `stop` before it; absent = it did not. */
  readonly finish?: "length" | "stop";
  /** End of the answer or of the connection; ms of the engine's clock, absent while it runs. */
  readonly endMs?: number;
  /** How it ended on the server's side. */
  readonly end: TruthEnd;
}

/** How late the engine's writes left, over the latest 65,536 of them. */
export interface Lateness {
  /** Writes since the start or the last reset. */
  readonly writes: number;
  /** Median in ms; absent before the first write. */
  readonly p50Ms?: number;
  /** 99th percentile in ms; absent before the first write. */
  readonly p99Ms?: number;
  /** Largest in ms; absent before the first write. */
  readonly maxMs?: number;
  /** Tokens per second from the first to the last write. */
  readonly tokensPerSec?: number;
}

const LATENESS_KEPT = 65_536;
/** Times of a write: before it, planned, after it. */
const TIMES = 3;

/** The log of one request. */
export class TruthEntry {
  readonly #log: TruthLog;
  readonly facts: TruthFacts;
  /** The engine's schedule for it. */
  times: Pick<SimTimes, "queuedMs" | "scheduledMs"> | undefined;
  #ms = new Float64Array(16 * TIMES);
  #tokens = new Uint32Array(16);
  #count = 0;
  #written = 0;
  #finish: "length" | "stop" | undefined;
  #endMs: number | undefined;
  #end: TruthEnd = "running";

  constructor(log: TruthLog, facts: TruthFacts) {
    this.#log = log;
    this.facts = facts;
  }

  get running(): boolean {
    return this.#end === "running";
  }

  get writes(): number {
    return this.#count;
  }

  /** The time now where returns are logged. */
  returnMs(): number {
    return this.#log.returnMs();
  }

  /** `tokens` = tokens written so far, this write included. Call it as soon as the write returns. */
  write(
    atMs: number,
    tokens: number,
    plannedMs: number,
    writtenMs: number = this.#log.returnMs(),
  ): void {
    const added = tokens - this.#written;
    this.#written = tokens;
    if (!this.#log.note(atMs, added, plannedMs)) return;
    if (this.#count === this.#tokens.length) {
      const ms = new Float64Array(this.#ms.length * 2);
      ms.set(this.#ms);
      this.#ms = ms;
      const counts = new Uint32Array(this.#tokens.length * 2);
      counts.set(this.#tokens);
      this.#tokens = counts;
    }
    this.#ms[TIMES * this.#count] = atMs;
    this.#ms[TIMES * this.#count + 1] = plannedMs;
    this.#ms[TIMES * this.#count + 2] = writtenMs;
    this.#tokens[this.#count++] = tokens;
  }

  finish(reason: "length" | "stop"): void {
    this.#finish = reason;
  }

  /** Only the first end counts. */
  end(atMs: number, how: TruthEnd): void {
    if (!this.running) return;
    this.#endMs = atMs;
    this.#end = how;
    // A growing array is up to twice as long as its content, and ended requests stay in the log.
    this.#ms = this.#ms.slice(0, TIMES * this.#count);
    this.#tokens = this.#tokens.slice(0, this.#count);
  }

  toRequest(): TruthRequest {
    const { times } = this;
    const writeMs: number[] = [];
    const plannedMs: number[] = [];
    const writtenMs: number[] = [];
    for (let i = 0; i < this.#count; i++) {
      writeMs.push(this.#ms[TIMES * i]!);
      plannedMs.push(this.#ms[TIMES * i + 1]!);
      writtenMs.push(this.#ms[TIMES * i + 2]!);
    }
    return {
      ...this.facts,
      writeMs,
      plannedMs,
      ...(this.#log.logsReturns && { writtenMs }),
      writeTokens: [...this.#tokens.subarray(0, this.#count)],
      ...(times !== undefined && times.queuedMs >= 0 && { queuedMs: times.queuedMs }),
      ...(times !== undefined && times.scheduledMs >= 0 && { scheduledMs: times.scheduledMs }),
      ...(this.#finish !== undefined && { finish: this.#finish }),
      ...(this.#endMs !== undefined && { endMs: this.#endMs }),
      end: this.#end,
    };
  }
}

/** Everything that was written, in the order of arrival. */
export class TruthLog {
  readonly #maxWrites: number;
  /** When it is called; NaN = returns are not logged. */
  readonly returnMs: () => number;
  readonly logsReturns: boolean;
  #entries: TruthEntry[] = [];
  #kept = 0;
  #dropped = 0;
  #writes = 0;
  #tokens = 0;
  #maxMs = 0;
  #firstMs = 0;
  #lastMs = 0;
  readonly #latenessMs = new Float64Array(LATENESS_KEPT);

  /**
   * Keeps at most `maxWrites` writes (28 bytes each) over all requests.
   *
   * @param returnClock also logs when each write had returned.
   */
  constructor(maxWrites: number, returnClock?: { now(): number }) {
    this.#maxWrites = maxWrites;
    this.logsReturns = returnClock !== undefined;
    this.returnMs = returnClock === undefined ? () => NaN : () => returnClock.now();
  }

  /** Writes that were not kept because the log was full. */
  get dropped(): number {
    return this.#dropped;
  }

  begin(facts: TruthFacts): TruthEntry {
    const entry = new TruthEntry(this, facts);
    this.#entries.push(entry);
    return entry;
  }

  /** Adds a write to the totals; returns whether there is room to keep it. */
  note(atMs: number, tokens: number, plannedMs: number): boolean {
    if (this.#writes === 0) this.#firstMs = atMs;
    this.#lastMs = atMs;
    const lateMs = atMs - plannedMs;
    this.#latenessMs[this.#writes++ % LATENESS_KEPT] = lateMs;
    this.#maxMs = Math.max(this.#maxMs, lateMs);
    this.#tokens += tokens;
    if (this.#kept < this.#maxWrites) this.#kept++;
    else this.#dropped++;
    return this.#dropped === 0;
  }

  requests(): TruthRequest[] {
    return this.#entries.map((entry) => entry.toRequest());
  }

  /** One JSON text per request, made on demand: a dump never doubles the log in memory. */
  *lines(): Iterable<string> {
    for (const entry of this.#entries) yield JSON.stringify(entry.toRequest()) + "\n";
  }

  /** All requests, and drops those that have ended. */
  take(): TruthRequest[] {
    const requests = this.requests();
    this.reset();
    return requests;
  }

  lateness(): Lateness {
    const writes = this.#writes;
    if (writes === 0) return { writes };
    const sorted = this.#latenessMs.slice(0, Math.min(writes, LATENESS_KEPT)).sort();
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    const seconds = (this.#lastMs - this.#firstMs) / 1000;
    return {
      writes,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: this.#maxMs,
      ...(seconds > 0 && { tokensPerSec: this.#tokens / seconds }),
    };
  }

  /** Drops ended requests; those that run keep counting. */
  reset(): void {
    this.#entries = this.#entries.filter((entry) => entry.running);
    this.#kept = this.#entries.reduce((sum, entry) => sum + entry.writes, 0);
    this.#dropped =
      this.#writes =
      this.#tokens =
      this.#maxMs =
        0;
  }
}
