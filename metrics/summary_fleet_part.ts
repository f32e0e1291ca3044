/**
 * What an agent says of its own part of a load.
 *
 * @module
 */
import { HEADLINE_FLOOR_MS, HEADLINE_PERCENTILES } from "./check_figures.ts";
import type { Bracket } from "./load_bracket.ts";
import { metricOf } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { FleetPart } from "./run_fleet.ts";

/** Sentences of an agent that its leader shows; the worst stand first. */
const MOST_CAUSES = 5;

/**
 * The part of an agent, from the summary of its own records.
 *
 * @param more what its records do not say: its number, when it began, its clock, its file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { fleetPartOf } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const part = fleetPartOf(summarize(run).loads[0]!, { agent: 3, lateMs: 0 });
 * assertEquals([part.agent, part.completed], [3, 4]);
 * ```
 */
export function fleetPartOf(
  load: LoadSummary,
  more: Pick<FleetPart, "agent" | "lateMs" | "clock" | "fileFailure">,
): FleetPart {
  const { counts, tokens, verdict, client } = load;
  const kind = verdict?.kind;
  const judged = kind === "ok" || kind === "suspect" || kind === "client-bound";
  const causes = verdict?.reasons.slice(0, MOST_CAUSES).map(({ message }) => message) ?? [];
  const clientError = headlineError(load);
  return {
    ...more,
    sent: counts.sent,
    completed: counts.completed,
    failed: counts.failed + counts.dropped,
    outputTokens: tokens.output.total ?? 0,
    ...(judged && { verdict: kind }),
    ...(causes.length > 0 && { causes }),
    ...(clientError !== undefined && { clientError }),
    ...(client !== undefined && { client }),
  };
}

/** Largest relative error of the headline figures, differences that never matter left out. */
function headlineError(load: LoadSummary): number | undefined {
  const errors = Object.entries(HEADLINE_FLOOR_MS).flatMap(([name, floorMs]) => {
    const { distribution, brackets } = metricOf(load, name) ?? {};
    if (distribution === undefined || brackets === undefined) return [];
    return [
      errorOf(distribution.median, brackets.median, floorMs),
      ...distribution.percentiles.flatMap(({ p, value }, i) =>
        HEADLINE_PERCENTILES.includes(p)
          ? [errorOf(value, brackets.percentiles[i]?.bracket, floorMs)]
          : []
      ),
    ];
  });
  const { run } = load.throughput;
  errors.push(errorOf(run.outputTokensPerSec, run.brackets?.outputTokensPerSec, 0));
  return errors.reduce(
    (most, error) => error === undefined ? most : Math.max(most ?? 0, error),
    undefined,
  );
}

function errorOf(
  value: number | undefined,
  bracket: Bracket | undefined,
  floor: number,
): number | undefined {
  if (value === undefined || bracket === undefined || !(value > 0)) return undefined;
  const apart = Math.max(value - bracket.low, bracket.high - value);
  if (!Number.isFinite(apart)) return undefined;
  return apart <= floor ? 0 : apart / value;
}
