/**
 * A split of the time to the first token by means of the server's metrics over the same load.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { ServerFigure, ServerSummary, TimePart, TimeSplit } from "./load_server.ts";
import type { Witness } from "./run_client.ts";
import { clientShare, type Sums } from "./summary_time_split_client.ts";
import { splitRemarks } from "./summary_time_split_text.ts";

/** What a split depends on besides the records. */
export interface TimeSplitOptions {
  /** What the server's metrics said. */
  readonly server: ServerSummary | undefined;
  /** What streams of known timing showed of the client. */
  readonly witness: Witness | undefined;
  /** Requests that were sent, however they ended: the server may have counted each of them. */
  readonly sent: number;
  /** Percentiles of the parts. */
  readonly percentiles: readonly number[];
}

/** Means of fewer of the server's requests, or of more, than this share are of other ones. */
const COUNT_TOLERANCE = 0.05;

/** By the server's histograms of the same window. */
export function splitOfMeans(
  completed: Sums,
  begun: Sums,
  { server, witness, sent }: TimeSplitOptions,
): TimeSplit | undefined {
  if (server === undefined) return undefined;
  const ttft = figureOf(server, "ttft");
  // Of the same requests as far as possible.
  const all = ttft?.count !== undefined &&
      Math.abs(ttft.count - begun.requests) < Math.abs(ttft.count - completed.requests)
    ? begun
    : completed;
  const ours = all.requests;
  const queue = meanOf(server, "queue_time", ours);
  const prefill = meanOf(server, "prefill_time", ours);
  const ended = queue?.count ?? prefill?.count;
  const counted = ttft?.count ?? queue?.count ?? prefill?.count;
  if (counted === undefined) return undefined;
  // Others' requests would be in its means, and some of ours are missing from those of one replica.
  const tolerance = COUNT_TOLERANCE * ours;
  if (counted > sent + tolerance || counted < ours - tolerance) return undefined;
  const client = clientShare(all, witness);
  const ttftMs = all.ttftMs / ours;
  const connectMs = all.connectMs / ours;
  const left = ttftMs - connectMs - (client?.meanMs ?? 0);
  const inServer = ttft?.mean;
  const rest = (inServer ?? left) - (queue?.meanMs ?? 0) - (prefill?.meanMs ?? 0);
  const part = (name: TimePart["name"], meanMs: number, bracket?: Bracket): TimePart => ({
    ...{ name, meanMs, bracket },
    percentiles: [],
  });
  const split: Omit<TimeSplit, "remarks"> = {
    basis: "means",
    requests: ours,
    ttftMs,
    parts: [
      ...client === undefined ? [] : [part("client", client.meanMs, client.bracket)],
      ...connectMs > 0 ? [part("connect", connectMs)] : [],
      ...inServer === undefined ? [] : [part("network", left - inServer)],
      ...queue === undefined ? [] : [part("queue", queue.meanMs)],
      ...prefill === undefined ? [] : [part("prefill", prefill.meanMs)],
      part("rest", rest),
    ],
  };
  const hasTtft = inServer !== undefined;
  return {
    ...split,
    remarks: splitRemarks(split, {
      ...{ hasTtft, byMeans: false, below: 0, ours, server: counted, ended },
    }),
  };
}

/** Mean of a histogram, or of a sum of times over as many requests as the server counted. */
function meanOf(
  server: ServerSummary,
  role: "queue_time" | "prefill_time",
  ours: number,
): { readonly meanMs: number; readonly count: number } | undefined {
  const { mean, count } = figureOf(server, role) ?? {};
  if (mean !== undefined && count !== undefined) return { meanMs: mean, count };
  const sum = figureOf(server, `${role}_sum`)?.difference;
  if (sum === undefined) return undefined;
  const requests = figureOf(server, "requests_done")?.difference ?? ours;
  return requests > 0 ? { meanMs: sum / requests, count: requests } : undefined;
}

/** A known metric of the server. */
export function figureOf({ figures }: ServerSummary, role: string): ServerFigure | undefined {
  return figures.find((figure) => figure.role === role);
}
