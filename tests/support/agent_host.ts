/**
 * What agents of a fleet run with in tests.
 *
 * @module
 */
import type { Host, OptionValue } from "../../workloads/command.ts";

/** Options of a plan whose loads cost little: nothing is sampled, all answers have four tokens. */
export const QUIET_PLAN: Readonly<Record<string, OptionValue>> = {
  ...{ witness: false, gpu: "off", serverMetrics: "off", noCalibration: true, seed: 1, salt: "s" },
  ...{ transport: "fetch", workers: 0, outputTokens: "4", dataset: "synthetic", inputTokens: "8" },
  ...{ warmup: 0 },
};

/** A host that keeps what it is told; `interrupt` and `abort` are the first and second Ctrl-C. */
export function agentHost(): Host & {
  readonly notes: readonly string[];
  readonly abort: () => void;
} {
  const [first, second] = [new AbortController(), new AbortController()];
  const notes: string[] = [];
  return {
    ...{ print() {}, progress() {}, stdoutIsTerminal: false, color: false, columns: 100 },
    note: (line) => void notes.push(line),
    ...{ interrupted: first.signal, aborted: second.signal, commandLine: ["agent"] },
    interrupt: () => first.abort(),
    abort: () => second.abort(),
    notes,
  };
}
