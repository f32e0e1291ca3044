/**
 * Whether the results of a load are the server's or the client's.
 *
 * @module
 */
/**
 * `ok`: the client had time, the numbers are the server's; `unknown`: it seemed to have time, and
 * nothing shows how late its stamps are; `suspect`: some numbers, mostly the tails, are partly the
 * client's; `client-bound`: the client was the limit, the server may be faster.
 */
export type VerdictKind = "ok" | "unknown" | "suspect" | "client-bound";

/** Why the verdict is not `ok`. */
export interface VerdictReason {
  /** Name of the rule, stable, snake case. */
  readonly rule: string;
  /** How bad this reason is by itself. */
  readonly kind: Exclude<VerdictKind, "ok" | "unknown">;
  /** What was found, with the numbers. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Whether a load's numbers are the server's or the client's. */
export interface Verdict {
  /** The worst of the reasons. */
  readonly kind: VerdictKind;
  /** The verdict in one sentence, without the reasons. */
  readonly message: string;
  /** The worst first; empty when `ok` or `unknown`. */
  readonly reasons: readonly VerdictReason[];
}
