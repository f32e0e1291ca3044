/**
 * What one simulated engine counts of its work, as vLLM does: when, in which buckets, and of which
 * requests. Of one that its client cancelled, tokens and the time to the first token are counted; the
 * request itself and its other times are not.
 *
 * @module
 */
import type { SimFinish } from "./sim_protocol.ts";
import { partsOf, type SimTimes } from "./sim_times.ts";

/** Upper edges in seconds, as vLLM has them. */
const FIRST_TOKEN = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[20, 40, 80, 160, 640, 2560],
];
const GAP = [
  ...[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[20, 40, 80],
];
const REQUEST = [
  ...[0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920],
  7680,
];

/** Values in buckets, in seconds. */
export class SimHistogram {
  /** Upper edges of the buckets but the last. */
  readonly edges: readonly number[];
  /** Values in each bucket, not cumulative. */
  readonly counts: number[];
  /** Sum of the values. */
  sum = 0;

  constructor(edges: readonly number[]) {
    this.edges = edges;
    this.counts = Array.from({ length: edges.length + 1 }, () => 0);
  }

  /** Counts a time. */
  observe(ms: number): void {
    const seconds = ms / 1000;
    const { edges } = this;
    let bucket = 0;
    while (bucket < edges.length && seconds > edges[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += seconds;
  }
}

/** Counters and histograms of one engine. */
export class SimMetrics {
  /** Of requests that got their first token. */
  promptTokens = 0;
  /** Of these, tokens that the prefix cache had. */
  cachedTokens = 0;
  /** Requests that ended by themselves, by the reason. */
  readonly finished: Record<SimFinish, number> = { length: 0, stop: 0 };
  drafts = 0;
  draftTokens = 0;
  acceptedTokens = 0;
  /** Accepted tokens by their position among the guessed ones. */
  readonly acceptedAt: number[] = [];
  readonly firstToken: SimHistogram = new SimHistogram(FIRST_TOKEN);
  /** Between the events of a stream. */
  readonly gap: SimHistogram = new SimHistogram(GAP);
  readonly perToken: SimHistogram = new SimHistogram(GAP);
  readonly request: SimHistogram = new SimHistogram(REQUEST);
  readonly queue: SimHistogram = new SimHistogram(REQUEST);
  readonly inference: SimHistogram = new SimHistogram(REQUEST);
  readonly prefill: SimHistogram = new SimHistogram(REQUEST);
  readonly decode: SimHistogram = new SimHistogram(REQUEST);

  readonly #draft: number | undefined;

  /** @param draft tokens guessed for each step; absent = none. */
  constructor(draft?: number) {
    this.#draft = draft;
  }

  /**
   * A request gets its first tokens. After a late wake-up it may have joined steps that were planned
   * before it came.
   */
  began(
    times: SimTimes,
    { plannedMs, nowMs, prompt }: {
      plannedMs: number;
      nowMs: number;
      prompt: { tokens: number; cached: number };
    },
  ): void {
    times.firstTokenMs = times.lastTokenMs = Math.max(plannedMs, times.scheduledMs);
    this.promptTokens += prompt.tokens;
    this.cachedTokens += prompt.cached;
    this.firstToken.observe(nowMs - times.queuedMs);
  }

  /** A request gets further tokens, all of one step. */
  next(times: SimTimes, plannedMs: number, count: number): void {
    const gapMs = Math.max(0, plannedMs - times.lastTokenMs);
    this.gap.observe(gapMs);
    times.lastTokenMs += gapMs;
    if (this.#draft === undefined) return;
    const accepted = count - 1;
    times.drafts++;
    times.draftTokens += this.#draft;
    times.acceptedTokens += accepted;
    this.drafts++;
    this.draftTokens += this.#draft;
    this.acceptedTokens += accepted;
    for (let i = 0; i < accepted; i++) this.acceptedAt[i] = (this.acceptedAt[i] ?? 0) + 1;
  }

  /** A request got its last token. */
  ended(
    times: SimTimes,
    { nowMs, emitted, finish }: { nowMs: number; emitted: number; finish: SimFinish },
  ): void {
    const { queueMs, prefillMs, decodeMs } = partsOf(times);
    this.finished[finish]++;
    this.request.observe(nowMs - times.queuedMs);
    this.queue.observe(queueMs);
    this.prefill.observe(prefillMs);
    this.decode.observe(decodeMs);
    this.inference.observe(prefillMs + decodeMs);
    this.perToken.observe(emitted > 1 ? decodeMs / (emitted - 1) : 0);
  }
}
