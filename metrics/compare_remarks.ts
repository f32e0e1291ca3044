/**
 * What the reader has to know about a comparison.
 *
 * @module
 */
import { failureRule } from "./compare_differences.ts";
import { GATE_REPEATS } from "./compare_gate.ts";
import { isOneOrder, type Repeats, turnsOf } from "./compare_measured.ts";
import { isNested, runsAreUnits } from "./compare_nested.ts";
import type { Comparison } from "./compare_result.ts";
import { LEVEL } from "./compare_verdict.ts";
import { timeSplitRemark } from "./compare_time_split.ts";
import { formatPercent } from "./compare_words.ts";
import { plural } from "./format.ts";

/** What remarks are about, besides the comparison itself. */
export interface Remarked {
  /** Repeats of each load on two sides. */
  readonly repeats: readonly (readonly [Repeats, Repeats])[];
  /** Largest share of requests that may fail. */
  readonly maxFailures: number;
  /** Limits were given. */
  readonly gated: boolean;
  /** Single runs may decide a gate. */
  readonly singleRun: boolean;
}

/** Remarks, each a sentence without a period. */
export function remarksOf(
  { loads, sides, differences, margin, unmatched }: Omit<Comparison, "answer" | "remarks">,
  { repeats, maxFailures, gated, singleRun }: Remarked,
): readonly string[] {
  const fewest = Math.min(...loads.flatMap(({ repeats }) => repeats));
  const most = Math.max(...loads.flatMap(({ repeats }) => repeats));
  const oneOrder = repeats.some(([a, b]) => isOneOrder(a, b));
  const nested = repeats.filter(([a, b]) =>
    (isNested(a) || isNested(b)) && turnsOf(a, b).length < 2
  );
  const paired = loads.some(({ figures }) => figures.some((one) => one.paired));
  const single = repeats.filter(([a, b]) => Math.max(a.length, b.length) === 1).flat(2);
  const absent = new Set(single.flatMap(({ load }) => load.sampling.absent ?? []));
  const [first] = sides;
  return [
    ...(most <= 1
      ? [
        "each side is a single run: how much runs differ from each other is not in these " +
        "intervals, so a change may be one of two runs and not of what they measured; repeats show it" +
        (gated && singleRun ? ", which --single-run waived" : ""),
      ]
      : fewest <= 1
      ? [
        "one side is a single run, whose spread is taken to be that of the other side's repeats",
      ]
      : fewest < GATE_REPEATS
      ? [
        `with ${fewest} repeats the intervals are wide and rest on little: ${GATE_REPEATS} are the ` +
        "least for a gate, 5 are better",
      ]
      : []),
    ...(most > 1 && fewest > 1 && !paired
      ? [
        "repeats were not measured by turns of the sides: a drift of the server or the machine " +
        "between them is part of the change",
      ]
      : []),
    ...(paired
      ? [
        "repeats were measured by turns of the sides: their pairs are compared, so drift cancels out",
      ]
      : []),
    ...(nested.some(([a, b]) => runsAreUnits(a, b))
      ? ["each run is one value, the mean of its repeats: these share what is special to their run"]
      : nested.length > 0
      ? [
        "repeats of several runs are taken for runs of their own: what differs from run to run, and " +
        "not within one, shows only in three or more runs on each side",
      ]
      : []),
    ...(oneOrder
      ? [
        `${first?.name} was always measured first, so a drift within the pairs is part of the change`,
      ]
      : []),
    ...[...absent].map((reason) => `no interval of chance inside a run: ${reason}`),
    ...(differences.some(({ what, fatal }) => what === "failed requests" && fatal)
      ? [failureRule(maxFailures)]
      : []),
    ...(unmatched.length > 0
      ? [`not compared, as not every side has it: ${unmatched.join("; ")}`]
      : []),
    ...loads.flatMap(({ label, side }, i) =>
      timeSplitRemark(repeats[i]!, { label, sides: [first?.name ?? "", side] }) ?? []
    ),
    `same: the whole 95 % interval lies within ±${
      formatPercent(margin)
    }; better and worse: it lies ` +
    `beyond no change, and p is at most ${formatPercent(LEVEL)} by Holm over ${
      gated ? "the gated figures" : "the figures of the load"
    }`,
    ...(!gated && new Set(loads.map(({ label }) => label)).size > 1
      ? [
        `each load is judged by itself: of ${
          plural(loads.length, "load")
        } without any change one in twenty may still show one`,
      ]
      : []),
  ];
}
