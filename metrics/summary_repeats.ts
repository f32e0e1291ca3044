/**
 * What differs from run to run: the repeats of a load, each a run of its own.
 *
 * @module
 */
import { checkOf } from "./check.ts";
import type { Check } from "./check.ts";
import type { Count } from "./count.ts";
import { type Figure, HEADLINE_FIGURES } from "./figure.ts";
import { formatNumber, plural } from "./format.ts";
import type { Interval } from "./load_interval.ts";
import { baseLabel, turnLabel } from "./load_repeats.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";
import { studentQuantile, studentTail } from "./stat_student.ts";

/** A load that was measured several times, on one side where there are sides. */
export interface RepeatedLoad {
  /** Name without the number of the repeat, e.g. `8 users` or `8 users, b`. */
  readonly label: string;
  /** Its side, position in the header's `sides`; absent = there are none. */
  readonly side: Count | undefined;
  /** Loads that count, by their positions in the run, in the order of measurement. */
  readonly loads: readonly Count[];
  /** Repeats that do not count. */
  readonly leftOut: readonly {
    /** Label of the load. */
    readonly label: string;
    /** Why it does not count, in a clause without a period. */
    readonly why: string;
  }[];
  /** Headline figures that some repeat has. */
  readonly figures: readonly RepeatedFigure[];
}

/** One figure over the repeats of a load. */
export interface RepeatedFigure extends Pick<Figure, "name" | "title" | "unit" | "better"> {
  /** One for each of `loads`. */
  readonly values: readonly (number | undefined)[];
  /** What chance inside the run leaves open about each of them. */
  readonly intervals: readonly (Interval | undefined)[];
  /** Mean of the values. */
  readonly mean: number | undefined;
  /** Standard deviation from run to run (÷ n − 1); absent with fewer than two values. */
  readonly std: number | undefined;
  /** std ÷ mean. */
  readonly cv: number | undefined;
  /** 95 % interval of the mean from run to run, by Student's t. */
  readonly interval: Interval | undefined;
  /**
   * Standard deviation that chance inside the runs alone would give: half widths of their intervals ÷
   * 1.96, root mean square. Runs differ more than that where something else changes between them.
   */
  readonly withinStd: number | undefined;
  /** Whether it rises or falls over the run; absent with fewer than three values. */
  readonly drift: Drift | undefined;
}

/** A straight line through the values, by the places of the loads in the run. */
export interface Drift {
  /** From the first repeat to the last, along the line, in the figure's unit. */
  readonly change: number;
  /** The same ÷ the mean. */
  readonly share: number | undefined;
  /** Of "it stays the same": t test of the slope (Draper and Smith, Applied Regression Analysis, 1998). */
  readonly pValue: number;
}

/** Figures that tell whether repeats drift: few, so that chance finds no drift among many. */
const DRIFT_FIGURES: readonly string[] = ["throughput", "ttft:mean", "tpot:mean", "e2e:mean"];

/** From so unlikely on, drift is told as such. */
const DRIFT_LEVEL = 0.05;

const NORMAL_95 = 1.96;

/** The repeats of each load; absent where each load was measured once. */
export function summarizeRepeats(
  loads: readonly LoadSummary[],
): readonly RepeatedLoad[] | undefined {
  const groups = new Map<string, number[]>();
  for (const [i, { plan }] of loads.entries()) {
    if (plan.repeat === undefined) continue;
    const { side } = plan;
    const label = turnLabel(baseLabel(plan), side === undefined ? {} : { side });
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [i]);
    else group.push(i);
  }
  if (groups.size === 0) return undefined;
  return [...groups].map(([label, all]) => repeatedLoad(label, all, loads));
}

function repeatedLoad(
  label: string,
  all: readonly number[],
  loads: readonly LoadSummary[],
): RepeatedLoad {
  const kept = all.filter((i) => reasonAgainst(loads[i]!) === undefined);
  return {
    label,
    side: loads[all[0]!]!.plan.side,
    loads: kept,
    leftOut: all.flatMap((i) => {
      const why = reasonAgainst(loads[i]!);
      return why === undefined ? [] : [{ label: loads[i]!.label, why }];
    }),
    figures: HEADLINE_FIGURES.flatMap((figure) => repeatedFigure(figure, kept, loads) ?? []),
  };
}

/** Why a load is not the one that was planned; absent = it is. */
function reasonAgainst(
  { interrupted, serverLost, complete, counts }: LoadSummary,
): string | undefined {
  if (serverLost !== undefined) return "the server was lost";
  if (interrupted) return counts.sent === 0 ? "it was not measured" : "it was interrupted";
  if (!complete) return "its record has no end";
  return counts.completed === 0 ? "no request completed" : undefined;
}

function repeatedFigure(
  { name, title, unit, better, of }: Figure,
  kept: readonly number[],
  loads: readonly LoadSummary[],
): RepeatedFigure | undefined {
  const found = kept.map((i) => of(loads[i]!));
  const points = found.flatMap((one, i) =>
    one === undefined ? [] : [[kept[i]!, one.value]]
  ) as readonly (readonly [place: number, value: number])[];
  if (points.length === 0) return undefined;
  const values = points.map(([, value]) => value);
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const std = n < 2 ? undefined : Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1),
  );
  const half = std === undefined ? undefined : studentQuantile(0.025, n - 1) * std / Math.sqrt(n);
  return {
    ...{ name, title, unit, better },
    values: found.map((one) => one?.value),
    intervals: found.map((one) => one?.interval),
    mean,
    std,
    cv: std === undefined || mean === 0 ? undefined : std / Math.abs(mean),
    interval: half === undefined ? undefined : {
      // No rate, time or share is below 0, and no share above 1.
      low: Math.max(0, mean - half),
      high: Math.min(unit === "share" ? 1 : Infinity, mean + half),
    },
    withinStd: withinStd(found.flatMap((one) => one?.interval ?? []), n),
    drift: driftOf(points, mean),
  };
}

/** Known only where each run has an interval. */
function withinStd(intervals: readonly Interval[], runs: number): number | undefined {
  if (intervals.length < runs) return undefined;
  const squares = intervals.map(({ low, high }) => ((high - low) / 2 / NORMAL_95) ** 2);
  return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / runs);
}

/** Least squares, and the t test of the slope with n − 2 degrees of freedom. */
function driftOf(
  points: readonly (readonly [place: number, value: number])[],
  mean: number,
): Drift | undefined {
  const n = points.length;
  if (n < 3) return undefined;
  const middle = points.reduce((sum, [place]) => sum + place, 0) / n;
  const spread = points.reduce((sum, [place]) => sum + (place - middle) ** 2, 0);
  const slope = points.reduce(
    (sum, [place, value]) => sum + (place - middle) * (value - mean),
    0,
  ) / spread;
  const rest = points.reduce(
    (sum, [place, value]) => sum + (value - mean - slope * (place - middle)) ** 2,
    0,
  );
  const change = slope * (points.at(-1)![0] - points[0]![0]);
  // Values that are all the same up to rounding have no slope.
  const flat = Math.abs(change) <= 1e-9 * Math.abs(mean);
  const t = slope / Math.sqrt(rest / (n - 2) / spread);
  return {
    change,
    share: mean === 0 ? undefined : change / Math.abs(mean),
    pValue: flat ? 1 : rest === 0 ? 0 : Math.min(1, 2 * studentTail(Math.abs(t), n - 2)),
  };
}

/** What is to be known of the repeats of a run. */
export function checkRepeats(
  repeats: readonly RepeatedLoad[] | undefined,
  header: RunHeader,
): readonly Check[] {
  if (repeats === undefined) return [];
  return [
    ...checkOf("repeats", checkComplete(repeats)),
    ...checkOf("repeats_drift", checkDrift(repeats)),
    ...checkOf("repeats_cache", checkCache(header)),
  ];
}

function checkComplete(repeats: readonly RepeatedLoad[]): string | readonly [string, string] {
  const leftOut = repeats.flatMap(({ leftOut }) => leftOut);
  const least = Math.min(...repeats.map(({ loads }) => loads.length));
  if (leftOut.length === 0) return `All of the ${plural(least, "repeat")} of each load count`;
  const shown = leftOut.slice(0, 3).map(({ label, why }) => `${label}: ${why}`).join("; ");
  return [
    `${plural(leftOut.length, "repeat")} left out of the means: ${shown}${
      leftOut.length > 3 ? "; …" : ""
    }`,
    "measure again for as many runs as planned; single loads stand in the report all the same",
  ];
}

function checkDrift(
  repeats: readonly RepeatedLoad[],
): string | readonly [string, string] | undefined {
  const tested = repeats.flatMap(({ label, figures }) =>
    figures.flatMap(({ name, title, drift }) =>
      drift === undefined || !DRIFT_FIGURES.includes(name) ? [] : [{ label, title, drift }]
    )
  ).toSorted((a, b) => a.drift.pValue - b.drift.pValue);
  if (tested.length === 0) return undefined;
  // Holm (1979): the smallest of m p-values counts m times, the next m − 1 times, …
  let least = 0;
  const found = tested.map((one, i) => {
    least = Math.max(least, Math.min(1, one.drift.pValue * (tested.length - i)));
    return { ...one, adjusted: least };
  });
  const drifting = found.filter(({ adjusted }) => adjusted < DRIFT_LEVEL);
  if (drifting.length === 0) {
    return `No drift over the repeats was found (smallest p of ${plural(tested.length, "figure")} ${
      formatP(found[0]!.adjusted)
    }, by Holm)`;
  }
  const shown = drifting.slice(0, 3).map(({ label, title, drift: { change, share }, adjusted }) =>
    `${title} of ${label} ${change > 0 ? "rises" : "falls"}${
      share === undefined ? "" : ` by ${formatNumber(100 * Math.abs(share))} %`
    } from the first repeat to the last (p ${formatP(adjusted)})`
  );
  return [
    `The server or its surroundings changed during the run: ${shown.join("; ")}${
      drifting.length > 3 ? "; …" : ""
    }`,
    "the interval from run to run is not only chance then: warm the server up longer, look for other " +
    "users and for heat, and compare servers by turns (--against), which cancels drift",
  ];
}

function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2);
}

function checkCache(
  { saltScope, resetCache }: RunHeader,
): string | readonly [string, string] | undefined {
  if (saltScope !== "none" || resetCache !== undefined) return undefined;
  return [
    "Repeats sent the same prompts without marks: a prefix cache may know them from the repeat before, " +
    "so only the first repeat can be cold",
    "leave --salt-scope none out, or add --reset-cache",
  ];
}
