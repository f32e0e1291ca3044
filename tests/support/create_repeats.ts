/**
 * Builds repeats of a run whose latencies are known, to compare them.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";
import type { CompareSide } from "../../metrics/compare_result.ts";
import type { Run, RunHeader } from "../../metrics/run.ts";
import { summarize } from "../../metrics/summary.ts";
import { createRecord } from "./create_record.ts";
import { createRun, type RunFields } from "./create_run.ts";

/** Requests of one repeat: enough for a p90, too few for a p99. */
const REQUESTS = 30;

/** What the repeats of a side have in common. */
export interface RepeatFields extends Pick<RunFields, "loads"> {
  /** Mean TTFT in ms. */
  readonly ttftMs: number;
  /** How many repeats. Default 4. */
  readonly repeats?: number;
  readonly header?: Partial<RunHeader>;
}

/** Requests one after the other; TTFT goes up and down by 2 %, from repeat to repeat by 0.2 %. */
export function repeatRecords(
  ttftMs: number,
  repeat: number,
  { load = 0, requests = REQUESTS }: { readonly load?: number; readonly requests?: number } = {},
): readonly RequestRecord[] {
  let sentMs = 0;
  return Array.from({ length: requests }, (_, index) => {
    const first = ttftMs * (1 + 0.02 * Math.sin(index) + 0.002 * Math.cos(3 * repeat));
    const ticks = [0, 10, 20, 30].map((gap, i) => [sentMs + first + gap, i + 1] as const);
    const record = createRecord({ load, index, sentMs, departedMs: sentMs, ticks });
    sentMs += first + 30;
    return record;
  });
}

/** Runs that are repeats of each other, a minute apart. */
export function createRepeats(
  { ttftMs, repeats = 4, header, loads = [{ label: "1 user" }] }: RepeatFields,
): readonly Run[] {
  return Array.from(
    { length: repeats },
    (_, repeat) =>
      createRun(loads.flatMap((_, load) => repeatRecords(ttftMs, repeat, { load })), {
        loads,
        header: { startedAt: `2026-01-02T12:0${repeat}:05.678Z`, ...header },
      }),
  );
}

/** The same as a side of a comparison. */
export function createSide(name: string, fields: RepeatFields): CompareSide {
  return { name, runs: createRepeats(fields).map((run) => summarize(run)) };
}
