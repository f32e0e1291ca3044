/**
 * Whether the observations of a request contradict each other.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { NOT_AVAILABLE } from "./format.ts";
import type { MergeableFold } from "./fold.ts";
import type { Mergeable } from "./load_state.ts";
import { sentTokens } from "./record_streaming.ts";
import { mergeAll, readCount, readList, readText, sums } from "./state_read.ts";

/** Requests with the same kind of fault, and the first of them. */
export interface Suspects {
  /** How many there are. */
  readonly count: number;
  /** The lowest position among them; absent when there are none. */
  readonly index: number | undefined;
  /** What is wrong with it. */
  readonly reason: string | undefined;
}

/** What the records say about their own consistency. */
export interface Consistency {
  /** Requests with stamps out of order or impossible values, whatever their outcome. */
  readonly impossible: Suspects;
  /** Requests whose TTFT + Σ ITL is not E2E. */
  readonly broken: Suspects;
  /** Requests with ticks and a token count. */
  readonly counted: number;
  /** Of these, requests whose stream showed another number of tokens. */
  readonly differing: number;
  /** Σ |seen − counted|, so that too many and too few do not cancel out. */
  readonly apartTokens: number;
  /** Their tokens as seen in the streams. */
  readonly seenTokens: number;
  /** Their tokens as counted, without those that were counted and not sent. */
  readonly countedTokens: number;
  /** Completed requests that nothing but the end of the body ended. */
  readonly unmarked: number;
  /** Of these, requests with another number of tokens than the one that was forced. */
  readonly unmarkedDiffering: number;
  /** Of these, requests whose length was a limit only. */
  readonly unmarkedUnforced: number;
}

/** Stamps come from one clock, so that two ways to add them up differ by rounding only. */
const ROUNDING_MS = 1e-6;

/** Checks measured records, one at a time. */
export function consistencyFold(): MergeableFold<Consistency> {
  const impossible = createSuspects();
  const broken = createSuspects();
  const counts = {
    ...{ counted: 0, differing: 0, apartTokens: 0, seenTokens: 0, countedTokens: 0 },
    ...{ unmarked: 0, unmarkedDiffering: 0, unmarkedUnforced: 0 },
  };
  return {
    ...mergeAll({ impossible, broken, counts: sums(counts) }),
    add(record) {
      const { index, outcome, tickTokens } = record;
      const reason = impossibility(record);
      if (reason !== undefined) impossible.add(index, reason);
      if (outcome.kind !== "ok") return;
      if (isBroken(record)) broken.add(index, "ticks and stamps of it disagree");
      if (record.unmarkedEnd) {
        counts.unmarked++;
        if (!record.lengthForced) counts.unmarkedUnforced++;
        else if (record.outputTokens?.tokens !== record.requestedTokens) counts.unmarkedDiffering++;
      }
      const seen = tickTokens[tickTokens.length - 1];
      const sent = sentTokens(record);
      if (sent === undefined || seen === undefined) return;
      counts.counted++;
      if (seen !== sent) counts.differing++;
      counts.apartTokens += Math.abs(seen - sent);
      counts.seenTokens += seen;
      counts.countedTokens += sent;
    },
    result: () => ({ impossible: impossible.result(), broken: broken.result(), ...counts }),
  };
}

/** Collects suspects, in any order. */
export function createSuspects(): Mergeable & {
  add(index: number, reason: string): void;
  result(): Suspects;
} {
  let count = 0;
  let first: { readonly index: number; readonly reason: string } | undefined;
  const see = (index: number, reason: string) => {
    if (first === undefined || index < first.index) first = { index, reason };
  };
  return {
    add(index, reason) {
      count++;
      see(index, reason);
    },
    state: () => first === undefined ? [] : [count, first.index, first.reason],
    merger(state) {
      const list = readList(state, 3);
      if (list.length === 0) return () => {};
      const more = readCount(list[0]);
      const [index, reason] = [readCount(list[1]), readText(list[2])];
      return () => {
        count += more;
        see(index, reason);
      };
    },
    result: () => ({ count, index: first?.index, reason: first?.reason }),
  };
}

function isBroken(record: RequestRecord): boolean {
  const { sentMs, firstTokenMs, lastTokenMs } = record;
  if (sentMs === undefined || firstTokenMs === undefined || lastTokenMs === undefined) return false;
  const gaps = sumOfGaps(record);
  const apart = Math.abs(firstTokenMs - sentMs + gaps - (lastTokenMs - sentMs));
  return apart > ROUNDING_MS * (1 + record.tickMs.length);
}

/** Of all values of ITL, which need not be listed for it. */
function sumOfGaps({ tickMs, tickTokens }: RequestRecord): number {
  let sum = 0;
  let last = 0;
  for (let i = 1; i < tickMs.length; i++) {
    if (tickTokens[i] === tickTokens[last]) continue;
    sum += tickMs[i]! - tickMs[last]!;
    last = i;
  }
  return sum;
}

/** Stamps of a record, in the order in which they happen. */
const STAMPS = [
  ...["intendedMs", "sentMs", "firstByteMs", "firstEventMs"] as const,
  ...["firstTokenMs", "lastTokenMs", "endMs"] as const,
];

/** What is impossible in a record, if anything. */
function impossibility(record: RequestRecord): string | undefined {
  const { tickMs, tickTokens } = record;
  let before = "";
  let beforeMs = -Infinity;
  for (const name of STAMPS) {
    const ms = record[name];
    if (ms === undefined) continue;
    if (!(ms >= 0 && ms < Infinity)) return `${name} is ${ms}`;
    if (ms < beforeMs) return `${name} ${ms} is before ${before} ${beforeMs}`;
    before = name;
    beforeMs = ms;
  }
  if (tickMs.length !== tickTokens.length) {
    return `${tickMs.length} ticks have ${tickTokens.length} counts`;
  }
  // One more, for bytes that came without a read of their own.
  if (tickMs.length > record.reads + 1) {
    return `${tickMs.length} ticks came in ${record.reads} reads`;
  }
  if (tickMs.length > 0 && tickMs[0] !== record.firstTokenMs) {
    return `tick 0 at ${tickMs[0]} is not firstTokenMs ${record.firstTokenMs ?? NOT_AVAILABLE}`;
  }
  if (tickTokens[0] === 0) return "tick 0 has no token";
  for (let i = 1; i < tickMs.length; i++) {
    if (tickMs[i]! < tickMs[i - 1]!) return `tick ${i} is before tick ${i - 1}`;
    if (tickTokens[i]! < tickTokens[i - 1]!) return `tick ${i} has fewer tokens than tick ${i - 1}`;
  }
  const answered = record.firstAnswerMs ?? record.firstTokenMs;
  if (answered !== undefined && answered < (record.firstTokenMs ?? answered)) {
    return `firstAnswerMs ${answered} is before firstTokenMs ${
      record.firstTokenMs ?? NOT_AVAILABLE
    }`;
  }
  return impossibleCount(record);
}

/** Counts of a record besides its tokens. */
const COUNTS = [
  ...["requestedTokens", "cachedTokens", "reasoningTokens", "reads", "events"] as const,
  ...["textEvents", "bytes", "reasoningEvents", "toolEvents", "heldReads"] as const,
  "unseenTokens" as const,
];

function isNoCount(count: number | undefined): boolean {
  return count !== undefined && (!Number.isInteger(count) || count < 0);
}

function impossibleCount(record: RequestRecord): string | undefined {
  const { promptTokens, outputTokens, cachedTokens, reasoningTokens, textEvents } = record;
  const { unseenTokens } = record;
  if (isNoCount(promptTokens?.tokens)) return `promptTokens is ${promptTokens?.tokens}`;
  if (isNoCount(outputTokens?.tokens)) return `outputTokens is ${outputTokens?.tokens}`;
  for (const name of COUNTS) if (isNoCount(record[name])) return `${name} is ${record[name]}`;
  const { connectMs = 0 } = record;
  if (!(connectMs >= 0 && connectMs < Infinity)) return `connectMs is ${connectMs}`;
  if ((textEvents ?? 0) > record.events) {
    return `textEvents ${textEvents} are more than events ${record.events}`;
  }
  if ((unseenTokens ?? 0) > (outputTokens?.tokens ?? 0)) {
    return `unseenTokens ${unseenTokens} are more than outputTokens ${outputTokens?.tokens ?? 0}`;
  }
  // Only where both counts are the engine's: ours and the engine's may differ.
  if (promptTokens?.source === "usage" && (cachedTokens ?? 0) > promptTokens.tokens) {
    return `cachedTokens ${cachedTokens} are more than promptTokens ${promptTokens.tokens}`;
  }
  if (outputTokens?.source === "usage" && (reasoningTokens ?? 0) > outputTokens.tokens) {
    return `reasoningTokens ${reasoningTokens} are more than outputTokens ${outputTokens.tokens}`;
  }
  return undefined;
}
