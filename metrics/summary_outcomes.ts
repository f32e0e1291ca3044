/**
 * How the requests of a load ended.
 *
 * @module
 */
import type { Counts, EmptyReason, Failure } from "./load_summary.ts";
import type { Outcome, RequestRecord } from "../backends/record.ts";
import { createTally, type Fold, foldAll, type Tally } from "./fold.ts";

const MESSAGES_SHOWN = 3;

/** Stands for further messages when there are too many different ones. */
const OTHER_MESSAGES = "(other messages)";

/**
 * Whether the server failed this request. What the client decided (`cancelled`, `cancelled_as_planned`,
 * `dropped`) is not a failure.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isFailure, measureBench, startSimServer } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * assertEquals(run.records.filter(isFailure), []);
 * ```
 */
export function isFailure(record: RequestRecord): boolean {
  return failureOf(record.outcome) !== undefined;
}

/** Counts measured requests by how they ended. */
export function outcomeFold(): Fold<Omit<Counts, "warmup" | "warmupFromPool" | "warmupTokens">> {
  let [offered, sent, completed, cancelled, dropped, empty] = [0, 0, 0, 0, 0, 0];
  let cancelledAsPlanned = 0;
  return {
    add(record) {
      const { outcome: { kind }, sentMs } = record;
      if (isEmptyAnswer(record)) empty++;
      offered++;
      if (sentMs !== undefined) sent++;
      if (kind === "ok") completed++;
      if (kind === "cancelled") cancelled++;
      if (kind === "cancelled_as_planned") cancelledAsPlanned++;
      if (kind === "dropped") dropped++;
    },
    result() {
      const meant = offered - cancelledAsPlanned;
      const failed = meant - completed - cancelled - dropped;
      const successRate = meant === 0 ? undefined : completed / meant;
      const ways = { completed, failed, cancelled, cancelledAsPlanned, dropped };
      return { offered, sent, ...ways, empty, successRate };
    },
  };
}

/** The server ended the answer as if all were well, and there is no token in it. */
function isEmptyAnswer({ outcome, outputTokens }: RequestRecord): boolean {
  return outcome.kind === "wrong_length" && (outputTokens?.tokens ?? 0) === 0;
}

/** Why answers without a token ended, most frequent first. */
export function emptyFold(): Fold<readonly EmptyReason[]> {
  const reasons = createTally<string>(OTHER_MESSAGES);
  return {
    add(record) {
      if (isEmptyAnswer(record)) reasons.add(record.finishReason ?? "", record.index);
    },
    result: () =>
      reasons.entries().map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count).slice(0, MESSAGES_SHOWN),
  };
}

/** Failures by cause, most frequent first. */
export function groupFailures(records: readonly RequestRecord[]): readonly Failure[] {
  return foldAll(failureFold(), records);
}

/** {@linkcode groupFailures}, one record at a time; of ten thousand messages and more not all. */
export function failureFold(): Fold<readonly Failure[]> {
  const kinds = createTally<Failure["kind"]>();
  const messagesOf = new Map<Failure["kind"], Tally<string>>();
  return {
    add({ outcome, index }) {
      const failure = failureOf(outcome);
      if (failure === undefined) return;
      kinds.add(failure.kind, index);
      const messages = messagesOf.get(failure.kind) ?? createTally(OTHER_MESSAGES);
      messages.add(failure.message, index);
      messagesOf.set(failure.kind, messages);
    },
    result: () =>
      kinds.entries().map(([kind, count]): Failure => ({
        kind,
        count,
        messages: messagesOf.get(kind)!.entries().map(([message, count]) => ({ message, count }))
          .sort((a, b) => b.count - a.count).slice(0, MESSAGES_SHOWN),
      })).sort((a, b) => b.count - a.count),
  };
}

function failureOf(
  outcome: Outcome,
): { readonly kind: Failure["kind"]; readonly message: string } | undefined {
  switch (outcome.kind) {
    case "ok":
    case "cancelled":
    case "cancelled_as_planned":
    case "dropped":
      return undefined;
    case "http_error":
      return { kind: outcome.kind, message: `${outcome.status}: ${outcome.message}` };
    default:
      return { kind: outcome.kind, message: outcome.message };
  }
}
