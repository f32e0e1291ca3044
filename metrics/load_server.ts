/**
 * The server's own side of a load: what its metrics say, where the time to the first token went, and
 * how well it speculated.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { Bracket } from "./load_bracket.ts";
import type { Window } from "./load_series.ts";

/** What the server's metrics said over one load. */
export interface ServerSummary {
  /** Endpoints that were read. */
  readonly endpoints: readonly ServerEndpoint[];
  /** Metrics whose meaning is known, over all endpoints together, in display order. */
  readonly figures: readonly ServerFigure[];
  /** Metrics whose meaning is not known, as they were exposed. */
  readonly others: readonly ServerOther[];
  /** Known gauges and rates of known counters over time, for charts. */
  readonly course: ServerCourse;
}

/** One endpoint that was read. */
export interface ServerEndpoint {
  /** Its address, without a password. */
  readonly url: string;
  /** Engine whose names it exposes, e.g. `vllm`; absent = none that is known. */
  readonly engine: string | undefined;
  /** Answers that were read. */
  readonly scrapes: Count;
  /** Scrapes without a usable answer. */
  readonly failed: Count;
  /** Why the last of these had none. */
  readonly failure: string | undefined;
  /** Longest time that an answer took, in ms. */
  readonly slowestMs: number | undefined;
  /** From the first answer to the last, in ms from the start of the load. */
  readonly window: Window | undefined;
  /** Counters that began anew during the load. */
  readonly resets: Count;
}

/** A metric of known meaning over one load; which numbers it has depends on its kind. */
export interface ServerFigure {
  /** What it means, e.g. `running`, `waiting`, `cache_use`, `ttft`, as in the list of known names. */
  readonly role: string;
  /** Title for people, e.g. `Requests running`. */
  readonly title: string;
  /** Unit of the numbers below: times are in ms, shares from 0 to 1. */
  readonly unit: string;
  /** Names under which it was exposed. */
  readonly names: readonly string[];
  /** Kind of its numbers. */
  readonly kind: "gauge" | "counter" | "histogram";
  /** Gauge: average over time. Histogram: sum ÷ count. */
  readonly mean: number | undefined;
  /** Gauge: largest value seen. */
  readonly max: number | undefined;
  /** Counter: how far it rose. */
  readonly difference: number | undefined;
  /** Counter: rise per second. */
  readonly perSec: number | undefined;
  /** Histogram: values. */
  readonly count: Count | undefined;
  /** Histogram: by linear interpolation inside of the bucket. */
  readonly percentiles: readonly {
    /** Which percentile, 0 to 100. */
    readonly p: number;
    /** Its value; absent = too few values, or in the bucket without an upper edge. */
    readonly value: number | undefined;
    /** Edges of its bucket; an absent high end = there is none. */
    readonly bucket: {
      /** Lower edge. */
      readonly low: number;
      /** Upper edge. */
      readonly high: number | undefined;
    } | undefined;
  }[];
}

/** A metric whose meaning is not known. */
export interface ServerOther {
  /** Name and labels as exposed. */
  readonly name: string;
  /** Type as exposed. */
  readonly type: string;
  /** Value, average or sum before the load. */
  readonly first: number | undefined;
  /** The same after it. */
  readonly last: number | undefined;
  /** Counter, histogram: what was added. */
  readonly difference: number | undefined;
}

/** The server over time. */
export interface ServerCourse {
  /** In ms from the start of the load. */
  readonly timeMs: readonly number[];
  /** A line for each gauge and each rate of a counter. */
  readonly lines: readonly {
    /** As in {@linkcode ServerFigure}. */
    readonly role: string;
    /** Title for people. */
    readonly title: string;
    /** Unit of the values; a rate is `<unit>/s`. */
    readonly unit: string;
    /** A value for each time; `null` = not known. */
    readonly values: readonly (number | null)[];
  }[];
}

/** Where the time to the first token went. */
export interface TimeSplit {
  /**
   * `requests`: the answers carry the server's own times, and the parts are of the same requests;
   * `means`: the parts are means of the same window, and percentiles of them do not exist.
   */
  readonly basis: "requests" | "means";
  /** Requests that the split is of. */
  readonly requests: Count;
  /** Mean TTFT of these, in ms. */
  readonly ttftMs: number;
  /** Its parts, in the order of time; they add up to it. */
  readonly parts: readonly TimePart[];
  /** What is odd about it: a remainder below zero, other definitions; sentences without a period. */
  readonly remarks: readonly string[];
}

/** One part of the time to the first token. */
export interface TimePart {
  /** `client`, `connect`, `network`, `queue`, `prefill`, or `rest`: in the server, and nothing says what. */
  readonly name: "client" | "connect" | "network" | "queue" | "prefill" | "rest";
  /** Mean, in ms; below zero is told, not clipped. */
  readonly meanMs: number;
  /** What the client's stamps leave open about it; absent = unknown, or none of it. */
  readonly bracket: Bracket | undefined;
  /** Percentiles over the requests; empty where the basis is means. */
  readonly percentiles: readonly {
    /** Which percentile, 0 to 100. */
    readonly p: number;
    /** Its value in ms; absent = too few requests. */
    readonly valueMs: number | undefined;
  }[];
}

/** Requests and tokens by the server's count, beside ours. */
export interface ServerCounts {
  /** What is compared. */
  readonly what: "requests" | "prompt_tokens" | "output_tokens" | "cached_tokens";
  /** By the server's counter over the load. */
  readonly server: number;
  /** By our records. */
  readonly client: number;
  /** Somebody else was served, too: more than ours, and more than what was in flight can explain. */
  readonly others: boolean;
}

/** How well the server guessed ahead. */
export interface Speculation {
  /** Where it comes from: the server's counters, the answers' own counts, or tokens per tick. */
  readonly basis: "counters" | "requests" | "ticks";
  /** Mean tokens of a step: accepted ÷ drafts + 1; of ticks, tokens ÷ ticks. */
  readonly acceptedLength: number;
  /** Accepted ÷ drafted tokens, 0 to 1. */
  readonly acceptance: number | undefined;
  /** Share of the drafts whose token at this position was accepted; empty = not told. */
  readonly byPosition: readonly number[];
  /** Our own estimate beside it: output tokens ÷ ticks. */
  readonly tokensPerTick: number | undefined;
  /** Share of the ticks with more than one token. */
  readonly joinedTicks: number | undefined;
}
