/**
 * The points of a course: as many as are kept, thinned as they become more, the newest always among them.
 *
 * @module
 */

/** A value at each point; `null` = none. */
export type PointValues = readonly (number | null)[];

/** A course of one series. */
export interface PointLine {
  /** Sets the value of the newest point. */
  set(value: number): void;
  /** A value for each point. */
  readonly values: PointValues;
}

/** Points in time with the values of several series. */
export interface Points {
  /** When they were. */
  readonly timeMs: readonly number[];
  /** Begins the next point. */
  next(atMs: number): void;
  /** Adds a series, which had no values so far. */
  line(): PointLine;
}

/** `most` is an even number. */
export function keepPoints(most: number): Points {
  const timeMs: number[] = [];
  const lines: (number | null)[][] = [];
  let seen = 0;
  /** Of so many one is kept; doubled whenever there is no more room. */
  let each = 1;
  /** The newest one gives way to the next. */
  let passing = false;
  return {
    timeMs,
    next(atMs) {
      const all: unknown[][] = [timeMs, ...lines];
      if (passing) { for (const list of all) list.pop(); }
      if (timeMs.length === most) {
        for (const list of all) list.splice(0, most, ...list.filter((_, i) => i % 2 === 0));
        each *= 2;
      }
      passing = seen++ % each !== 0;
      timeMs.push(atMs);
      for (const line of lines) line.push(null);
    },
    line() {
      const values: (number | null)[] = timeMs.map(() => null);
      lines.push(values);
      return {
        set: (value) => values[values.length - 1] = value,
        values,
      };
    },
  };
}
