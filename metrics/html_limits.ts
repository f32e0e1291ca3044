/**
 * Limits of a run as lines in its charts.
 *
 * @module
 */
import type { CdfLimit } from "./chart_cdf.ts";
import type { FrontierLimit } from "./chart_frontier.ts";
import { formatNumber, formatPercentile } from "./format.ts";
import type { Frontier } from "./frontier.ts";
import { limitValueText } from "./limit.ts";
import type { LoadSummary } from "./load_summary.ts";
import { sloLimitText } from "./summary_text.ts";

/** Limits on this metric, of requests and of its percentiles; each once. */
export function limitsOn(name: string, loads: readonly LoadSummary[]): readonly CdfLimit[] {
  const limits = loads.flatMap((load): readonly CdfLimit[] => [
    ...(load.slo?.limits ?? []).filter(({ metric }) => metric === name).map((limit) => ({
      value: limit.limit,
      p: undefined,
      text: sloLimitText(limit, load.metrics),
    })),
    ...load.limits.flatMap(({ name: full, limit, unit, operator }): readonly CdfLimit[] => {
      const [metric, statistic = ""] = full.split(":");
      const p = /^p(\d+(\.\d+)?)$/.exec(statistic)?.[1] ?? (statistic === "median" ? "50" : "");
      if (metric !== name || unit !== "ms" || statistic !== "" && p === "") return [];
      return [{
        value: limit,
        p: p === "" ? undefined : Number(p),
        text: `${p === "" ? "" : `${formatPercentile(Number(p))} `}${operator} ${
          limitValueText(limit, unit)
        }`,
      }];
    }),
  ]);
  return limits.filter((one, i) => limits.findIndex(({ text }) => text === one.text) === i);
}

/** Limits on the two figures of a frontier; a time per token limits the speed the other way round. */
export function frontierLimits(
  loads: readonly LoadSummary[],
  { percentile, perGpu }: Pick<Frontier, "percentile" | "perGpu">,
): readonly FrontierLimit[] {
  const limits = loads.flatMap((load) => load.limits).flatMap(
    ({ name, limit, operator, unit }): readonly FrontierLimit[] => {
      const text = (sign: string, value: number) => `${sign} ${formatNumber(value)}`;
      if (name === `interactivity:p${percentile}`) {
        return [{ of: "interactivity", value: limit, text: text(operator, limit) }];
      }
      if (name === `e2e_per_token:p${percentile}` && limit > 0) {
        const sign = operator.replace(/[<>]/, (one) => one === "<" ? ">" : "<");
        const value = 1000 / limit;
        return [{ of: "interactivity", value, text: text(sign, value) }];
      }
      const isRate = name === "throughput" || name === "steady_throughput";
      return isRate && unit === "tokens/s" && !perGpu
        ? [{ of: "throughput", value: limit, text: text(operator, limit) }]
        : [];
    },
  );
  return limits.filter((one, i) =>
    limits.findIndex(({ of, text }) => of === one.of && text === one.text) === i
  );
}
