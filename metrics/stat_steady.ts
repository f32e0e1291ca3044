/**
 * From where on several courses of one load are steady.
 *
 * Each course gives the end of its warm-up; the latest counts. Behind it none may have a trend.
 *
 * @module
 */
import { quantile, sortValues } from "./stat_quantile.ts";
import { findTrend } from "./stat_steady_trend.ts";
import { warmupLength } from "./stat_steady_warmup.ts";

/** One course over cells of equal length. */
export interface Course {
  /** A value for each cell; absent where nothing happened that has one. */
  readonly values: readonly (number | undefined)[];
  /** A change by less is none, in the unit of the values. */
  readonly negligible: number;
}

/** What was found of a course. */
export interface CourseFinding {
  /** Cells of warm-up; absent = it does not end in the first half, or there are too few values. */
  readonly warmup: number | undefined;
  /** Change over the steady cells by their slope, as a share of their median; absent = not tested. */
  readonly change: number | undefined;
  /** How often chance alone makes a trend as clear; absent = not tested. */
  readonly pValue: number | undefined;
  /** Chance alone hardly makes such a trend, and it is large enough to matter. */
  readonly trend: boolean;
}

/** Where it is steady. */
export interface SteadyFinding {
  /** First steady cell, up to the end; absent = none. */
  readonly from: number | undefined;
  /** One for each course. */
  readonly courses: readonly CourseFinding[];
}

/** Fewer values of a course tell nothing. */
export const LEAST_COURSE_VALUES = 10;

/** A change over the steady cells by a smaller share of the median does not matter. */
export const NEGLIGIBLE_SHARE = 0.05;

/** A trend that chance alone makes more often is none. */
export const TREND_LEVEL = 0.01;

/**
 * Finds the steady cells of courses that have equally many: behind the warm-up of all, or, where a trend
 * shows that it lasts longer, behind all that its rule cut.
 */
export function findSteady(courses: readonly Course[]): SteadyFinding {
  const known = courses.map(({ values }) =>
    values.flatMap((value, cell) => value === undefined ? [] : [{ value, cell }])
  );
  const few = known.some(({ length }) => length < LEAST_COURSE_VALUES);
  const warmups = few ? [] : courses.map(({ negligible }, i) => {
    const points = known[i]!;
    const { length, cut } = warmupLength(points.map(({ value }) => value), {
      negligibleShare: NEGLIGIBLE_SHARE,
      negligible,
    });
    // The cells before the first value are nobody's warm-up.
    const cellOf = (value: number) => value === 0 ? 0 : points[value]!.cell;
    return { length: cellOf(length), cut: cellOf(cut) };
  });
  const starts = few ? [] : [
    Math.max(...warmups.map(({ length }) => length)),
    Math.max(...warmups.map(({ cut }) => cut)),
  ];
  let tested: readonly CourseFinding[] = courses.map(() => UNTESTED);
  for (const from of starts) {
    const found = courses.map(({ negligible }, i): CourseFinding => {
      const values = known[i]!.filter(({ cell }) => cell >= from).map(({ value }) => value);
      const warmup = from === starts[0] ? warmups[i]!.length : warmups[i]!.cut;
      return { warmup, ...testTrend(values, negligible) };
    });
    if (found.every(({ trend }) => !trend)) return { from, courses: found };
    if (from === starts[0]) tested = found;
  }
  return { from: undefined, courses: tested };
}

const UNTESTED: CourseFinding = {
  ...{ warmup: undefined, change: undefined, pValue: undefined },
  trend: false,
};

function testTrend(values: readonly number[], negligible: number): Omit<CourseFinding, "warmup"> {
  const middle = Math.abs(quantile(sortValues(values), 50) ?? 0);
  const { change, pValue } = findTrend(values);
  const matters = Math.abs(change) > Math.max(negligible, NEGLIGIBLE_SHARE * middle);
  return {
    change: middle === 0 ? undefined : change / middle,
    pValue,
    trend: pValue < TREND_LEVEL && matters,
  };
}
