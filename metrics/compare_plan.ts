/**
 * How many repeats, or how long runs, it takes to find a change.
 *
 * The spread of a few runs is itself uncertain: its upper 80 % limit is planned with (Browne, On the use
 * of a pilot sample for sample size determination, Statistics in Medicine 1995), so that the power holds
 * in most cases, not in half of them.
 *
 * @module
 */
import { figuresOf } from "./compare.ts";
import { pairFreedom, pairSpread, runSpread, type Spread, withinSpread } from "./compare_spread.ts";
import { GATE_REPEATS } from "./compare_gate.ts";
import {
  measuredLoads,
  pairsOf,
  type Repeats,
  samplesOf,
  usedRepeats,
} from "./compare_measured.ts";
import type { CompareSide, CompareUnit } from "./compare_result.ts";
import { LEVEL } from "./compare_verdict.ts";
import { formatPercent } from "./compare_words.ts";
import type { Count } from "./count.ts";
import { type Figure, HEADLINE_FIGURES } from "./figure.ts";
import { formatMs, plural } from "./format.ts";
import { chiSquareQuantile, noncentralTail, studentQuantile } from "./stat_student.ts";

/** Share of cases in which the spread is not larger than what is planned with. */
const ASSURANCE = 0.8;

/** More repeats are not proposed. */
const MOST_REPEATS = 1000;

/** Stretches of time that a longer run is at least made of: its interval's degrees of freedom. */
const BLOCKS = 20;

/** What to plan for. */
export interface ComparePlanOptions {
  /** Smallest change that is to be found, as a share, e.g. 0.05. */
  readonly effect: number;
  /** Figures by name; default: the headline figures. Holm is over all of them. */
  readonly figures?: readonly string[];
  /** Share of such comparisons that find it. Default 0.8. */
  readonly power?: number;
}

/** What one figure of a load takes. */
export interface PlannedFigure extends Pick<Figure, "name" | "title"> {
  /** Name of the load. */
  readonly load: string;
  /** What the number of repeats rests on: differences between runs, or only those inside a run. */
  readonly basis: CompareUnit;
  /** Standard deviation from run to run, or of a pair's change, as a share; absent without repeats. */
  readonly spread: number | undefined;
  /** What chance inside one run explains of it, likewise; absent = unknown. */
  readonly spreadWithin: number | undefined;
  /** Repeats on each side; absent = it cannot be told, or more than 1,000. */
  readonly repeats: Count | undefined;
  /** Length of single runs that find it where runs do not differ by themselves, in ms; absent likewise. */
  readonly durationMs: number | undefined;
  /** Why repeats are absent, in a clause without a period. */
  readonly reason: string | undefined;
}

/** What it takes to find a change. */
export interface ComparePlan {
  /** Smallest change that is to be found, as a share. */
  readonly effect: number;
  /** Share of such comparisons that find it. */
  readonly power: number;
  /** Loads are measured by turns of the sides. */
  readonly paired: boolean;
  /** Most demanding first. */
  readonly figures: readonly PlannedFigure[];
  /** The answer in sentences, each without a period. */
  readonly answer: readonly string[];
}

/** What a change has to be told from. */
interface Task {
  /** Change on the log scale. */
  readonly shift: number;
  readonly power: number;
  /** Share on each side, by the first step of Holm. */
  readonly tail: number;
}

/**
 * How many repeats find a change of a given size, from how much the given runs of one side differ; with
 * two sides that were measured by turns, from how much the change differs. From single runs it is what
 * chance inside them asks for, which is the least.
 *
 * @throws {RangeError} when a figure is unknown, a side has no runs, or effect or power do not fit.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { comparePlan } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const sides = [{ name: "before", runs: [summarize(run), summarize(run)] }];
 * const { figures } = comparePlan(sides, { effect: 0.05, figures: ["throughput"] });
 * assertEquals(figures.map(({ name, load }) => [name, load]), [["throughput", "1 user"]]);
 * ```
 */
export function comparePlan(
  sides: readonly CompareSide[],
  options: ComparePlanOptions,
): ComparePlan {
  const { effect, power = 0.8 } = options;
  if (!(effect > 0 && effect < 10)) {
    throw new RangeError(
      `Cannot plan for a change of ${effect}: give a share above 0, such as 0.05`,
    );
  }
  if (!(power > 0 && power < 1)) {
    throw new RangeError(
      `Cannot plan for a power of ${power}: give a share from 0 to 1, such as 0.8`,
    );
  }
  const empty = sides.find(({ runs }) => runs.length === 0);
  if (sides.length === 0 || empty !== undefined) {
    throw new RangeError(`Cannot plan from ${empty?.name ?? "nothing"}: there are no runs`);
  }
  const figures = figuresOf(options.figures ?? HEADLINE_FIGURES.map(({ name }) => name));
  const loads = sides.map(measuredLoads);
  const labels = [...new Set(loads.flatMap((own) => [...own.keys()]))];
  const planned = labels.flatMap((label) => {
    const repeats = loads.map((own) => usedRepeats(own.get(label) ?? []));
    const measured = figures.filter((one) => repeats.some((own) => samplesOf(own, one).length > 0));
    const task = {
      ...{ shift: Math.log1p(effect), power },
      tail: LEVEL / 2 / Math.max(1, measured.length),
    };
    return measured.map((figure) => planFigure(repeats, { figure, label, task }));
  });
  const paired = planned.some((one) => one.paired);
  const sorted = planned.map((one) => one.figure).toSorted((one, other) =>
    (other.repeats ?? MOST_REPEATS + 1) - (one.repeats ?? MOST_REPEATS + 1)
  );
  const lengthMs = Math.max(
    0,
    ...loads.flatMap((own) => [...own.values()].flat().map(({ load }) => load.durationMs)),
  );
  return {
    ...{ effect, power, paired, figures: sorted },
    answer: answerOf(sorted, { effect, power, paired, lengthMs }),
  };
}

function planFigure(
  sides: readonly Repeats[],
  { figure, label, task }: {
    readonly figure: Figure;
    readonly label: string;
    readonly task: Task;
  },
): { readonly figure: PlannedFigure; readonly paired: boolean } {
  const samples = sides.map((own) => samplesOf(own, figure));
  const pairs = pairsOf(samples[0]!, samples[1] ?? []);
  const paired = pairs.length >= 2;
  const between = paired ? pairSpread(pairs) : runSpread(samples);
  const within = withinSpread(samples.flat());
  const chance = between ?? within;
  const repeats = chance === undefined
    ? undefined
    : repeatsFor(upperLimit(chance), { task, paired });
  const { name, title } = figure;
  const durations = sides.flat().map(({ load }) => load.durationMs);
  return {
    paired,
    figure: {
      ...{ name, title, load: label },
      basis: between === undefined ? "within" : "repeats",
      spread: between?.std,
      spreadWithin: within?.std,
      repeats,
      durationMs: within && durationFor(upperLimit(within), {
        task,
        durationMs: durations.reduce((sum, one) => sum + one, 0) / durations.length,
      }),
      reason: repeats !== undefined
        ? undefined
        : chance === undefined
        ? "neither repeats nor an interval of one run show how much it varies"
        : `more than ${plural(MOST_REPEATS, "repeat")}`,
    },
  };
}

/** Upper limit of a standard deviation. */
function upperLimit({ std, freedom }: Spread): number {
  if (freedom === Infinity) return std;
  return std * Math.sqrt(freedom / chiSquareQuantile(ASSURANCE, freedom));
}

/** Fewest repeats that find the change. */
function repeatsFor(
  std: number,
  { task, paired }: { readonly task: Task; readonly paired: boolean },
): Count | undefined {
  if (std === 0) return GATE_REPEATS;
  for (let n = GATE_REPEATS; n <= MOST_REPEATS; n++) {
    const freedom = paired ? pairFreedom(n) : 2 * n - 2;
    const shift = task.shift / (std * Math.sqrt((paired ? 1 : 2) / n));
    const critical = studentQuantile(task.tail, freedom);
    if (noncentralTail(critical, { freedom, shift }) >= task.power) return n;
  }
  return undefined;
}

/** Length of a single run on each side whose interval is narrow enough. */
function durationFor(
  std: number,
  { task, durationMs }: { readonly task: Task; readonly durationMs: number },
): number {
  const freedom = BLOCKS - 1;
  const apart = studentQuantile(task.tail, freedom) + studentQuantile(1 - task.power, freedom);
  // Not shorter than what was measured: a shorter run may have too few values for an interval.
  return durationMs * Math.max(1, 2 * (std * apart / task.shift) ** 2);
}

function answerOf(
  figures: readonly PlannedFigure[],
  { effect, power, paired, lengthMs }: Pick<ComparePlan, "effect" | "power" | "paired"> & {
    readonly lengthMs: number;
  },
): readonly string[] {
  const [most] = figures;
  if (most === undefined) return ["nothing was measured that a plan could rest on"];
  const change = `a change of ${formatPercent(effect)} with a power of ${formatPercent(power)}`;
  const known = figures.filter(({ repeats }) => repeats !== undefined);
  const [worst] = known;
  if (worst === undefined) return [`what finds ${change} cannot be told: ${most.reason}`];
  const least = known.at(-1)!;
  const time = (repeats: Count) => formatMs(repeats * 2 * lengthMs);
  const turns = paired ? " by turns" : "";
  return [
    `${plural(worst.repeats!, "repeat")} on each side${turns} find ${change} in ${
      known.length === 1
        ? worst.title
        : `all of ${plural(known.length, "figure")}, ${worst.title} (${worst.load}) asks for most`
    }: ${time(worst.repeats!)} of measuring`,
    ...(least.repeats === worst.repeats ? [] : [
      `${plural(least.repeats!, "repeat")} do for ${least.title} (${least.load})`,
    ]),
    ...(known.length < figures.length
      ? [
        `${figures.length - known.length} of ${
          plural(figures.length, "figure")
        } cannot be planned: ${figures.find(({ repeats }) => repeats === undefined)!.reason}`,
      ]
      : []),
    ...(worst.basis === "within"
      ? [
        "this rests on chance inside single runs, so it is the least: how much runs differ shows only " +
        `in repeats, so measure ${GATE_REPEATS} or more and plan again`,
      ]
      : []),
    ...(worst.durationMs === undefined || worst.basis === "repeats" ? [] : [
      `where runs do not differ by themselves, single runs of ${
        formatMs(worst.durationMs)
      } do as well`,
    ]),
  ];
}
