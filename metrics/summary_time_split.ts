/**
 * Where the time to the first token went: of the same requests, where the answers carry the server's
 * own times, else by means of the same window, since percentiles of different sets do not subtract.
 *
 * @module
 */
import type { RequestRecord, ServerTimings } from "../backends/record.ts";
import type { ServerSummary, TimePart, TimeSplit } from "./load_server.ts";
import type { Mergeable } from "./load_state.ts";
import { isStreamed } from "./record_streaming.ts";
import { minimumSamples } from "./stat_quantile.ts";
import { createValueHistogram, type ValueHistogram } from "./stat_value_histogram.ts";
import { either, mergeAll, mergeEach, readFields, reading, sums } from "./state_read.ts";
import {
  clientShare,
  createSums,
  type Seen,
  seenOf,
  type SumsFold,
} from "./summary_time_split_client.ts";
import { figureOf, splitOfMeans, type TimeSplitOptions } from "./summary_time_split_means.ts";
import { splitRemarks } from "./summary_time_split_text.ts";

/** Adds up measured records; its memory does not grow with their number. */
export interface TimeSplitFold extends Mergeable {
  /** Adds a measured record, however it ended. */
  add(record: RequestRecord): void;
  /** The split of all so far; absent when the server told nothing, or of other requests than ours. */
  result(options: TimeSplitOptions): TimeSplit | undefined;
}

/** Has no record yet. */
export function timeSplitFold(): TimeSplitFold {
  const all = createSums();
  /** Those that did not complete, too: the server's TTFT is of all that got a token. */
  const begun = createSums();
  const told = createTold();
  return {
    ...mergeAll({ all, begun, told }),
    add(record) {
      const { sentMs, firstTokenMs, serverTimings } = record;
      if (sentMs === undefined || firstTokenMs === undefined || !isStreamed(record)) return;
      const seen = seenOf(record, { sentMs, firstTokenMs });
      if (!Number.isFinite(seen.ttftMs + seen.connectMs)) return;
      begun.add(seen);
      if (record.outcome.kind !== "ok") return;
      all.add(seen);
      if (serverTimings !== undefined) told.add(seen, serverTimings);
    },
    result(options) {
      const { requests } = all.sums();
      if (requests === 0) return undefined;
      return told.result(options, requests) ?? splitOfMeans(all.sums(), begun.sums(), options);
    },
  };
}

/** Parts that a server tells, in the order of time. */
const SERVER_PARTS = ["queue", "prefill"] as const;

/** Requests whose answers tell something. */
function createTold(): Mergeable & {
  add(seen: Seen, timings: ServerTimings): void;
  result(options: TimeSplitOptions, all: number): TimeSplit | undefined;
} {
  // Requests whose answers tell the same belong together: by far most loads have one such set.
  const sets = new Map<string, ToldSet>();
  const setOf = (key: string): ToldSet => {
    let set = sets.get(key);
    if (set === undefined) sets.set(key, set = createToldSet());
    return set;
  };
  return {
    state: () => Object.fromEntries([...sets].map(([key, { merging }]) => [key, merging.state()])),
    merger(state) {
      const merge = Object.entries(readFields(state)).map(([key, own]) => {
        if (!TOLD_KEY.test(key)) throw new TypeError("what it tells of is unknown");
        reading(key, () => createToldSet().merging.merger(own));
        return () => setOf(key).merging.merger(own)();
      });
      return () => merge.forEach((add) => add());
    },
    add(seen, timings) {
      const { queueMs, prefillMs } = timings;
      const ttftMs = serverTtft(timings, seen);
      if (queueMs === undefined && prefillMs === undefined && ttftMs === undefined) return;
      const key = [queueMs, prefillMs, ttftMs, seen.clientMostMs]
        .map((ms) => ms === undefined ? "-" : "+").join("");
      const set = setOf(key);
      set.sums.add(seen);
      if (timings.ttftMs === undefined && timings.decodeMs === undefined) {
        set.decode.ours = true;
      }
      const told = [queueMs, prefillMs];
      let left = seen.ttftMs - seen.connectMs;
      if (seen.clientMostMs !== undefined) {
        set.client.add(seen.clientMostMs / 2);
        left -= seen.clientMostMs / 2;
      }
      set.connect.add(seen.connectMs);
      let rest = ttftMs ?? left;
      for (const [i, ms] of told.entries()) {
        if (ms === undefined) continue;
        set.parts[i]!.add(ms);
        rest -= ms;
      }
      if (ttftMs !== undefined) {
        set.network.add(left - ttftMs);
        if (left - ttftMs < 0) set.below.requests++;
      } else if (rest < 0) set.below.requests++;
      set.rest.add(rest);
    },
    result(options, all) {
      const requests = (set: ToldSet) => set.sums.sums().requests;
      const [[, best] = []] = [...sets].sort(([a, one], [b, other]) =>
        requests(other) - requests(one) || (a < b ? -1 : 1)
      );
      // Metrics of all requests say more than the answers of a few.
      if (best === undefined || requests(best) * 2 < all && options.server !== undefined) {
        return undefined;
      }
      return splitOf(best, options, all);
    },
  };
}

/** Which of its times an answer tells: queue, prefill, TTFT, and whether the client knows its own. */
const TOLD_KEY = /^[+-]{4}$/;

interface ToldSet {
  readonly sums: SumsFold;
  readonly client: ValueHistogram;
  readonly connect: ValueHistogram;
  readonly network: ValueHistogram;
  readonly parts: readonly ValueHistogram[];
  readonly rest: ValueHistogram;
  /** Requests whose remainder is below zero. */
  readonly below: { requests: number };
  /** The server's TTFT is what its end-to-end time leaves without our time of decoding. */
  readonly decode: { ours: boolean };
  /** All of these. */
  readonly merging: Mergeable;
}

function createToldSet(): ToldSet {
  const values = {
    sums: createSums(),
    client: createValueHistogram(),
    connect: createValueHistogram(),
    network: createValueHistogram(),
    rest: createValueHistogram(),
  };
  const parts = SERVER_PARTS.map(() => createValueHistogram());
  const below = { requests: 0 };
  const decode = { ours: false };
  return {
    ...values,
    ...{ parts, below, decode },
    merging: mergeAll({
      ...values,
      parts: mergeEach(parts),
      below: sums(below),
      decode: either(decode),
    }),
  };
}

/**
 * From arrival to the first token, by the server: of an end-to-end time what decoding leaves. Where it
 * does not tell that, the client saw it: a constant delay on the way does not change it.
 */
function serverTtft({ ttftMs, e2eMs, decodeMs }: ServerTimings, seen: Seen): number | undefined {
  if (ttftMs !== undefined) return ttftMs;
  return e2eMs === undefined ? undefined : e2eMs - (decodeMs ?? seen.decodeMs);
}

function splitOf(set: ToldSet, options: TimeSplitOptions, all: number): TimeSplit {
  const { network, rest } = set;
  const sums = set.sums.sums();
  const { witness, percentiles } = options;
  const client = clientShare(sums, witness);
  /** A client that a witness knows is the same for every request, and is not in the values yet. */
  const shift = client === undefined || sums.bounded === sums.requests ? 0 : client.meanMs;
  const part = (name: TimePart["name"], values: ValueHistogram, less = 0): TimePart => ({
    name,
    meanMs: (values.mean ?? 0) - less,
    bracket: undefined,
    percentiles: percentiles.map((p) => {
      const value = values.count < minimumSamples(p) ? undefined : values.quantile(p);
      return { p, valueMs: value === undefined ? undefined : value - less };
    }),
  });
  const hasTtft = network.count > 0;
  const means = hasTtft ? undefined : sameRequests(options.server, sums.requests, all);
  const told = set.parts.reduce((sum, { mean = 0 }) => sum + mean, 0);
  const byMeans = (name: TimePart["name"], meanMs: number): TimePart => ({
    ...{ name, meanMs, bracket: undefined },
    percentiles: [],
  });
  const remainder = part("rest", rest, hasTtft ? 0 : shift);
  const parts = [
    ...client === undefined ? [] : [
      sums.bounded === sums.requests
        ? { ...part("client", set.client), bracket: client.bracket }
        : { name: "client" as const, ...client, percentiles: [] },
    ],
    ...sums.connectMs > 0 ? [part("connect", set.connect)] : [],
    ...hasTtft ? [part("network", network, shift)] : [],
    ...means === undefined ? [] : [byMeans("network", remainder.meanMs + told - means)],
    ...SERVER_PARTS.flatMap((name, i) =>
      set.parts[i]!.count === 0 ? [] : [part(name, set.parts[i]!)]
    ),
    means === undefined ? remainder : byMeans("rest", means - told),
  ];
  const split: Omit<TimeSplit, "remarks"> = {
    basis: "requests",
    requests: sums.requests,
    ttftMs: sums.ttftMs / sums.requests,
    parts,
  };
  return {
    ...split,
    remarks: splitRemarks(split, {
      hasTtft: hasTtft || means !== undefined,
      byMeans: means !== undefined,
      ourDecode: hasTtft && set.decode.ours,
      ...{ below: set.below.requests, ours: all, server: undefined },
    }),
  };
}

/** The server's own mean TTFT, where it is of the very requests whose answers tell the rest. */
function sameRequests(
  server: ServerSummary | undefined,
  told: number,
  all: number,
): number | undefined {
  const ttft = server && figureOf(server, "ttft");
  return told === all && ttft?.count === all ? ttft.mean : undefined;
}
