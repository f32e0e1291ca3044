/**
 * What a search was asked for, and the examples of its loads that a plan is made from.
 *
 * @module
 */
import type { RunFind } from "../metrics/run_find.ts";
import {
  searchedPercentiles,
  type ServiceLevel,
  whyNotSearched,
} from "../metrics/capacity_level.ts";
import { minimumSamples } from "../metrics/stat_quantile.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { MEASURE_OPTIONS } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { chooseDataset } from "./datasets.ts";
import { UserError } from "./user_error.ts";

/** What is asked, as options give it. */
export interface FindValues {
  readonly find?: "concurrency" | "rate" | undefined;
  readonly sweep?: "auto" | undefined;
  readonly slo?: string | undefined;
  /** Share of requests, 0 to 1. */
  readonly attainment?: number | undefined;
  /** In percent, e.g. `5%`. */
  readonly tolerance?: string | undefined;
  /** In percent. */
  readonly maxFailures?: number | undefined;
  readonly concurrency?: readonly number[] | undefined;
  readonly rate?: readonly number[] | undefined;
  readonly requests?: number | undefined;
  readonly duration?: number | undefined;
}

/** Which dataset is sent. */
interface DatasetValues {
  readonly dataset?: string | undefined;
  readonly datasetPath?: string | undefined;
}

/** A search as it was asked for; what it raises follows from the plan. */
export interface AskedFind extends Pick<RunFind, "goal" | "tolerance" | "maxFailures"> {
  /** Absent for a curve. */
  readonly level: ServiceLevel | undefined;
  /** The service level as it was written. */
  readonly slo: string | undefined;
  readonly what: "concurrency" | "rate";
  /** Loads that were given: the first, or the lowest and the highest; empty = none. */
  readonly given: readonly number[];
  /** Requests of a probe at least; absent = its duration or its recording ends it. */
  readonly requests: number | undefined;
  /** The length of a probe was given: it is not made longer. */
  readonly fixed: boolean;
}

/** Without them. */
const USUAL_ATTAINMENT = 0.99;
const USUAL_TOLERANCE = "5%";
/** Requests of a probe, at least, and as a multiple of those that a percentile needs to exist. */
const LEAST_REQUESTS = 200;
const TIMES_NEEDED = 10;
/** Requests of a load of a curve. */
const CURVE_REQUESTS = 100;
/** Examples of users that a plan is made from where nobody gave a range. */
const EXAMPLES = { concurrency: [8, 64], rate: [1, 64] } as const;

/** Reads what is asked; absent = nothing is. @throws {UserError} for what cannot be searched by. */
export function planFind(values: FindValues): AskedFind | undefined {
  const { find, sweep, slo, maxFailures = 0, requests, duration } = values;
  if (find === undefined && sweep === undefined) return undefined;
  const what = find ?? (values.rate === undefined ? "concurrency" : "rate");
  const level = find === undefined ? undefined : planLevel(values);
  const fixed = requests !== undefined || duration !== undefined;
  const usual = level === undefined ? CURVE_REQUESTS : usualRequests(level);
  if (level !== undefined && requests !== undefined) checkEnough(level, requests);
  return {
    goal: find === undefined ? "curve" : "capacity",
    ...{ level, what, fixed },
    slo: find === undefined ? undefined : slo,
    tolerance: readTolerance(values.tolerance ?? USUAL_TOLERANCE),
    maxFailures: maxFailures / 100,
    given: planGiven(values, what, find === undefined ? "--sweep auto" : `--find ${what}`),
    requests: fixed ? requests : usual,
  };
}

function planLevel(values: FindValues): ServiceLevel {
  const { slo = "", attainment = USUAL_ATTAINMENT, maxFailures = 0 } = values;
  let parsed: ReturnType<typeof parseSlo>;
  try {
    parsed = parseSlo(slo);
  } catch (error) {
    throw new UserError((error as Error).message.replace(/^Cannot use SLO/, "Cannot use --slo"));
  }
  for (const limit of parsed.ofLoad ?? []) {
    const why = whyNotSearched(limit);
    if (why !== undefined) throw new UserError(`Cannot search by --slo "${slo}": ${why}`);
  }
  return { ...parsed, attainment, maxFailures: maxFailures / 100 };
}

function usualRequests(level: ServiceLevel): number {
  const most = Math.max(
    0,
    ...searchedPercentiles(level).map(minimumSamples),
    // A share of 99 % is as hard to tell as p99.
    level.limits.length > 0 && level.attainment < 1 ? minimumSamples(100 * level.attainment) : 0,
  );
  return Math.max(LEAST_REQUESTS, Math.ceil(TIMES_NEEDED * most));
}

function checkEnough(level: ServiceLevel, requests: number): void {
  const needed = Math.max(0, ...searchedPercentiles(level).map(minimumSamples));
  if (requests >= needed) return;
  throw new UserError(
    `Cannot use --requests ${requests} for the probes of a search: a percentile of its --slo needs ` +
      `${needed}, better ${usualRequests(level)}`,
  );
}

function readTolerance(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*%?\s*$/.exec(text);
  const percent = match === null ? NaN : Number(match[1]);
  if (percent >= 0.1 && percent <= 50) return percent / 100;
  throw new UserError(
    `Cannot use --tolerance "${text}": give a percentage from 0.1% to 50%, e.g. 5%`,
  );
}

function planGiven(
  { concurrency, rate }: FindValues,
  what: AskedFind["what"],
  asked: string,
): readonly number[] {
  const other = what === "rate" ? concurrency : rate;
  if (other !== undefined) {
    const [theirs, ours] = what === "rate"
      ? ["--concurrency", "--rate"]
      : ["--rate", "--concurrency"];
    throw new UserError(`Cannot use ${asked} with ${theirs}: its loads are those of ${ours}`);
  }
  const given = (what === "rate" ? rate : concurrency) ?? [];
  const text = given.join(",");
  if (given.length > 2) {
    throw new UserError(
      `Cannot use ${asked} with --${what} ${text}: give the first load, or the lowest and the highest`,
    );
  }
  if (given.includes(Infinity)) {
    throw new UserError(`Cannot use ${asked} with --${what} ${text}: a search needs finite rates`);
  }
  if (given.length === 2 && given[0]! >= given[1]!) {
    throw new UserError(
      `Cannot use ${asked} with --${what} ${text}: the lowest load comes first, then the highest`,
    );
  }
  return given;
}

/**
 * Values from which a plan is made whose loads are examples.
 *
 * @throws {UserError} for a range of rates where a recording has a speed.
 */
export async function exampleValues<T extends FindValues & DatasetValues>(
  values: T,
  asked: AskedFind,
): Promise<T> {
  const { what, given, requests } = asked;
  const { hasSessions = false } = await chooseDataset(
    values.dataset ?? MEASURE_OPTIONS.dataset.default as string,
    values.datasetPath,
  );
  // A recording says itself when its requests leave, and where it ends.
  if (hasSessions && what === "rate") {
    if (given.length === 0) return values;
    throw new UserError(
      `Cannot use --rate ${given.join(",")} with a recording: --speedup is its first speed`,
    );
  }
  const loads = given.length === 0 ? EXAMPLES[what] : given;
  const examples = { ...values, [what]: [...loads] };
  return requests === undefined ? examples : { ...examples, requests };
}

/** What the plan raises. @throws {UserError} where a recording has no such load. */
export function axisOf(
  { what }: AskedFind,
  { replay }: Pick<BenchPlan, "replay">,
): RunFind["axis"] {
  if (replay === undefined) return what;
  if (replay.mode === "sessions") {
    if (what === "concurrency") return "sessions";
    throw new UserError(
      "Cannot search a recording's sessions by rate: they wait for their answers, use concurrency",
    );
  }
  if (what === "rate") return "speedup";
  throw new UserError(
    "Cannot search a recorded schedule by concurrency: its requests leave at instants, use rate, " +
      "which raises its speed",
  );
}
