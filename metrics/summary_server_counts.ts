/**
 * Requests and tokens by the server's counters beside ours. Its counters are read between the warm-up
 * and the first request and again after the last, so that neither the warm-up nor the witness streams,
 * which go to an engine of our own, are in them.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { ServerCounts, ServerSummary } from "./load_server.ts";
import type { Mergeable } from "./load_state.ts";
import { either, mergeAll, sums } from "./state_read.ts";

/** Adds up measured records, however they ended. */
export interface ServerCountsFold extends Mergeable {
  /** Adds a measured record. */
  add(record: RequestRecord): void;
  /**
   * What both sides counted; empty where the server's counters were not read from before the load to after
   * it, which took `durationMs`.
   */
  result(server: ServerSummary | undefined, durationMs: number): readonly ServerCounts[];
}

/** What both sides count. */
type What = ServerCounts["what"];

const ROLES: Readonly<Record<What, string>> = {
  requests: "requests_done",
  prompt_tokens: "prompt_tokens",
  output_tokens: "output_tokens",
  cached_tokens: "cached_tokens",
};

/**
 * What a counter may be off by on its own: an answer is counted a moment after its last byte has left,
 * so the one before the load may be counted in it. And a share, since servers count some tokens that
 * they do not report, such as the one that ends an answer.
 */
const SLACK = { requests: 1, share: 0.01 };

/** Has no record yet. */
export function serverCountsFold(): ServerCountsFold {
  /** Of requests that the server completed. */
  const done = { requests: 0, prompt_tokens: 0, output_tokens: 0, cached_tokens: 0 };
  /** Of requests that ended otherwise, the most that the server may have counted. */
  const open = { requests: 0, prompt_tokens: 0, output_tokens: 0, cached_tokens: 0 };
  const seen = {
    cacheTold: false,
    /** Some output tokens are not by the engine's count. */
    foreign: false,
  };
  return {
    ...mergeAll({ done: sums(done), open: sums(open), seen: either(seen) }),
    add(record) {
      const { outcome, sentMs, promptTokens, outputTokens, cachedTokens } = record;
      if (sentMs === undefined) return;
      // A wrong length is one that the server takes for right.
      if (outcome.kind === "ok" || outcome.kind === "wrong_length") {
        done.requests++;
        done.prompt_tokens += promptTokens?.tokens ?? 0;
        done.output_tokens += outputTokens?.tokens ?? 0;
        done.cached_tokens += cachedTokens ?? 0;
        if (cachedTokens !== undefined) seen.cacheTold = true;
        if (!isCounted(outputTokens?.source)) seen.foreign = true;
        return;
      }
      open.requests++;
      const prompt = promptTokens?.tokens ?? record.contentTokens ?? 0;
      open.prompt_tokens += prompt;
      open.cached_tokens += cachedTokens ?? prompt;
      open.output_tokens += Math.max(record.requestedTokens, outputTokens?.tokens ?? 0);
    },
    result(server, durationMs) {
      if (server === undefined || done.requests + open.requests === 0) return [];
      if (!covers(server, durationMs)) return [];
      const before = runningBefore(server);
      const perRequest = (what: What) =>
        what === "requests" ? 1 : done[what] / Math.max(1, done.requests);
      const found: ServerCounts[] = [];
      for (const what of Object.keys(ROLES) as What[]) {
        const counted = server.figures.find(({ role }) => role === ROLES[what])?.difference;
        if (counted === undefined || what === "cached_tokens" && !seen.cacheTold) continue;
        // Requests of the load before, or of somebody else, that were in it when it was read first.
        const older = (before + SLACK.requests) * perRequest(what);
        const most = done[what] * (1 + SLACK.share) + open[what] + older;
        // Tokens decide only where requests are not counted: engines count them each in its own way.
        const decides = what === "requests" ||
          what === "output_tokens" && !seen.foreign && found[0]?.what !== "requests";
        found.push({
          what,
          server: counted,
          client: done[what],
          others: decides && counted > most,
        });
      }
      return found;
    },
  };
}

/** Whether every server was read before and after the load; an exporter counts no requests. */
function covers({ endpoints }: ServerSummary, durationMs: number): boolean {
  return endpoints.every(({ engine, window }) =>
    engine === "dcgm" ||
    window !== undefined && window.fromMs <= 0 && window.toMs >= durationMs
  );
}

function isCounted(source: string | undefined): boolean {
  return source === "usage" || source === "counter" || source === "ids";
}

/** Requests that the server had in it before ours. */
function runningBefore({ course }: ServerSummary): number {
  const first = (role: string) => course.lines.find((line) => line.role === role)?.values[0] ?? 0;
  return Math.max(0, first("running")) + Math.max(0, first("waiting"));
}
