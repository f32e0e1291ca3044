/**
 * Limits on changes, and what they come to.
 *
 * @module
 */
import type { Comparison, GateLimit, GateOutcome } from "./compare_result.ts";

/**
 * Reads limits on changes, e.g. `ttft:p99<+5%,throughput>-3%`.
 *
 * @throws {SyntaxError} when the text is no list of limits.
 * @throws {RangeError} when a figure or a change does not fit.
 */
export function parseGate(_text: string, _option: string = "--gate"): readonly GateLimit[] {
  throw new Error("not yet");
}

/** What all limits come to: one missed is missed, else one undecided is undecided. */
export function gateOutcome(_comparison: Comparison): GateOutcome {
  throw new Error("not yet");
}

/** Exit code of a comparison: 0, 2 refused, 4 undecided (0 where that passes), 5 missed. */
export function compareExitCode(
  _comparison: Comparison,
  _options: { readonly undecided?: "fail" | "pass" } = {},
): 0 | 2 | 4 | 5 {
  throw new Error("not yet");
}
