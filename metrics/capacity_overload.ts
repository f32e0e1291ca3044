/**
 * An overload while it happens: more arrives than the server ends, so that in flight and TTFT grow for
 * as long as one waits. A load that shows it need not run to its end.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { formatCount, formatMs, formatShare } from "./format.ts";
import { grows, riseByChance } from "./stat_growth.ts";

/** What can be seen of a load at one instant. */
export interface LoadInstant {
  /** Since it began, in ms. */
  readonly elapsedMs: number;
  /** Requests that were sent. */
  readonly sent: number;
  /** Requests that were sent and have not ended. */
  readonly inFlight: number;
}

/** Looks at a load while it runs. */
export interface OverloadWatch {
  /** Adds a request that has ended, or that was dropped. */
  see(record: RequestRecord): void;
  /** Adds what is seen now; returns why the load is overloaded, a clause without a period. */
  look(now: LoadInstant): string | undefined;
}

/** More dropped requests than this, as a share of those that were due, is an overload. */
const MOST_DROPPED = 0.05;
/** And so many of them were due. */
const LEAST_DUE = 40;
/** Requests that tell how long one takes in the beginning. */
const FIRST_ENDED = 10;
/** In flight rises in the beginning of any load: the window begins after so many answers. */
const ANSWERS_LONG = 2;
/** TTFT by the order of sending is compared at so many instants. */
const TREND_POINTS = 100;
const TREND_ERROR = 1e-4;
/** Parts of the window at its start and end whose means are compared. */
const END_PART = 0.2;

/**
 * Starts a watch. It says nothing of users who wait for their answers, whose load cannot grow.
 *
 * @param steady the rate of arrivals stays the same; else only dropped requests tell.
 */
export function createOverloadWatch({ steady }: { readonly steady: boolean }): OverloadWatch {
  const instants: LoadInstant[] = [];
  const ttfts: { readonly sentMs: number; readonly ms: number }[] = [];
  const firstMs: number[] = [];
  let dropped = 0;
  let ended = 0;

  function overDropped(): string | undefined {
    const due = dropped + ended;
    if (due < LEAST_DUE || dropped <= MOST_DROPPED * due) return undefined;
    return `overloaded: ${formatShare(dropped / due)} of the requests were dropped`;
  }

  function growing(now: LoadInstant): string | undefined {
    if (!steady || firstMs.length < FIRST_ENDED) return undefined;
    const answerMs = firstMs.toSorted((a, b) => a - b)[FIRST_ENDED >> 1]!;
    const startMs = ANSWERS_LONG * answerMs;
    const window = instants.filter(({ elapsedMs }) => elapsedMs >= startMs);
    const first = window[0];
    if (first === undefined) return undefined;
    const part = Math.max(1, Math.floor(window.length * END_PART));
    const from = meanInFlight(window.slice(0, part));
    const to = meanInFlight(window.slice(-part));
    if (!grows(from, to, now.sent - first.sent)) return undefined;
    const inside = ttfts.filter(({ sentMs }) => sentMs >= startMs)
      .toSorted((a, b) => a.sentMs - b.sentMs);
    const step = Math.max(1, Math.floor(inside.length / TREND_POINTS));
    const trend = inside.filter((_, i) => i % step === 0).map(({ ms }) => ms);
    if (riseByChance(trend) > TREND_ERROR) return undefined;
    return `overloaded: in flight grew from ${formatCount(Math.round(from))} to ${
      formatCount(Math.round(to))
    } and TTFT from ${formatMs(trend[0])} to ${formatMs(trend.at(-1))} while it ran`;
  }

  return {
    see({ phase, outcome, sentMs, firstTokenMs, endMs }) {
      if (phase !== "measure") return;
      if (outcome.kind === "dropped") {
        dropped++;
        return;
      }
      ended++;
      if (outcome.kind !== "ok" || sentMs === undefined || firstTokenMs === undefined) return;
      ttfts.push({ sentMs, ms: firstTokenMs - sentMs });
      if (firstMs.length < FIRST_ENDED) firstMs.push((endMs ?? firstTokenMs) - sentMs);
    },
    look(now) {
      instants.push(now);
      return overDropped() ?? growing(now);
    },
  };
}

function meanInFlight(instants: readonly LoadInstant[]): number {
  return instants.reduce((sum, { inFlight }) => sum + inFlight, 0) / instants.length;
}
