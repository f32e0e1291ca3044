/**
 * Requests and their tokens over the time of a recording.
 *
 * @module
 */
import { across, chart, down, type Panel, path, type Tip } from "./chart_frame.ts";
import { linearScale, timeUnit } from "./chart_scale.ts";
import { formatCount, formatNumber } from "./format.ts";
import type { Markup } from "./markup.ts";
import { formatSpan, type TraceRate } from "./summary_trace.ts";

const HEIGHT = 96;
const HOURS_FROM_MS = 4 * 3_600_000;
const DAYS_FROM_MS = 4 * 86_400_000;

/** Panels over one time axis, one step per stretch; tokens only where lengths are known. */
export function arrivalsChart(
  { rate, name }: { readonly rate: TraceRate; readonly name: string },
): Markup {
  const { stretchMs, requests, inputTokens } = rate;
  const lengthMs = stretchMs * requests.length;
  const unit = lengthMs >= DAYS_FROM_MS
    ? { name: "d", ms: 86_400_000 }
    : lengthMs >= HOURS_FROM_MS
    ? { name: "h", ms: 3_600_000 }
    : timeUnit(lengthMs);
  const x = linearScale(0, lengthMs / unit.ms, { ticks: 8 });
  const perSecond = (values: readonly number[]) => values.map((value) => 1000 * value / stretchMs);
  const panel = (name: string, values: readonly number[]): Panel => {
    const y = linearScale(0, Math.max(0, ...values), { ticks: 4, round: true });
    const steps = values.map((value, i) =>
      `${i === 0 ? "M0 " : "V"}${down(y.at(value), HEIGHT)}H${across((i + 1) / values.length)}`
    ).join("");
    return {
      height: HEIGHT,
      name,
      ticks: y.ticks,
      shapes: [path("line area", `${steps}V${HEIGHT}H0Z`), path("line", steps)],
    };
  };
  const perRequest = perSecond(requests);
  const perToken = perSecond(inputTokens);
  const hasTokens = inputTokens.some((tokens) => tokens > 0);
  return chart({
    id: "arrivals",
    title: "Requests over time",
    description: `${formatSpan(lengthMs)} in stretches of ${formatSpan(stretchMs)}: at most ${
      formatNumber(Math.max(...perRequest))
    } requests and ${formatNumber(Math.max(...perToken))} input tokens a second in a stretch`,
    panels: [
      panel("Requests/s", perRequest),
      ...(hasTokens ? [panel("Input tokens/s", perToken)] : []),
    ],
    ticks: x.ticks,
    name: `${name} (${unit.name})`,
    tips: {
      axis: "x",
      list: requests.map((count, i): Tip => ({
        at: (i + 0.5) / requests.length,
        lines: [
          `${formatSpan(i * stretchMs)} to ${formatSpan((i + 1) * stretchMs)}`,
          `${formatCount(count)} requests, ${formatNumber(perRequest[i])}/s`,
          ...(hasTokens
            ? [`${formatCount(inputTokens[i])} input tokens, ${formatNumber(perToken[i])}/s`]
            : []),
        ],
      })),
    },
  });
}
