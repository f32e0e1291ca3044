/**
 * Whether the results of a load are the server's or the client's.
 *
 * @module
 */
/**
 * `ok`: the client had time, the numbers are the server's; `unknown`: it seemed to have time, and
 * nothing shows how late its stamps are; `suspect`: some numbers, mostly the tails, are partly the
 * client's; `client-bound`: the client was the limit, the server may be faster; `no-measurement`: no
 * request completed or the server was lost, so the client is not judged.
 */
export type VerdictKind = "ok" | "unknown" | "suspect" | "client-bound" | "no-measurement";

/** Why the verdict is not `ok`. */
export interface VerdictReason {
  /** Name of the rule, stable, snake case. */
  readonly rule: string;
  /** How bad this reason is by itself. */
  readonly kind: "suspect" | "client-bound";
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
  /** The worst first; empty when `ok`, `unknown` or `no-measurement`. */
  readonly reasons: readonly VerdictReason[];
}
