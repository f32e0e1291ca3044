/**
 * What the probes of a search say together, and its answer as a sentence.
 *
 * @module
 */
import { judgeProbe } from "./capacity_judge.ts";
import type { ProbedLoad } from "./capacity_measured.ts";
import { type ServiceLevel, serviceLevelText } from "./capacity_level.ts";
import type {
  CapacityAnswer,
  CapacityProbe,
  CapacitySummary,
  ProbeVerdict,
} from "./capacity_result.ts";
import { createCapacitySearch, isWhole, MOST_REPEATS } from "./capacity_search.ts";
import { formatCount, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { FindAxis, RunFind } from "./run_find.ts";

/** A load of the search, measured to its end or cut short by the search itself. */
export type SearchedLoad =
  & ProbedLoad
  & Pick<LoadSummary, "plan" | "interrupted" | "serverLost" | "complete">;

/** Names of the axes' values: one, and many. */
const UNITS: Readonly<Record<FindAxis, readonly [one: string, many: string]>> = {
  rate: ["req/s", "req/s"],
  concurrency: ["user", "users"],
  sessions: ["session", "sessions"],
  speedup: ["× the recorded speed", "× the recorded speed"],
};

/** What the verdict on a load is called. */
export const VERDICT_WORDS: Readonly<Record<ProbeVerdict, string>> = {
  "keeps": "kept",
  "breaks": "broken",
  "undecided": "undecided",
  "client-bound": "client-bound",
};

/** Unit of an axis, e.g. `users`. */
export function axisUnit(axis: FindAxis): string {
  return UNITS[axis][1];
}

/** `6 req/s`, `1 user`, `2.5 × the recorded speed`. */
export function axisText(value: number, axis: FindAxis): string {
  const [one, many] = UNITS[axis];
  return `${numberText(value)} ${value === 1 ? one : many}`;
}

/** Whether a load counts: one that was stopped by hand or lost its server says nothing. */
export function isMeasured({ interrupted, serverLost, complete, counts }: SearchedLoad): boolean {
  return !interrupted && serverLost === undefined && complete && counts.offered > 0;
}

/** The answer of a search from its loads, in the order of measurement. */
export function summarizeCapacity(
  find: RunFind,
  level: ServiceLevel,
  loads: readonly SearchedLoad[],
): CapacitySummary {
  const search = createCapacitySearch(find);
  const { errorPerLook, plannedLooks } = search;
  const probes: CapacityProbe[] = [];
  const seen = new Map<number, { readonly loads: SearchedLoad[]; margin: number | undefined }>();
  for (const [load, one] of loads.entries()) {
    const value = one.plan.probe;
    if (value === undefined || !isMeasured(one)) continue;
    const known = seen.get(value) ?? { loads: [], margin: undefined };
    known.loads.push(one);
    seen.set(value, known);
    const { verdict, reason, margin } = judgeProbe(known.loads, level, errorPerLook);
    known.margin = margin;
    search.add(value, verdict);
    probes.push({
      ...{ load, value, verdict, reason },
      repeat: known.loads.length,
      ratio: margin === undefined ? undefined : Math.exp(-margin),
      cutShort: one.cutShort !== undefined,
    });
  }
  const stopped = loads.some((one) => one.plan.probe === undefined || !isMeasured(one)) ||
    search.next() !== undefined;
  const found = search.answer(stopped);
  const margins = [...seen].map(([value, { margin }]) => ({ value, margin }));
  const answer = { ...found, estimate: estimate(found, margins, find) };
  const { axis, tolerance } = find;
  const serviceLevel = serviceLevelText(level);
  return {
    ...answer,
    ...{ axis, unit: axisUnit(axis), serviceLevel, tolerance, errorPerLook, plannedLooks, probes },
    sentence: sentenceOf(answer, { find, serviceLevel, probes, loads }),
  };
}

/**
 * Where the distance to the limit is zero: between the loads around it a straight line of the
 * logarithms; absent where no interval is known.
 */
function estimate(
  { interval, kept, broke }: CapacityAnswer,
  margins: readonly { readonly value: number; readonly margin: number | undefined }[],
  find: RunFind,
): number | undefined {
  if (interval === undefined || kept === undefined || broke === undefined) return undefined;
  const known = margins.filter(({ value, margin }) =>
    margin !== undefined && value >= kept && value <= broke
  ).toSorted((a, b) => a.value - b.value);
  let crossing: number | undefined;
  for (let i = 0; i + 1 < known.length && crossing === undefined; i++) {
    const [a, b] = [known[i]!, known[i + 1]!];
    if (a.margin! < 0 || b.margin! >= 0) continue;
    const part = a.margin! / (a.margin! - b.margin!);
    crossing = a.value * (b.value / a.value) ** part;
  }
  const value = crossing ?? Math.sqrt(kept * broke);
  const settled = isWhole(find) ? Math.floor(value) : value;
  return Math.min(interval.high, Math.max(interval.low, settled));
}

interface Told {
  readonly find: RunFind;
  readonly serviceLevel: string;
  readonly probes: readonly CapacityProbe[];
  readonly loads: readonly SearchedLoad[];
}

function sentenceOf(answer: CapacityAnswer, told: Told): string {
  const { outcome, kept, broke, estimate, interval } = answer;
  const { find: { axis, highest, lowest }, serviceLevel, probes } = told;
  const text = (value: number | undefined) => axisText(value ?? NaN, axis);
  const bounds = [
    ...(kept === undefined ? [] : [`at least ${text(kept)}`]),
    ...(broke === undefined ? [] : [`less than ${text(broke)}`]),
  ].join(", ");
  const soFar = bounds === "" ? "nothing is known yet of" : `holds ${bounds} within`;
  switch (outcome) {
    case "found":
      return `holds ${text(estimate)} (95 %: ${numberText(interval!.low)}–${
        numberText(interval!.high)
      }) within ${serviceLevel}${remarks(answer, told)}`;
    case "at-least":
      return `holds at least ${text(highest)}, the highest load that was allowed, within ` +
        `${serviceLevel}${remarks(answer, told)}`;
    case "below": {
      const { reason = "" } = probes.findLast(({ value }) => value === broke) ?? {};
      return `does not hold even ${text(lowest)}, the lowest load that was allowed, within ` +
        `${serviceLevel}: ${reason}`;
    }
    case "client-bound": {
      const at = probes.findLast(({ verdict }) => verdict === "client-bound")!;
      return `the client was the limit at ${text(at.value)}, which ended the search: the server ${
        bounds === "" ? `was not measured against ${serviceLevel}` : `${soFar} ${serviceLevel}`
      }; ${at.reason}`;
    }
    case "stopped":
      return `stopped before there was an answer: ${soFar} ${serviceLevel}`;
    case "undecided": {
      const open = probes.findLast(({ verdict }) => verdict === "undecided")?.reason;
      return `undecided: ${soFar} ${serviceLevel}${
        open === undefined ? "" : `; ${open}`
      }; longer probes (--requests, --duration) decide more`;
    }
  }
}

function remarks(answer: CapacityAnswer, { find, probes, loads }: Told): string {
  const { keptAbove, broke, kept, precise, outcome } = answer;
  const texts: string[] = [];
  const kinds = probes.map(({ load }) => loads[load]!.verdict?.kind);
  const near = kinds.filter((kind) => kind === "suspect" || kind === "client-bound").length;
  if (kinds.every((kind) => kind === "ok")) texts.push("the client was not the limit");
  else if (kinds.includes(undefined) || kinds.includes("unknown")) {
    texts.push("what the client had to do with it is not known");
  } else {
    texts.push(
      `the client had a part in ${
        plural(near, "probe")
      }, whose verdicts hold at both ends of its error`,
    );
  }
  if (keptAbove.length > 0) {
    texts.push(
      `${axisText(keptAbove.at(-1)!, find.axis)} kept it although ${
        axisText(broke!, find.axis)
      } broke it: the lower one counts`,
    );
  }
  if (outcome === "found" && !precise) {
    const last = new Map(probes.map(({ value, verdict }) => [value, verdict]));
    const open = [...last].filter(([value, verdict]) =>
      verdict === "undecided" && value > kept! && value < broke!
    ).length;
    texts.push(
      open === 0
        ? "the interval is wider than was asked for"
        : `${plural(open, "load")} between them stayed undecided after ${
          formatCount(MOST_REPEATS)
        } probes each: longer ones (--requests, --duration) decide more`,
    );
  }
  return texts.map((text) => `; ${text}`).join("");
}

/** Three digits, or all of a whole number. */
function numberText(value: number): string {
  return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(3)));
}
