/**
 * The numbers of LMDeploy's server scripts (`profile_restful_api`, `profile_serving`): ours under
 * their names, and their own for comparison with old results. T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { type Spread, spreadOf, sumOf } from "./script_latency_spread.ts";
import { isFailure } from "./summary_outcomes.ts";
import { roundNumpy } from "./script_python_format.ts";
import { ttft } from "./metric_ttft.ts";

/** One load in the scripts' terms; `undefined` = there is no such number. */
export interface RestfulNumbers {
  /** Requests behind the rates. */
  readonly requests: number;
  /** Duration from the first start to the last end, in s. */
  readonly elapsedSec: number;
  /** Sum of prompt tokens. */
  readonly promptTokens: number;
  /** Sum of output tokens. */
  readonly completionTokens: number;
  /** Seconds. */
  readonly firstToken: Spread | undefined;
}

/** What the script knows and a record does not. */
export interface RestfulScript {
  /** Duration from the first start to the last end, in ms. */
  readonly durationMs: number;
  /** Planned requests, finished or not. */
  readonly asked: number;
  /** `requested`: the requested length is taken for the generated length (T2). */
  readonly completion: "requested" | "counted";
  /** Prompt tokens of a request by the script's tokenizer, without template and BOS. */
  readonly promptTokens: (record: RequestRecord) => number;
}

/**
 * Our numbers: completed requests only, delivered tokens, first token = first event with a token.
 *
 * @param records measured requests of one load
 */
export function restfulNumbers(
  records: readonly RequestRecord[],
  durationMs: number,
): RestfulNumbers {
  const completed = records.filter(({ outcome }) => outcome.kind === "ok");
  return {
    requests: completed.length,
    elapsedSec: durationMs / 1000,
    promptTokens: sumOf(completed.map(({ promptTokens }) => promptTokens?.tokens ?? 0)),
    completionTokens: sumOf(completed.map(({ outputTokens }) => outputTokens?.tokens ?? 0)),
    firstToken: spreadOf(completed.flatMap((record) => ttft.values(record)).map((ms) => ms / 1000)),
  };
}

/**
 * The script's numbers of the same requests: every request that got any object back counts, a refusal
 * under any status included (T5), the first object is the first token, rounded to ms (T4), and rates
 * use the planned requests (T15). Where the script asserts what it counted, an answer of another length
 * ends the thread and is lost.
 */
export function restfulScriptNumbers(
  records: readonly RequestRecord[],
  script: RestfulScript,
): RestfulNumbers {
  const rows = records.filter((record) =>
    record.firstEventMs !== undefined &&
    (record.outcome.kind === "ok" || isFailure(record)) &&
    (script.completion === "requested" || hasAssertedLength(record))
  );
  return {
    requests: script.asked,
    elapsedSec: script.durationMs / 1000,
    promptTokens: sumOf(rows.map(script.promptTokens)),
    completionTokens: sumOf(
      rows.map(({ requestedTokens, outputTokens }) =>
        script.completion === "requested" ? requestedTokens : outputTokens?.tokens ?? 0
      ),
    ),
    firstToken: spreadOf(
      rows.map(({ firstEventMs = 0, sentMs = 0 }) => roundNumpy((firstEventMs - sentMs) / 1000, 3)),
    ),
  };
}

function hasAssertedLength(
  { lengthForced, requestedTokens, outputTokens }: RequestRecord,
): boolean {
  const tokens = outputTokens?.tokens ?? 0;
  return !lengthForced || tokens === requestedTokens || tokens === requestedTokens + 1;
}

/** The columns of a release's CSV. */
export type RestfulLayout = "v0.1.0a1" | "v0.1.0";

/** Every {@linkcode RestfulLayout}, the newest first. */
export const RESTFUL_LAYOUTS: readonly RestfulLayout[] = ["v0.1.0", "v0.1.0a1"];
