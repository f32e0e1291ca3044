/**
 * What is odd about a split of the time to the first token, in words.
 *
 * @module
 */
import { formatCount, formatMs, formatShare, plural } from "./format.ts";
import type { TimePart, TimeSplit } from "./load_server.ts";

/** What the remarks look at besides the split. */
export interface SplitFacts {
  /** The server's own TTFT is known. */
  readonly hasTtft: boolean;
  /** The answers do not tell it: network and rest are told apart by means of the server's metrics. */
  readonly byMeans: boolean;
  /** The server's TTFT is its end-to-end time without the client's time from first to last token. */
  readonly ourDecode?: boolean;
  /** Requests whose remainder is below zero. */
  readonly below: number;
  /** Completed streams, whether their answers told anything or not. */
  readonly ours: number;
  /** Requests in the server's means of queue and prefill; absent where it is not asked. */
  readonly ended?: number | undefined;
  /** Requests in the server's means; absent where the basis is requests. */
  readonly server: number | undefined;
}

/** Stamps are whole microseconds and clocks of two machines differ a little: less is no contradiction. */
const ZERO_MS = 0.01;

/** A remainder of more than this share of the TTFT, and of this time, is large. */
const LARGE_SHARE = 0.25;
const LARGE_MS = 5;

/** Sentences without a period. */
export function splitRemarks(split: Omit<TimeSplit, "remarks">, facts: SplitFacts): string[] {
  const { ttftMs, parts, requests } = split;
  const { hasTtft, byMeans, below, ours, server, ended, ourDecode } = facts;
  const msOf = (name: TimePart["name"]) => parts.find((part) => part.name === name)?.meanMs;
  const network = msOf("network");
  const rest = msOf("rest") ?? 0;
  const large = (ms: number) => ms > LARGE_MS && ms > LARGE_SHARE * ttftMs;
  const remarks: string[] = [];
  if (!hasTtft) {
    const missing = ["queue" as const, "prefill" as const]
      .filter((name) => msOf(name) === undefined).map((name) => ` ${name},`);
    remarks.push(
      `The server does not tell its own TTFT: the rest holds${
        missing.join("")
      } network and what else it does before the first token`,
    );
  } else if (msOf("queue") === undefined && msOf("prefill") === undefined) {
    remarks.push("The server tells neither queue nor prefill: the rest holds both");
  } else if (msOf("queue") === undefined) {
    remarks.push("The server does not tell how long requests queued: the rest holds it");
  } else if (msOf("prefill") === undefined) {
    remarks.push("The server does not tell how long prefill took: the rest holds it");
  }
  if (ourDecode === true) {
    remarks.push(
      "The server tells its end-to-end time: its TTFT is that without the time from the first token to the last, which is the client's",
    );
  }
  if (byMeans) {
    remarks.push(
      "Network and rest come from the mean of the server's own TTFT: they have no percentiles",
    );
  }
  if (network !== undefined && network < -ZERO_MS) {
    remarks.push(
      `The server's own TTFT is ${
        formatMs(-network)
      } longer than what the client saw of it: the two are not of the same requests, or the server counts from before the request or to after the first token was sent`,
    );
  }
  if (rest < -ZERO_MS) {
    remarks.push(
      `Queue and prefill together are ${formatMs(-rest)} longer than the ${
        hasTtft ? "server's own TTFT" : "TTFT that the client saw"
      }: they overlap, or count work after the first token`,
    );
  }
  if (below > 0 && !byMeans && (network ?? rest) >= -ZERO_MS) {
    remarks.push(
      `The ${network === undefined ? "rest" : "network"} is below zero in ${
        formatCount(below)
      } of ${plural(requests, "request")}`,
    );
  }
  if (network !== undefined && large(network)) {
    remarks.push(
      `${
        formatShare(network / ttftMs)
      } of the TTFT is neither the client's nor the server's: the network, a proxy, or what the server does before it begins to count`,
    );
  }
  if (hasTtft && large(rest) && msOf("queue") !== undefined && msOf("prefill") !== undefined) {
    remarks.push(
      `${
        formatShare(rest / ttftMs)
      } of the TTFT passes in the server, neither in its queue nor in prefill`,
    );
  }
  if (server !== undefined && server !== ours) {
    remarks.push(
      `The server's means are of ${plural(server, "request")}, the client's of ${
        plural(ours, "stream")
      }`,
    );
  }
  if (server !== undefined && ended !== undefined && ended !== server) {
    remarks.push(
      `Queue and prefill are means of the ${formatCount(ended)} that the server completed`,
    );
  }
  if (server === undefined && requests < ours) {
    remarks.push(
      `Only ${formatCount(requests)} of ${plural(ours, "answer")} carry the server's times`,
    );
  }
  return remarks;
}
