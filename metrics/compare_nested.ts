/**
 * Repeats inside of several runs: they share what is special to their run, such as a server that was
 * started anew, so that counting each for itself would make a difference between runs look sure.
 *
 * @module
 */
import { type Repeats, type Sample, turnsOf } from "./compare_measured.ts";

/** Fewer runs on a side do not show how much runs differ. */
const RUNS = 3;

/** Whether a side has several runs with repeats inside of them: these share what is special to a run. */
export function isNested(repeats: Repeats): boolean {
  const runs = new Set(repeats.map(({ run }) => run)).size;
  return runs > 1 && runs < repeats.length;
}

/** Whether each run of two sides is one value, the mean of its repeats: where there are runs enough. */
export function runsAreUnits(a: Repeats, b: Repeats): boolean {
  const enough = [a, b].every((side) => new Set(side.map(({ run }) => run)).size >= RUNS);
  return enough && (isNested(a) || isNested(b)) && turnsOf(a, b).length < 2;
}

/** One sample for each run: the mean of its repeats, geometric where all are above 0. */
export function samplesOfRuns(samples: readonly Sample[]): readonly Sample[] {
  const runs = [...new Set(samples.map(({ run }) => run))];
  return runs.map((run): Sample => {
    const own = samples.filter((one) => one.run === run);
    const mean = (values: readonly number[]) =>
      values.every((value) => value > 0)
        ? Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
        : values.reduce((sum, value) => sum + value, 0) / values.length;
    const brackets = own.flatMap(({ bracket }) => bracket ?? []);
    return {
      ...own[0]!,
      value: mean(own.map(({ value }) => value)),
      bracket: brackets.length < own.length ? undefined : {
        low: mean(brackets.map(({ low }) => low)),
        high: mean(brackets.map(({ high }) => high)),
      },
      interval: own.length === 1 ? own[0]!.interval : undefined,
      samples: own.reduce((sum, one) => sum + one.samples, 0),
      repeat: undefined,
    };
  });
}
