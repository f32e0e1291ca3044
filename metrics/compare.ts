/**
 * Whether runs differ: each figure of each load with what chance and the client leave open.
 *
 * @module
 */
import { answerOf } from "./compare_answer.ts";
import { alongChange, type Change, changeOf, sideValue } from "./compare_change.ts";
import { loadDifferences, OWN_OPTIONS, refusal, runDifferences } from "./compare_differences.ts";
import { judgeGate, missingGate } from "./compare_gate.ts";
import { measuredLoads, type Repeats, samplesOf, usedRepeats } from "./compare_measured.ts";
import { runsAreUnits, samplesOfRuns } from "./compare_nested.ts";
import {
  COMPARE_SCHEMA,
  type ComparedFigure,
  type ComparedLoad,
  type CompareOptions,
  type CompareSide,
  type Comparison,
  type Difference,
  type GateResult,
  type SideValue,
} from "./compare_result.ts";
import { holm, judge } from "./compare_verdict.ts";
import { remarksOf } from "./compare_remarks.ts";
import { type Figure, findFigure, HEADLINE_FIGURES } from "./figure.ts";
import { formatPercentile } from "./format.ts";

/** Share of a figure that does not matter, unless another is asked for. */
export const DEFAULT_MARGIN = 0.03;

/** Share of the requests that may fail, unless another is asked for. */
const MAX_FAILURES = 0.01;

/** A figure of a load on two sides, before it is judged. */
interface Found {
  readonly figure: Figure;
  readonly a: SideValue;
  readonly b: SideValue;
  readonly change: Change | undefined;
}

/** A load on two sides, before it is judged. */
interface Matched extends Pick<ComparedLoad, "label" | "side" | "repeats" | "refused"> {
  readonly sides: readonly [Repeats, Repeats];
  readonly found: readonly Found[];
}

/**
 * Compares the first side with each of the others: what differs besides, then per load and figure the
 * change with its interval and a verdict, then the limits of a gate.
 *
 * `better` and `worse` take a 95 % interval without "no change" in it, and a p-value of at most 5 % by
 * Holm over the figures that are judged together: those of a gate, else those of the load. `same` takes
 * the whole interval within the margin. What the client's stamps leave open has to agree.
 *
 * @throws {RangeError} when there are fewer than two sides, a side has no runs, a figure is unknown, or
 * margin or failures are not from 0 to below 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer, summarize } from "@tokometer/tokometer";
 * import { compareRuns } from "@tokometer/tokometer/metrics";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const run = await measureBench(server.url, { concurrency: [1], requests: 4 });
 * await server.stop();
 * const runs = [summarize(run)];
 * const { loads } = compareRuns([{ name: "before", runs }, { name: "after", runs }]);
 * assertEquals(loads.map(({ label, repeats }) => [label, ...repeats]), [["1 user", 1, 1]]);
 * ```
 */
export function compareRuns(
  sides: readonly CompareSide[],
  options: CompareOptions = {},
): Comparison {
  const { margin = DEFAULT_MARGIN, maxFailures = MAX_FAILURES, gate = [] } = options;
  const { singleRun = false } = options;
  checkOptions(sides, { margin, maxFailures });
  const gated = gate.map(({ figure }) => figure);
  const figures = figuresOf([
    ...(options.figures ?? HEADLINE_FIGURES.map(({ name }) => name)),
    ...gated,
  ]);
  const differences: Difference[] = [...runDifferences(sides)];
  const [first, ...others] = sides.map((side) => ({ side, loads: measuredLoads(side) }));
  const sameTokens = !differences.some(({ what, values }) =>
    what === "model" || what === "protocol" ||
    (what === OWN_OPTIONS && values.some((one) => /model|protocol/.test(one)))
  );
  const matched = others.flatMap(({ side, loads }) =>
    [...first!.loads.keys()].filter((label) => loads.has(label)).map((label): Matched => {
      const own = [first!.loads.get(label)!, loads.get(label)!] as const;
      const told = loadDifferences(own, { label, maxFailures, sameTokens });
      const names = [first!.side.name, side.name];
      differences.push(...told.map((one) => namedValues(one, { names, sides })));
      return matchLoad(own, { label, side: side.name, figures, refused: refusal(told) });
    })
  );
  const missing = others.flatMap(({ side, loads }) =>
    [...first!.loads.keys()].filter((label) => !loads.has(label))
      .map((label) => ({ label, side: side.name }))
  );
  differences.sort((one, other) => Number(other.fatal) - Number(one.fatal));
  const unmatched = unmatchedLoads([first!, ...others]);
  const refused = refusal(differences.filter(({ load }) => load === undefined)) ??
    (matched.length === 0
      ? `no load is on both sides: ${unmatched.join("; ")}`
      : matched.every((one) => one.refused !== undefined)
      ? [...new Set(matched.map((one) => `${one.label}, ${one.refused}`))].join("; ")
      : undefined);
  const judged = refused === undefined
    ? judgeLoads(matched, { margin, gated })
    : matched.map((one) => judgeLoad(one, { margin, adjusted: [], families: [] }));
  const told: Omit<Comparison, "answer" | "remarks"> = {
    schema: COMPARE_SCHEMA,
    sides: sides.map(({ name, runs }) => ({ name, runs: runs.length })),
    ...{ margin, differences, refused, loads: judged, unmatched },
    gate: refused === undefined
      ? [
        ...gateResults(matched, { gate, singleRun }),
        // A candidate that lacks a load of the baseline has not shown that it keeps the limit there.
        ...missing.flatMap((load) => gate.map((limit) => missingGate(limit, load))),
      ]
      : [],
  };
  return {
    ...told,
    answer: answerOf(told),
    remarks: refused === undefined
      ? remarksOf(told, {
        repeats: matched.map((one) => one.sides),
        ...{ maxFailures, gated: gate.length > 0, singleRun },
      })
      : [],
  };
}

/** Percentiles that summaries need for these figures and this gate, besides the default ones. */
export function comparePercentiles(
  { figures = [], gate = [] }: Pick<CompareOptions, "figures" | "gate">,
): readonly number[] {
  const names = [...figures, ...gate.map(({ figure }) => figure)];
  return [
    ...new Set(names.flatMap((name) => {
      const p = /:p(\d+(?:\.\d+)?)$/.exec(name);
      return p === null ? [] : [Number(p[1])];
    })),
  ];
}

function checkOptions(
  sides: readonly CompareSide[],
  { margin, maxFailures }: { readonly margin: number; readonly maxFailures: number },
): void {
  if (sides.length < 2) throw new RangeError("Cannot compare one side: give two or more");
  const empty = sides.find(({ runs }) => runs.length === 0);
  if (empty !== undefined) throw new RangeError(`Cannot compare ${empty.name}: it has no runs`);
  for (const [what, share] of [["margin", margin], ["share of failures", maxFailures]] as const) {
    if (!(share >= 0 && share < 1)) {
      throw new RangeError(`Cannot use a ${what} of ${share}: give a share from 0 to below 1`);
    }
  }
}

/**
 * Figures by their names, each once.
 *
 * @throws {RangeError} when one is unknown.
 */
export function figuresOf(names: readonly string[]): readonly Figure[] {
  const found = names.map((name) => {
    const figure = findFigure(name);
    if (figure !== undefined) return figure;
    const known = HEADLINE_FIGURES.map((one) => one.name).join(", ");
    throw new RangeError(
      `Cannot compare figure "${name}": there is no such figure; known are ${known}, and every ` +
        `other metric with mean or a percentile, such as schedule_delay:${formatPercentile(99)}`,
    );
  });
  return found.filter((one, i) => found.findIndex(({ name }) => name === one.name) === i);
}

/** Values of two sides in the places of all sides. */
function namedValues(
  difference: Difference,
  { names, sides }: { readonly names: readonly string[]; readonly sides: readonly CompareSide[] },
): Difference {
  if (sides.length === 2) return difference;
  const values = sides.map(({ name }) => difference.values[names.indexOf(name)] ?? "");
  return { ...difference, values };
}

function matchLoad(
  sides: readonly [Repeats, Repeats],
  { label, side, figures, refused }: Pick<Matched, "label" | "side" | "refused"> & {
    readonly figures: readonly Figure[];
  },
): Matched {
  const whole = sides.map(usedRepeats) as [Repeats, Repeats];
  const byRun = runsAreUnits(...whole);
  const found = figures.flatMap((figure): readonly Found[] => {
    const [a = [], b = []] = whole.map((repeats) => {
      const samples = samplesOf(repeats, figure);
      return byRun ? samplesOfRuns(samples) : samples;
    });
    if (a.length === 0 && b.length === 0) return [];
    const change = a.length === 0 || b.length === 0 ? undefined : changeOf(a, b);
    const values = { a: sideValue(a), b: sideValue(b) };
    return [{ figure, ...(change === undefined ? values : alongChange(values, change)), change }];
  });
  const repeats = [whole[0].length, whole[1].length] as const;
  return { label, side, refused, sides: whole, repeats, found };
}

/** Loads that only some sides have: `16 users: only a`. */
function unmatchedLoads(
  sides: readonly { readonly side: CompareSide; readonly loads: ReadonlyMap<string, Repeats> }[],
): readonly string[] {
  const labels = new Set(sides.flatMap(({ loads }) => [...loads.keys()]));
  return [...labels].flatMap((label) => {
    const have = sides.filter(({ loads }) => loads.has(label));
    return have.length === sides.length
      ? []
      : [`${label}: only ${have.map(({ side }) => side.name).join(", ")}`];
  });
}

/** Figures of a gate are judged together over all loads and sides, the others over their load. */
function judgeLoads(
  matched: readonly Matched[],
  { margin, gated }: { readonly margin: number; readonly gated: readonly string[] },
): readonly ComparedLoad[] {
  const isGated = ({ figure }: Found) => gated.includes(figure.name);
  const compared = matched.filter(({ refused }) => refused === undefined);
  const together = compared.flatMap(({ found }) => found.filter(isGated));
  const adjustedTogether = holm(together.map(({ change }) => change?.pValue));
  return matched.map((load) => {
    const own = holm(load.found.map(({ change }) => change?.pValue));
    const adjusted = load.found.map((one, i) =>
      isGated(one) ? adjustedTogether[together.indexOf(one)] : own[i]
    );
    const families = load.found.map((one) => isGated(one) ? together.length : load.found.length);
    return judgeLoad(load, { margin, adjusted, families });
  });
}

function judgeLoad(
  { label, side, repeats, refused, found }: Matched,
  { margin, adjusted, families }: {
    readonly margin: number;
    readonly adjusted: readonly (number | undefined)[];
    readonly families: readonly number[];
  },
): ComparedLoad {
  const figures = found.map(({ figure, a, b, change }, i): ComparedFigure => {
    const { name, title, unit, better } = figure;
    const family = families[i];
    const adjustedPValue = adjusted[i];
    const judgement = family === undefined || refused !== undefined
      ? { verdict: "undecided", reason: "not compared" } as const
      : judge({ a, b, change, adjustedPValue, family }, { better, margin });
    return {
      ...{ name, title, unit, better, a, b },
      difference: change?.difference,
      ratio: change?.ratio,
      paired: change?.paired ?? false,
      chance: change?.chance ?? "within",
      pValue: change?.pValue,
      adjustedPValue,
      ...judgement,
    };
  });
  return { label, side, repeats, refused, figures };
}

function gateResults(
  matched: readonly Matched[],
  { gate, singleRun }: Required<Pick<CompareOptions, "gate" | "singleRun">>,
): readonly GateResult[] {
  return matched.flatMap((load) =>
    gate.map((limit) => {
      const found = load.found.find(({ figure }) => figure.name === limit.figure);
      const none: SideValue = sideValue([]);
      const { a = none, b = none, change } = found ?? {};
      return judgeGate(limit, { a, b, change, load, singleRun });
    })
  );
}
