/**
 * How the requests of a load ended.
 *
 * @module
 */
import type { Outcome, RequestRecord } from "../backends/record.ts";

/** Requests of a load. offered = completed + failed + cancelled + dropped. */
export interface Counts {
  /** Asked for by the load, whether or not they were sent. */
  readonly offered: number;
  /** Handed to the transport. */
  readonly sent: number;
  /** Ended well; all results are theirs. */
  readonly completed: number;
  /** Failed by the server or on the way to it. */
  readonly failed: number;
  /** Stopped by us; not in any result. */
  readonly cancelled: number;
  /** Never sent for the limit in flight; not in any result. */
  readonly dropped: number;
  /** Sent before the measurement; not in any result. */
  readonly warmup: number;
  /** completed ÷ (completed + failed). */
  readonly successRate: number | undefined;
}

/** Requests that failed in the same way. */
export interface Failure {
  /** The outcome they share. */
  readonly kind: Exclude<Outcome["kind"], "ok" | "cancelled" | "dropped">;
  /** Requests. */
  readonly count: number;
  /** Most frequent first, at most three. */
  readonly messages: readonly { readonly message: string; readonly count: number }[];
}

const MESSAGES_SHOWN = 3;

/** Did the server fail this request? Our own decisions (`cancelled`, `dropped`) are no failures. */
export function isFailure(record: RequestRecord): boolean {
  return failureOf(record.outcome) !== undefined;
}

/** Counts the measured requests; `warmup` tells how many came before them. */
export function countOutcomes(records: readonly RequestRecord[], warmup: number): Counts {
  const ended = (kind: Outcome["kind"]) =>
    records.filter(({ outcome }) => outcome.kind === kind).length;
  const completed = ended("ok");
  const cancelled = ended("cancelled");
  const dropped = ended("dropped");
  const failed = records.length - completed - cancelled - dropped;
  return {
    offered: records.length,
    sent: records.filter(({ sentMs }) => sentMs !== undefined).length,
    completed,
    failed,
    cancelled,
    dropped,
    warmup,
    successRate: completed + failed === 0 ? undefined : completed / (completed + failed),
  };
}

/** Failures by cause, most frequent first. */
export function groupFailures(records: readonly RequestRecord[]): readonly Failure[] {
  const kinds = new Map<Failure["kind"], Map<string, number>>();
  for (const { outcome } of records) {
    const failure = failureOf(outcome);
    if (failure === undefined) continue;
    const messages = kinds.get(failure.kind) ?? new Map<string, number>();
    messages.set(failure.message, (messages.get(failure.message) ?? 0) + 1);
    kinds.set(failure.kind, messages);
  }
  return [...kinds].map(([kind, messages]): Failure => ({
    kind,
    count: [...messages.values()].reduce((sum, one) => sum + one, 0),
    messages: [...messages].map(([message, count]) => ({ message, count }))
      .sort((a, b) => b.count - a.count).slice(0, MESSAGES_SHOWN),
  })).sort((a, b) => b.count - a.count);
}

function failureOf(
  outcome: Outcome,
): { readonly kind: Failure["kind"]; readonly message: string } | undefined {
  switch (outcome.kind) {
    case "ok":
    case "cancelled":
    case "dropped":
      return undefined;
    case "http_error":
      return { kind: outcome.kind, message: `${outcome.status}: ${outcome.message}` };
    default:
      return { kind: outcome.kind, message: outcome.message };
  }
}
