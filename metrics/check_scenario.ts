/**
 * Whether a run is valid by the rules of its scenario: its options may keep them all, and its course
 * break them.
 *
 * @module
 */
import { type Check, checkOf } from "./check.ts";
import { OVERFLOW_SHARE } from "./check_sessions.ts";
import { formatMs, formatShare } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

/** A run as its scenario judges it. */
export interface ScenarioSummary {
  /** Name of the scenario, e.g. `agentx`. */
  readonly name: string;
  /** No rule was broken. */
  readonly valid: boolean;
  /** Rules that options or the course of the run broke, each in a sentence without a period. */
  readonly broken: readonly string[];
  /** Failed requests ÷ requests that were judged, of all loads: no rule limits it. */
  readonly failedShare: number | undefined;
}

/** What of a load may break a rule. */
type JudgedLoad = Pick<
  LoadSummary,
  "label" | "complete" | "interrupted" | "serverLost" | "durationMs" | "counts" | "contextTooLong"
>;

/** Judges a run; `undefined` where it has no scenario. */
export function judgeScenario(
  { ruledBy }: Pick<RunHeader, "ruledBy">,
  loads: readonly JudgedLoad[],
): ScenarioSummary | undefined {
  if (ruledBy === undefined) return undefined;
  const broken = [
    ...ruledBy.broken,
    ...loads.flatMap((load) =>
      brokenBy(load).map((rule) => loads.length > 1 ? `${load.label}: ${rule}` : rule)
    ),
  ];
  const sum = (count: (load: JudgedLoad) => number) =>
    loads.reduce((total, load) => total + count(load), 0);
  const failed = sum(({ counts }) => counts.failed + counts.dropped);
  const judged = failed + sum(({ counts }) => counts.completed);
  return {
    name: ruledBy.name,
    valid: broken.length === 0,
    broken,
    failedShare: judged === 0 ? undefined : failed / judged,
  };
}

function brokenBy(
  { complete, interrupted, serverLost, durationMs, counts, contextTooLong }: JudgedLoad,
): readonly string[] {
  const { share = 0 } = contextTooLong ?? {};
  return [
    ...(complete ? [] : ["the record of the load has no end"]),
    ...(serverLost === undefined ? [] : [`the server was lost after ${formatMs(serverLost.atMs)}`]),
    ...(!interrupted ? [] : [
      counts.offered === 0
        ? "the run was stopped before the load began"
        : `the load was stopped after ${formatMs(durationMs)}`,
    ]),
    ...(share <= OVERFLOW_SHARE ? [] : [
      `${formatShare(share)} of the requests did not fit into the server's context, more than ${
        formatShare(OVERFLOW_SHARE)
      }`,
    ]),
  ];
}

/** The judgment in one line: `agentx: invalid, the load was stopped after 20 s`. */
export function scenarioText({ name, valid, broken, failedShare = 0 }: ScenarioSummary): string {
  const beside = failedShare === 0
    ? ""
    : `; ${formatShare(failedShare)} of the requests failed, which no rule limits`;
  return `${name}: ${valid ? "valid" : `invalid, ${broken.join("; ")}`}${beside}`;
}

/** The judgment as a check. */
export function checkScenario(scenario: ScenarioSummary | undefined): readonly Check[] {
  if (scenario === undefined) return [];
  const text = `The scenario ${scenarioText(scenario)}`;
  return checkOf(
    "scenario",
    scenario.valid
      ? text
      : [text, "run it again by the rules and to its end before it is published"],
  );
}
