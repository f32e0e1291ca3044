/**
 * Why another tool's figure differs from ours: our definitions are switched to theirs one at a time, and
 * each switch is charged with what it changes. The sizes of a figure's causes add up to the difference.
 *
 * @module
 */
import {
  CAUSES,
  type Definitions,
  type Dialect,
  type DialectFigure,
  type DialectLoad,
  type DialectOwnFigure,
  OUR_DEFINITIONS,
} from "./dialect.ts";
import { DEPENDS, DialectValues } from "./dialect_values.ts";

/** One figure of a dialect, beside ours. */
export interface SpokenFigure {
  /** As the tool's file names it. */
  readonly name: string;
  /** As the tool prints it. */
  readonly title: string;
  /** Unit of all values here. */
  readonly unit: string;
  /** By the tool's definitions; absent = it has none. */
  readonly theirs: number | undefined;
  /** By ours; absent = there is none. */
  readonly ours: number | undefined;
  /** How the tool makes a figure that ours has no counterpart to. */
  readonly how?: string;
}

/** What one definition changes in a figure. */
export interface ExplainedCause {
  /** The definition. */
  readonly definition: keyof Definitions;
  /** What it is about, e.g. `first counted event`. */
  readonly title: string;
  /** Our choice in words. */
  readonly ours: string;
  /** Theirs. */
  readonly theirs: string;
  /** What the switch adds, in the figure's unit; absent = there is no value before or after it. */
  readonly size: number | undefined;
}

/** A figure and why it differs. */
export interface ExplainedFigure extends SpokenFigure {
  /** Definitions that differ, in the order in which they were switched, without those that change nothing. */
  readonly causes: readonly ExplainedCause[];
}

/** The figures of a load in a dialect, beside ours. */
export function speakFigures(dialect: Dialect, load: DialectLoad): readonly SpokenFigure[] {
  const values = new DialectValues(load);
  const theirs = dialect.definitions(load.header);
  return dialect.figures(load).map((figure) => spoken(figure, { load, values, theirs }));
}

/** The figures of a load in a dialect, and why each differs from ours. */
export function explainFigures(dialect: Dialect, load: DialectLoad): readonly ExplainedFigure[] {
  const values = new DialectValues(load);
  const theirs = dialect.definitions(load.header);
  return dialect.figures(load).map((figure) => ({
    ...spoken(figure, { load, values, theirs }),
    causes: "of" in figure ? [] : causesOf(figure, { values, theirs }),
  }));
}

function spoken(
  figure: DialectFigure | DialectOwnFigure,
  { load, values, theirs }: {
    readonly load: DialectLoad;
    readonly values: DialectValues;
    readonly theirs: Definitions;
  },
): SpokenFigure {
  const { name, title, unit } = figure;
  if ("of" in figure) {
    return { name, title, unit, theirs: figure.of(load), ours: undefined, how: figure.how };
  }
  return {
    ...{ name, title, unit },
    theirs: values.figure(figure, { ...theirs, ...figure.differs }),
    ours: values.figure(figure, OUR_DEFINITIONS),
  };
}

function causesOf(
  figure: DialectFigure,
  { values, theirs }: { readonly values: DialectValues; readonly theirs: Definitions },
): readonly ExplainedCause[] {
  const goal = { ...theirs, ...figure.differs };
  const causes: ExplainedCause[] = [];
  let now = OUR_DEFINITIONS;
  let value = values.figure(figure, now);
  for (const name of Object.keys(CAUSES) as (keyof Definitions)[]) {
    if (goal[name] === now[name] || !matters(figure, name)) continue;
    const next = { ...now, [name]: goal[name] };
    const then = values.figure(figure, next);
    if (then !== value) {
      const { title, choices } = CAUSES[name] as { title: string; choices: Record<string, string> };
      causes.push({
        definition: name,
        title,
        ours: choices[now[name]]!,
        theirs: choices[goal[name]]!,
        size: value === undefined || then === undefined ? undefined : then - value,
      });
    }
    now = next;
    value = then;
  }
  return causes;
}

/** Whether a definition can change a figure at all. */
function matters({ quantity, statistic }: DialectFigure, name: keyof Definitions): boolean {
  if (name === "percentiles") return typeof statistic === "number";
  if (name === "duration") return statistic === "rate";
  return DEPENDS[quantity].includes(name);
}
