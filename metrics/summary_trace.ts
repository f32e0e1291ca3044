/**
 * What a recording holds, as plain data, and in the words of its reports.
 *
 * @module
 */
import { formatCount, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { Distribution } from "./load_figures.ts";
import type { Histogram } from "./load_summary.ts";

/** Values of one kind, over all requests or sessions that have one. */
export interface TraceValues extends Distribution {
  /** Sum of them. */
  readonly total: number;
  /** For a chart. */
  readonly histogram: Histogram;
}

/** A recording in numbers. */
export interface TraceSummary {
  /** Name of this form of file. */
  readonly schema: "tokometer-trace-1";
  /** Version of Tokometer. */
  readonly version: string;
  /** File or folder. */
  readonly source: string;
  /** Name of its format. */
  readonly format: string;
  /** SHA-256 of the bytes, in hex. */
  readonly sha256: string;
  /** Requests that can be sent. */
  readonly requests: number;
  /** Sessions that they belong to. */
  readonly sessions: number;
  /** Its requests know their sessions. */
  readonly hasSessions: boolean;
  /** Its requests know when they were sent. */
  readonly hasInstants: boolean;
  /** Whether prompts hold the recorded answers or the server's own, where not asked for. */
  readonly history: "recorded" | "live";
  /** From the first request to the last one's start, ms; of sessions with clocks of their own the longest. */
  readonly spanMs: number;
  /** Every session begins at 0: instants of different sessions say nothing about each other. */
  readonly ownClocks: boolean;
  /** Most requests with one and the same instant. */
  readonly mostAtOnce: number;
  /** Prompts that are written out: their lengths are not known before they are counted. */
  readonly written: number;
  /** Tokens of prompts whose lengths are known. */
  readonly inputTokens: TraceValues;
  /** Tokens asked for, where the recording says how many. */
  readonly outputTokens: TraceValues;
  /** Requests of a session, those of its helpers included. */
  readonly turnsPerSession: TraceValues;
  /** Between the end of what a request waits for and its start, ms. */
  readonly pausesMs: TraceValues;
  /** Chains beside the main ones: sub-agents, helpers, branches. */
  readonly helpers: {
    /** How many. */
    readonly count: number;
    /** Levels of nesting. */
    readonly depth: number;
    /** Turns that wait for more than one. */
    readonly joins: number;
    /** Name → how many. */
    readonly byName: Readonly<Record<string, number>>;
  };
  /** Absent where nothing is shared. */
  readonly sharing?: TraceSharingSummary;
  /** The model with most requests first. */
  readonly models: readonly TraceModel[];
  /** The largest prompts first. */
  readonly largest: readonly TracePrompt[];
  /** Requests over time. */
  readonly rate: TraceRate;
  /** How long a replay takes. */
  readonly replay: TraceReplay;
  /** Reason → requests left out for it. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What else a reader should know, each in a sentence without a period. */
  readonly remarks: readonly string[];
}

/** What a prefix cache without end would have, each request seen at its recorded instant. */
export interface TraceSharingSummary {
  /** Tokens of a block. */
  readonly blockTokens: number;
  /** Ids of all requests. */
  readonly blocks: number;
  /** Share of these that were seen before, with all in front of them. */
  readonly blockShare: number;
  /** Share of the tokens that lie in whole blocks seen before. */
  readonly tokenShare: number;
  /** Of the tokens, share that the same session had sent. */
  readonly inSession: number;
  /** Of the tokens, share that only other sessions had sent. */
  readonly acrossSessions: number;
  /** Tokens that the cache would not have. */
  readonly newTokens: number;
}

/** Requests of one model. */
export interface TraceModel {
  /** Empty where the recording names none. */
  readonly name: string;
  /** How many. */
  readonly requests: number;
  /** Of prompts whose lengths are known. */
  readonly inputTokens: number;
  /** Asked for, where the recording says how many. */
  readonly outputTokens: number;
}

/** One of the largest prompts. */
export interface TracePrompt {
  /** Id of its session. */
  readonly session: string;
  /** Name of its chain. */
  readonly chain: string;
  /** Its number in the chain, from 1 on. */
  readonly turn: number;
  /** Recorded start, ms from the first request. */
  readonly atMs: number;
  /** Its length. */
  readonly inputTokens: number;
  /** Tokens asked for; absent = the run's own choice. */
  readonly outputTokens: number | undefined;
}

/** Requests over time, in stretches of equal length. */
export interface TraceRate {
  /** Length of a stretch. */
  readonly stretchMs: number;
  /** Requests of each. */
  readonly requests: readonly number[];
  /** Tokens of their prompts, where lengths are known. */
  readonly inputTokens: readonly number[];
}

/** How long a replay takes. */
export interface TraceReplay {
  /** Instants are divided by it. */
  readonly speedup: number;
  /** As a schedule; absent without instants. */
  readonly scheduleMs?: number;
  /** Longest pause; absent = as recorded. */
  readonly idleCapMs?: number;
  /** Pauses that are longer. */
  readonly cutPauses: number;
  /** By the number of sessions at a time. */
  readonly sessions: readonly {
    /** Sessions at a time. */
    readonly concurrency: number;
    /** Where answers take no time. */
    readonly atOnceMs: number;
    /** Where they take as long as recorded; absent where that is not known. */
    readonly asRecordedMs?: number;
  }[];
}

/** `58 min 57 s`, `4 h 7 min`, `61 d 3 h`. */
export function formatSpan(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return formatMs(ms);
  const hours = Math.round(minutes / 60);
  return minutes < 48 * 60
    ? `${Math.floor(minutes / 60)} h ${minutes % 60} min`
    : `${formatCount(Math.floor(hours / 24))} d ${hours % 24} h`;
}

/** Requests a second over the whole recording; absent where it has no length. */
export function meanRate({ requests, spanMs, hasInstants }: TraceSummary): number | undefined {
  return hasInstants && spanMs > 0 ? 1000 * requests / spanMs : undefined;
}

/** How many, over which time and how fast. */
export function requestsText(summary: TraceSummary): string {
  const { requests, spanMs, mostAtOnce, hasInstants, ownClocks, rate } = summary;
  if (!hasInstants) return `${plural(requests, "request")}, without instants`;
  const mean = meanRate(summary);
  if (ownClocks) return `${plural(requests, "request")}, the longest session ${formatSpan(spanMs)}`;
  const most = Math.max(...rate.requests);
  return [
    `${plural(requests, "request")} over ${formatSpan(spanMs)}`,
    ...(mean === undefined ? [] : [
      `${formatNumber(mean)} a second on average, ${
        formatNumber(1000 * most / rate.stretchMs)
      } in the busiest ${formatSpan(rate.stretchMs)}`,
    ]),
    ...(mostAtOnce > 1 ? [`up to ${formatCount(mostAtOnce)} at one instant`] : []),
  ].join("; ");
}

/** How many sessions, and what they consist of. */
export function sessionsText({ sessions, hasSessions, helpers, history }: TraceSummary): string {
  if (!hasSessions) return "none: each request stands alone";
  const names = Object.entries(helpers.byName).map(([name, count]) =>
    `${formatCount(count)} ${name}`
  );
  return [
    `${formatCount(sessions)}, with the ${
      history === "live" ? "server's own" : "recorded"
    } answers`,
    ...(helpers.count === 0 ? [] : [
      `${plural(helpers.count, "helper")} (${names.join(", ")})${
        helpers.depth > 1 ? ` up to ${formatCount(helpers.depth)} levels deep` : ""
      }`,
      `${plural(helpers.joins, "turn waits", "turns wait")} for more than one`,
    ]),
  ].join("; ");
}

/** What a perfect cache would have. */
export function sharingText({ sharing, written, hasSessions }: TraceSummary): string {
  if (sharing === undefined) {
    return written > 0 ? "not known before the prompts are counted" : "no prompt shares anything";
  }
  const { tokenShare, blockShare, blockTokens, inSession, acrossSessions } = sharing;
  const where = hasSessions
    ? `: ${formatShare(inSession)} from the same session, ${
      formatShare(acrossSessions)
    } from others`
    : "";
  return `a perfect cache has ${formatShare(tokenShare)} of the prompt tokens (${
    formatShare(blockShare)
  } of the blocks of ${formatCount(blockTokens)})${where}`;
}

/** How long sessions take, without more slots than there are sessions to fill them. */
export function replaySlots({ replay, sessions }: TraceSummary): TraceReplay["sessions"] {
  const all = replay.sessions.findIndex(({ concurrency }) => concurrency >= sessions);
  return all < 0 ? replay.sessions : replay.sessions.slice(0, all + 1);
}

/** How long a replay takes, a line each. */
export function replayLines(summary: TraceSummary): readonly string[] {
  const { replay: { speedup, scheduleMs, idleCapMs, cutPauses }, hasSessions, ownClocks } = summary;
  const cap = idleCapMs === undefined
    ? "pauses as recorded"
    : `pauses of at most ${formatSpan(idleCapMs)}${
      cutPauses > 0 ? `, ${plural(cutPauses, "one is", "of them are")} longer` : ""
    }`;
  return [
    ...(scheduleMs === undefined ? [] : [
      `as a schedule${speedup === 1 ? "" : ` at --speedup ${speedup}`}: ${formatSpan(scheduleMs)}${
        ownClocks ? ", all sessions from their starts" : ""
      }`,
    ]),
    ...(hasSessions
      ? replaySlots(summary).map(({ concurrency, atOnceMs, asRecordedMs }, i) =>
        `${plural(concurrency, "session")} at a time: ${
          formatSpan(atOnceMs)
        } if answers took no time` +
        (asRecordedMs === undefined ? "" : `, ${formatSpan(asRecordedMs)} as recorded`) +
        (i === 0 ? ` (${cap})` : "")
      )
      : []),
  ];
}

/** What was left out, and why; absent when nothing was. */
export function skippedText({ skipped }: TraceSummary): string | undefined {
  const reasons = Object.entries(skipped).map(([reason, count]) =>
    `${formatCount(count)}: ${reason}`
  );
  return reasons.length === 0 ? undefined : reasons.join("; ");
}
