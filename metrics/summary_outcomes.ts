/**
 * How the requests of a load ended.
 *
 * @module
 */
import type { Counts, EmptyReason, Failure } from "./load_summary.ts";
import { type Outcome, OUTCOME_KINDS, type RequestRecord } from "../backends/record.ts";
import { createTally, foldAll, type MergeableFold, type Tally } from "./fold.ts";
import { mergeAll, sums } from "./state_read.ts";

const MESSAGES_SHOWN = 3;

/** Outcomes that are failures of the server. */
const FAILURE_KINDS = OUTCOME_KINDS.filter((kind): kind is Failure["kind"] =>
  kind !== "ok" && kind !== "cancelled" && kind !== "cancelled_as_planned" && kind !== "dropped"
);

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
export function outcomeFold(): MergeableFold<
  Omit<Counts, "warmup" | "warmupFromPool" | "warmupTokens">
> {
  const counts = {
    ...{ offered: 0, sent: 0, completed: 0, cancelled: 0, cancelledAsPlanned: 0, dropped: 0 },
    empty: 0,
  };
  return {
    ...sums(counts),
    add(record) {
      const { outcome: { kind }, sentMs } = record;
      if (isEmptyAnswer(record)) counts.empty++;
      counts.offered++;
      if (sentMs !== undefined) counts.sent++;
      if (kind === "ok") counts.completed++;
      if (kind === "cancelled") counts.cancelled++;
      if (kind === "cancelled_as_planned") counts.cancelledAsPlanned++;
      if (kind === "dropped") counts.dropped++;
    },
    result() {
      const { offered, sent, completed, cancelled, cancelledAsPlanned, dropped, empty } = counts;
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
export function emptyFold(): MergeableFold<readonly EmptyReason[]> {
  const reasons = createTally<string>({ others: OTHER_MESSAGES });
  return {
    state: reasons.state,
    merger: reasons.merger,
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
export function failureFold(): MergeableFold<readonly Failure[]> {
  const kinds = createTally<Failure["kind"]>({ known: FAILURE_KINDS });
  const messages = Object.fromEntries(
    FAILURE_KINDS.map((kind) => [kind, createTally<string>({ others: OTHER_MESSAGES })]),
  ) as Record<Failure["kind"], Tally<string>>;
  return {
    ...mergeAll({ kinds, ...messages }),
    add({ outcome, index }) {
      const failure = failureOf(outcome);
      if (failure === undefined) return;
      kinds.add(failure.kind, index);
      messages[failure.kind].add(failure.message, index);
    },
    result: () =>
      kinds.entries().map(([kind, count]): Failure => ({
        kind,
        count,
        messages: messages[kind].entries().map(([message, count]) => ({ message, count }))
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
