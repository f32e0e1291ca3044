/**
 * What the page says of sessions, recorded traffic, mixes, and several servers, as they were planned.
 *
 * @module
 */
import type { ScenarioSummary } from "./check_scenario.ts";
import { formatCount, formatMs, formatNumber, formatShare } from "./format.ts";
import type { HtmlValue } from "./markup.ts";
import type { LoadPlan, RunHeader, RunShare } from "./run.ts";
import type { Summary } from "./summary.ts";
import { stageText } from "./summary_group_keys.ts";

type Facts = readonly (readonly HtmlValue[])[];

/** How a recording is sent; empty for single requests. */
export function replayFacts({ header, scenario }: Pick<Summary, "header" | "scenario">): Facts {
  const { replay, dataset, askedCachedShare } = header;
  const rules = scenarioFacts(scenario);
  if (replay === undefined) return rules;
  const { format, mode, sessions, turns, speedup, idleCapMs, history, blockTokens } = replay;
  return [
    ...rules,
    ["Format", format],
    [
      "Sent",
      mode === "sessions" ? "each request after what it waits for" : "at the recorded instants",
    ],
    ...(mode === "sessions" ? [["Sessions", formatCount(sessions)]] : []),
    [mode === "sessions" ? "Turns" : "Requests", formatCount(turns)],
    ...(speedup === undefined || speedup === 1
      ? []
      : [["Speedup", `${formatNumber(speedup)} times`]]),
    ...(mode === "sessions"
      ? [["Longest pause", idleCapMs === undefined ? "as recorded" : formatMs(idleCapMs)]]
      : []),
    [
      "History in prompts",
      history === "recorded" ? "the recorded answers" : "the server's own answers",
    ],
    ...(blockTokens === undefined || blockTokens === 0
      ? []
      : [["Tokens of a block", formatCount(blockTokens)]]),
    ...(replay.sessionStart === undefined || replay.sessionStart === 0 ? [] : [[
      "Sessions begin",
      `at an instant drawn from the first ${formatShare(replay.sessionStart)} of their records`,
    ]]),
    ...(replay.expectedShare === undefined
      ? []
      : [["Cached share in the file's order", formatShare(replay.expectedShare)]]),
    ...(askedCachedShare === undefined
      ? []
      : [["Cached share asked for", formatShare(askedCachedShare)]]),
    ["Recording", dataset.source],
  ];
}

function scenarioFacts(scenario: ScenarioSummary | undefined): Facts {
  if (scenario === undefined) return [];
  const { name, valid, broken, failedShare = 0 } = scenario;
  return [
    ["Scenario", `${name}, ${valid ? "valid" : "invalid"}`],
    ...broken.map((rule, i) => [i === 0 ? "Rules broken" : "", rule]),
    ...(failedShare === 0 ? [] : [["Failed, which no rule limits", formatShare(failedShare)]]),
  ];
}

/** Several servers, models and classes, the salt, and the reset of the cache: only what there is. */
export function mixFacts({ urls, models, classes, saltScope, resetCache }: RunHeader): Facts {
  return [
    ...(urls ?? []).map((url, i) => [i === 0 ? "Servers" : "", url]),
    ...sharesFacts("Models", models),
    ...sharesFacts("Classes", classes),
    ...(saltScope === undefined
      ? []
      : [["Salt", saltScope === "none" ? "none" : `a new one per ${saltScope}`]]),
    ...(resetCache === undefined ? [] : [["Prefix cache emptied by", resetCache]]),
  ];
}

function sharesFacts(title: string, shares: readonly RunShare[] = []): Facts {
  const all = shares.reduce((sum, { weight }) => sum + weight, 0);
  return shares.map(({ name, weight }, i) => [
    i === 0 ? title : "",
    all > 0 ? `${name} (${formatShare(weight / all)})` : name,
  ]);
}

/** What a plan has besides users and rates. */
export function replayPlan(
  { replay, speedup, stages = [], thinkTime, maxPrefill, cancel }: LoadPlan,
): readonly string[] {
  return [
    ...(replay === undefined ? [] : [replay === "sessions" ? "sessions" : "as recorded"]),
    ...(speedup === undefined || speedup === 1 ? [] : [`${formatNumber(speedup)} times as fast`]),
    ...(stages.length === 0 ? [] : [`stages ${stages.map(stageText).join(", ")}`]),
    ...(thinkTime === undefined ? [] : [`think time ${thinkTime} ms`]),
    ...(maxPrefill === undefined
      ? []
      : [`at most ${formatCount(maxPrefill)} before their first token`]),
    ...(cancel === undefined ? [] : [`users leave ${cancel}`]),
  ];
}
