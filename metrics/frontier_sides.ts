/**
 * Results of several servers, each with its repeats, as sides of a frontier.
 *
 * @module
 */
import { sideValue } from "./compare_change.ts";
import { measuredLoads, samplesOf } from "./compare_measured.ts";
import type { CompareSide } from "./compare_result.ts";
import type { Figure, FigureValue } from "./figure.ts";
import {
  type Frontier,
  FRONTIER_PERCENTILE,
  frontierFacts,
  frontierFigures,
  type FrontierLoad,
  frontierOf,
  type FrontierSide,
  frontierWindow,
  withoutPoint,
} from "./frontier.ts";
import type { ServerScale } from "./load_speed.ts";

/** How to draw it. */
export interface FrontierOptions {
  /** Percentile of the speed of one user; the runs need it. Default 90. */
  readonly percentile?: number;
  /** Size and price of each side; a part that is absent is as its runs had it. */
  readonly scales?: readonly Partial<ServerScale>[];
}

/**
 * Throughput against the speed of one user, for one server or several. A load that was measured several
 * times is one point, the mean of its repeats.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { findFrontier } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "1" });
 * const run = await measureBench(server.url, { concurrency: [1, 4], requests: 12, outputTokens: 4 });
 * await server.stop();
 * const { points } = findFrontier([{ name: "mine", runs: [summarize(run)] }]);
 * assertEquals(points.length, 2);
 * ```
 */
export function findFrontier(
  sides: readonly CompareSide[],
  { percentile = FRONTIER_PERCENTILE, scales = [] }: FrontierOptions = {},
): Frontier {
  const loads = sides.flatMap((side) =>
    [...measuredLoads(side).values()].flatMap((repeats) => repeats.map(({ load }) => load))
  );
  const window = frontierWindow(loads);
  const figures = frontierFigures(window, percentile);
  const found = sides.map((side, i) => averaged(side, figures, scales[i] ?? {}));
  return frontierOf(found, { window, percentile });
}

function averaged(
  side: CompareSide,
  figures: ReturnType<typeof frontierFigures>,
  given: Partial<ServerScale>,
): FrontierSide {
  const loads: FrontierLoad[] = [];
  const leftOut: { label: string; why: string }[] = [];
  for (const [label, repeats] of measuredLoads(side)) {
    const good = repeats.filter(({ load }) => {
      const why = withoutPoint(load, figures);
      if (why !== undefined) leftOut.push({ label: load.label, why });
      return why === undefined;
    });
    if (good.length === 0) continue;
    const facts = good.map(({ load, run }) => frontierFacts(load, run.header, good.length));
    const mean = (figure: Figure): FigureValue => {
      const samples = samplesOf(good, figure);
      const { value, bracket, interval } = sideValue(samples);
      return {
        ...{ value: value!, bracket, interval },
        samples: samples.reduce((sum, one) => sum + one.samples, 0),
      };
    };
    loads.push({
      ...{ label, short: facts[0]!.short, repeats: good.length },
      throughput: mean(figures.throughput),
      interactivity: mean(figures.interactivity),
      clientBound: facts.some(({ clientBound }) => clientBound),
      failed: facts.some(({ failed }) => failed),
      doubts: [...new Set(facts.flatMap(({ doubts }) => doubts))],
    });
  }
  const gpus = given.gpus ?? side.runs[0]?.scale?.gpus;
  const costPerHour = given.costPerHour ?? side.runs[0]?.scale?.costPerHour;
  const scale = gpus === undefined && costPerHour === undefined ? undefined : { gpus, costPerHour };
  return { name: side.name, scale, loads, leftOut };
}
