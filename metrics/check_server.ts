/**
 * Whether the server's own counts are those of this client: whether somebody else used it, and whether
 * its metrics are those of all that served the load.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import { formatCount, formatShare, plural } from "./format.ts";
import type { ServerCounts, ServerCourse } from "./load_server.ts";
import type { LoadSummary } from "./load_summary.ts";

/** What the checks look at. */
type ServerFacts = Pick<LoadSummary, "server" | "serverCounts" | "inFlight" | "durationMs">;

/** One answer of the endpoint may be from the instant in which a request follows another. */
const LEAST_ANSWERS = 2;

/** Share of the answers that have to show more requests than ours. */
const LEAST_SHARE = 0.1;

/** Counters may lag behind the last answers; fewer than this share of ours are another server's. */
const MISSING_SHARE = 0.98;

const UNITS: Readonly<Record<ServerCounts["what"], string>> = {
  requests: "request",
  prompt_tokens: "prompt token",
  output_tokens: "output token",
  cached_tokens: "cached token",
};

/** Whether the server worked for somebody else during the load. */
export function checkOtherClients(load: ServerFacts): Finding | undefined {
  const { server, serverCounts, inFlight } = load;
  if (server === undefined) return undefined;
  const advice = "stop whatever else uses the server and run it again: latencies and rates here " +
    "are those of a shared server";
  const count = serverCounts.find(({ others }) => others);
  if (count !== undefined) {
    return [
      `Someone else uses this server: it counted ${
        plural(count.server, UNITS[count.what])
      } during the load, and ours are ${formatCount(count.client)}`,
      advice,
    ];
  }
  const more = beyondOurs(server.course, load);
  if (more !== undefined) {
    return [
      `Someone else uses this server: up to ${
        plural(more, "request")
      } were in it at once, of which at most ${formatCount(inFlight.max)} were ours`,
      advice,
    ];
  }
  return serverCounts.length === 0 && server.course.lines.length === 0
    ? undefined
    : "Nobody else seems to use the server";
}

/** Most requests in the server where there were more than ours again and again. */
function beyondOurs(
  { timeMs, lines }: ServerCourse,
  { inFlight: { max }, durationMs }: ServerFacts,
): number | undefined {
  const running = lines.find(({ role }) => role === "running")?.values;
  const waiting = lines.find(({ role }) => role === "waiting")?.values;
  if (running === undefined || max === undefined) return undefined;
  let [answers, beyond, most] = [0, 0, 0];
  for (const [i, ms] of timeMs.entries()) {
    const now = running[i];
    if (ms < 0 || ms > durationMs || now === null || now === undefined) continue;
    const all = now + (waiting?.[i] ?? 0);
    answers++;
    if (all > max) beyond++;
    most = Math.max(most, all);
  }
  return beyond >= LEAST_ANSWERS && beyond >= LEAST_SHARE * answers ? most : undefined;
}

/** Whether the metrics that were read are those of everything that served the load. */
export function checkServerCounts({ server, serverCounts }: ServerFacts): Finding | undefined {
  const requests = serverCounts.find(({ what }) => what === "requests") ??
    serverCounts.find(({ what }) => what === "output_tokens");
  if (server === undefined || requests === undefined || requests.others) return undefined;
  const { what, server: counted, client } = requests;
  // A counter that began anew has forgotten some of them.
  if (server.endpoints.some(({ resets }) => resets > 0)) return undefined;
  if (counted >= Math.min(MISSING_SHARE * client, client - 1)) {
    return `The server counted ${plural(counted, UNITS[what])}, the client ${formatCount(client)}`;
  }
  return [
    `The server's metrics are not those of all that served the load: they count ${
      formatCount(counted)
    } of ${plural(client, UNITS[what])} (${formatShare(counted / client)})`,
    "name the metrics of every replica behind this address with --server-metrics URL,URL; what is said " +
    "of the server here is of a part of it",
  ];
}
