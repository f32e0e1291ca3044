/**
 * Which share of a load the machines of a fleet really sent, over time.
 *
 * @module
 */
import { across, chart, down, path, type Tip } from "./chart_frame.ts";
import { linearScale, timeAxis } from "./chart_scale.ts";
import { formatMs, formatShare, plural } from "./format.ts";
import type { PresentShare } from "./load_fleet.ts";
import type { Markup } from "./markup.ts";

const HEIGHT = 56;

/** Texts at the pointer; of more steps every n-th has one. */
const MOST_TIPS = 200;

/** One step for each change; dashed what was asked for. */
export function fleetChart(
  { id, present, durationMs, agents }: {
    readonly id: string;
    readonly present: readonly PresentShare[];
    /** Length of the load. */
    readonly durationMs: number;
    /** Agents that should have sent. */
    readonly agents: number;
  },
): Markup {
  const { at, ticks, name } = timeAxis(durationMs);
  const y = linearScale(0, 100, { ticks: 4, round: true });
  const endMs = present.map((_, i) => present[i + 1]?.fromMs ?? durationMs);
  const steps = present.map(({ fromMs, share }, i) =>
    `${i === 0 ? `M${across(at(fromMs))} ` : "V"}${down(y.at(share * 100), HEIGHT)}H${
      across(at(endMs[i]!))
    }`
  ).join("");
  const every = Math.ceil(present.length / MOST_TIPS);
  return chart({
    id,
    title: "Share of the load that was there",
    description: present.length > MOST_TIPS
      ? `${plural(present.length, "step")}, the last ${formatShare(present.at(-1)!.share)}`
      : present.map(({ fromMs, share, agents }) =>
        `from ${formatMs(fromMs)} on ${formatShare(share)}, ${plural(agents, "agent")}`
      ).join("; "),
    panels: [{
      height: HEIGHT,
      name: "Share of the load that was there, % (dashed: asked for)",
      ticks: y.ticks,
      shapes: [
        path("line area", `${steps}V${HEIGHT}H0Z`),
        path("line", steps),
        path("line limit", `M0 ${down(1, HEIGHT)}H${across(1)}`),
      ],
    }],
    ticks,
    name,
    tips: {
      axis: "x",
      list: present.flatMap(({ fromMs, share, agents: there }, i): readonly Tip[] =>
        i % every > 0 ? [] : [{
          at: (at(fromMs) + at(endMs[i]!)) / 2,
          lines: [
            `${formatMs(fromMs)} to ${formatMs(endMs[i])}`,
            `${formatShare(share)} of the load`,
            `${there} of ${plural(agents, "agent")}`,
          ],
        }]
      ),
    },
  });
}
