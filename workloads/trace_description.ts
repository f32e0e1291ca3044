/**
 * Describes a recording in numbers, without sending anything.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { histogram, roundStep } from "../metrics/stat_histogram.ts";
import { describe, sortValues } from "../metrics/stat_quantile.ts";
import type {
  TraceModel,
  TracePrompt,
  TraceRate,
  TraceReplay,
  TraceSharingSummary,
  TraceSummary,
  TraceValues,
} from "../metrics/summary_trace.ts";
import type { Trace, TraceSession } from "./trace.ts";
import { sharingOf, turnsInOrder } from "./trace_sharing.ts";
import { VERSION } from "./version.ts";

/** How a replay would be run. */
export interface DescribeOptions {
  /** Instants are divided by it. Default 1. */
  readonly speedup?: number;
  /** Sessions at a time, each a line. Default 1, 8, 64. */
  readonly concurrency?: readonly number[];
  /** Longest pause in a session, ms; absent = as recorded. */
  readonly idleCapMs?: number | undefined;
}

const PERCENTILES: readonly number[] = [50, 90, 99];
const LARGEST = 5;
/** Stretches of time in a chart, at most twice as many. */
const STRETCHES = 60;

/**
 * What a recording holds: sessions, lengths, rate over time, what its prompts share, and how long a
 * replay takes where the server takes no time.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { describeTrace, readTrace } from "@tokometer/tokometer/workloads";
 *
 * const file = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(
 *   file,
 *   `{"timestamp": 0, "input_length": 1024, "output_length": 20, "hash_ids": [1, 2]}
 * {"timestamp": 500, "input_length": 1500, "output_length": 30, "hash_ids": [1, 2, 3]}
 * `,
 * );
 * const { format, requests, sharing } = describeTrace(await readTrace(file));
 * assertEquals([format, requests, sharing?.newTokens], ["mooncake", 2, 1500]);
 * await Deno.remove(file);
 * ```
 */
export function describeTrace(trace: Trace, options: DescribeOptions = {}): TraceSummary {
  const { sessions, hasSessions, hasInstants, history } = trace;
  const found = new Findings();
  for (const { session, turn } of turnsInOrder(trace)) found.add(session, turn);
  const ownClocks = hasSessions && sessions.length > 1 &&
    sessions.every(({ turns }) => turns[0]!.atMs === 0);
  const spanMs = found.atMs.at(-1) ?? 0;
  return {
    schema: "tokometer-trace-1",
    version: VERSION,
    source: trace.source,
    format: trace.format,
    sha256: trace.sha256,
    requests: found.atMs.length,
    sessions: sessions.length,
    hasSessions,
    hasInstants,
    history,
    spanMs,
    ownClocks,
    mostAtOnce: ownClocks || !hasInstants ? 1 : mostEqual(found.atMs),
    written: found.written,
    inputTokens: valuesOf(found.inputTokens),
    outputTokens: valuesOf(found.outputTokens),
    turnsPerSession: valuesOf(sessions.map(({ turns }) => turns.length)),
    pausesMs: valuesOf(found.pausesMs),
    helpers: helpersOf(trace),
    ...defined({ sharing: sharingSummary(trace) }),
    models: [...found.models.values()].sort((a, b) => b.requests - a.requests),
    largest: found.largest,
    rate: rateOf(found, spanMs),
    replay: replayOf(trace, { spanMs, pausesMs: found.pausesMs, ...options }),
    skipped: trace.skipped,
    remarks: trace.remarks,
  };
}

/** Gathers values of all turns, by their instants. */
class Findings {
  readonly atMs: number[] = [];
  readonly tokensAt: number[] = [];
  readonly inputTokens: number[] = [];
  readonly outputTokens: number[] = [];
  readonly pausesMs: number[] = [];
  readonly models = new Map<string, { -readonly [Key in keyof TraceModel]: TraceModel[Key] }>();
  readonly largest: TracePrompt[] = [];
  written = 0;

  add(session: TraceSession, turn: TraceSession["turns"][number]): void {
    const { atMs, prompt, outputTokens } = turn;
    const inputTokens = prompt.kind === "blocks" ? prompt.inputTokens : undefined;
    this.atMs.push(atMs);
    this.tokensAt.push(inputTokens ?? 0);
    if (inputTokens === undefined) this.written++;
    else this.inputTokens.push(inputTokens);
    if (outputTokens !== undefined) this.outputTokens.push(outputTokens);
    if (turn.waitsFor.length > 0) this.pausesMs.push(turn.delayMs);
    const name = turn.model === undefined ? "" : session.models[turn.model]!;
    let model = this.models.get(name);
    if (model === undefined) {
      model = { name, requests: 0, inputTokens: 0, outputTokens: 0 };
      this.models.set(name, model);
    }
    model.requests++;
    model.inputTokens += inputTokens ?? 0;
    model.outputTokens += outputTokens ?? 0;
    if (inputTokens !== undefined && this.#isLarge(inputTokens)) {
      this.largest.push({
        session: session.id,
        chain: session.chains[turn.chain]!.name,
        turn: turn.number,
        atMs,
        inputTokens,
        outputTokens,
      });
      this.largest.sort((a, b) => b.inputTokens - a.inputTokens);
      if (this.largest.length > LARGEST) this.largest.pop();
    }
  }

  #isLarge(tokens: number): boolean {
    return this.largest.length < LARGEST || tokens > this.largest.at(-1)!.inputTokens;
  }
}

function valuesOf(list: readonly number[]): TraceValues {
  const values = sortValues(list);
  let total = 0;
  for (const value of list) total += value;
  return { ...describe(values, PERCENTILES), total, histogram: histogram(values) };
}

/** Most of the same number in a sorted list. */
function mostEqual(sorted: readonly number[]): number {
  let most = 0;
  let from = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (sorted[i] !== sorted[from]) from = i;
    most = Math.max(most, i - from + 1);
  }
  return most;
}

function helpersOf({ sessions, hasSessions }: Trace): TraceSummary["helpers"] {
  const byName = new Map<string, number>();
  let count = 0;
  let depth = 0;
  let joins = 0;
  for (const session of hasSessions ? sessions : []) {
    for (const chain of session.chains.slice(1)) {
      count++;
      depth = Math.max(depth, chain.depth);
      byName.set(chain.name, (byName.get(chain.name) ?? 0) + 1);
    }
    joins += session.turns.filter(({ waitsFor }) => waitsFor.length > 1).length;
  }
  return { count, depth, joins, byName: Object.fromEntries(byName) };
}

function sharingSummary(trace: Trace): TraceSharingSummary | undefined {
  const { blockTokens } = trace;
  const sum = blockTokens === 0 ? undefined : sharingOf(trace);
  if (sum === undefined || sum.blocks === 0) return undefined;
  const { blocks, seenBlocks, inputTokens, cachedTokens, cachedInSession } = sum;
  return {
    blockTokens,
    blocks,
    blockShare: seenBlocks / blocks,
    tokenShare: cachedTokens / inputTokens,
    inSession: cachedInSession / inputTokens,
    acrossSessions: (cachedTokens - cachedInSession) / inputTokens,
    newTokens: inputTokens - cachedTokens,
  };
}

function rateOf({ atMs, tokensAt }: Findings, spanMs: number): TraceRate {
  const stretchMs = spanMs === 0 ? 1000 : roundStep(spanMs / STRETCHES / 2);
  const requests = new Array<number>(Math.floor(spanMs / stretchMs) + 1).fill(0);
  const inputTokens = requests.slice();
  for (const [i, ms] of atMs.entries()) {
    const stretch = Math.floor(ms / stretchMs);
    requests[stretch]!++;
    inputTokens[stretch]! += tokensAt[i]!;
  }
  return { stretchMs, requests, inputTokens };
}

function replayOf(
  trace: Trace,
  options: DescribeOptions & { readonly spanMs: number; readonly pausesMs: readonly number[] },
): TraceReplay {
  const { speedup = 1, concurrency = [1, 8, 64], idleCapMs, spanMs, pausesMs } = options;
  const capMs = idleCapMs ?? Infinity;
  const atOnce: number[] = [];
  const asRecorded: number[] = [];
  let hasEnds = false;
  for (const session of trace.hasSessions ? trace.sessions : []) {
    hasEnds ||= session.turns.some(({ endMs }) => endMs !== undefined);
    atOnce.push(sessionMs(session, { capMs, withAnswers: false }));
    asRecorded.push(sessionMs(session, { capMs, withAnswers: true }));
  }
  return {
    speedup,
    ...defined({ scheduleMs: trace.hasInstants ? spanMs / speedup : undefined, idleCapMs }),
    cutPauses: pausesMs.filter((ms) => ms > capMs).length,
    sessions: trace.hasSessions
      ? concurrency.map((slots) => ({
        concurrency: slots,
        atOnceMs: inSlots(atOnce, slots),
        ...(hasEnds ? { asRecordedMs: inSlots(asRecorded, slots) } : {}),
      }))
      : [],
  };
}

/** How long a session takes: the longest way through its turns. */
function sessionMs(
  { turns }: TraceSession,
  { capMs, withAnswers }: { readonly capMs: number; readonly withAnswers: boolean },
): number {
  const ends: number[] = [];
  let longest = 0;
  for (const { waitsFor, delayMs, atMs, endMs = atMs } of turns) {
    let ready = 0;
    for (const waited of waitsFor) ready = Math.max(ready, ends[waited]!);
    const end = ready + Math.min(delayMs, capMs) + (withAnswers ? endMs - atMs : 0);
    ends.push(end);
    longest = Math.max(longest, end);
  }
  return longest;
}

/** How long sessions take when each free slot takes the next one. */
function inSlots(sessionsMs: readonly number[], slots: number): number {
  const free = new Array<number>(Math.min(slots, Math.max(1, sessionsMs.length))).fill(0);
  for (const ms of sessionsMs) {
    let next = 0;
    for (let slot = 1; slot < free.length; slot++) if (free[slot]! < free[next]!) next = slot;
    free[next]! += ms;
  }
  return free.reduce((longest, ms) => Math.max(longest, ms), 0);
}
