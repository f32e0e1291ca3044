/**
 * The loads of a search: in which range, how long each, and how long all of them take.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import {
  createCapacitySearch,
  foreseeSearch,
  MOST_REPEATS,
  settable,
} from "../metrics/capacity_search.ts";
import { serviceLevelText } from "../metrics/capacity_level.ts";
import { axisText } from "../metrics/capacity_summary.ts";
import { formatCount, plural } from "../metrics/format.ts";
import type { RunFind } from "../metrics/run_find.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { AskedFind } from "./find_plan.ts";
import type { Load } from "./load.ts";
import type { DecidedLoad } from "./run_finder.ts";

/** Loads without a range that was given: first, and how far from it at most. */
const FIRST_USERS = 8;
const MOST_USERS = 1024;
/** Requests in flight in the first load of a rate, about. */
const FIRST_IN_FLIGHT = { capacity: 4, curve: 0.5 } as const;
const LOWER_BY = 64;
const HIGHER_BY = 1024;
/** A probe takes at least so long, unless its length was given. */
const LEAST_MS = 10_000;
/** And has so many requests of each user, at least and at most. */
const LEAST_PER_USER = 4;
const MOST_PER_USER = 20;

/** Where the limit is imagined to be when the length of the search is told beforehand. */
const IMAGINED_RATIO = 8;

/** What loads are made from. */
export interface LoadSource {
  /** Its first load is the example of all. */
  readonly plan: Pick<BenchPlan, "loads" | "stops">;
  /** How long a request takes alone; 0 = not known. */
  readonly answerMs: number;
}

/** The range that was given, or one around what a request takes alone. */
export function rangeOf(
  { given, goal }: Pick<AskedFind, "given" | "goal">,
  axis: RunFind["axis"],
  { plan, answerMs }: LoadSource,
): Pick<RunFind, "first" | "lowest" | "highest"> {
  const [low, high] = given;
  if (low !== undefined && high !== undefined) return { first: low, lowest: low, highest: high };
  const curve = goal === "curve";
  if (axis === "concurrency" || axis === "sessions") {
    const first = low ?? (curve ? 1 : FIRST_USERS);
    return { first, lowest: curve ? first : 1, highest: Math.max(MOST_USERS, first * 16) };
  }
  const example = plan.loads[0]!;
  const first = low ??
    (example.kind === "replay"
      ? example.speedup
      : Number((FIRST_IN_FLIGHT[goal] * 1000 / Math.max(1, answerMs)).toPrecision(2)));
  return {
    first,
    lowest: curve ? first : settable(first / LOWER_BY, { axis }),
    highest: settable(first * HIGHER_BY, { axis }),
  };
}

/** A load of the search, and when it stops: each repeat is twice as long as the one before it. */
export function loadAt(
  value: number,
  asked: Pick<AskedFind, "requests" | "fixed">,
  source: LoadSource & { readonly repeat?: number },
): Pick<DecidedLoad, "load" | "stop"> {
  const { load, stop } = firstAt(value, asked, source);
  const longer = 2 ** ((source.repeat ?? 1) - 1);
  const { requests, durationMs } = stop;
  return {
    load,
    stop: {
      ...stop,
      ...defined({
        requests: requests && requests * longer,
        durationMs: durationMs && durationMs * longer,
      }),
    },
  };
}

function firstAt(
  value: number,
  { requests, fixed }: Pick<AskedFind, "requests" | "fixed">,
  { plan, answerMs }: LoadSource,
): Pick<DecidedLoad, "load" | "stop"> {
  const load = raised(plan.loads[0]!, value);
  const given = plan.stops[0] ?? {};
  if (requests === undefined) return { load, stop: given };
  const users = load.kind === "open" ? 0 : load.users;
  const enough = Math.max(requests, LEAST_PER_USER * users);
  if (fixed) return { load, stop: { ...given, requests: enough } };
  const inTime = load.kind === "open"
    ? load.ratePerSec * LEAST_MS / 1000
    : Math.min(MOST_PER_USER, LEAST_MS / Math.max(1, answerMs)) * users;
  return { load, stop: { ...given, requests: Math.max(enough, Math.ceil(inTime)) } };
}

/** The example of the plan at another height. */
function raised(example: Load, value: number): Load {
  if (example.kind === "closed") return { ...example, users: value };
  if (example.kind === "open") return { ...example, ratePerSec: value };
  if (example.mode === "sessions") return { ...example, users: value };
  const { peakPerSec, lastMs, speedup } = example;
  const faster = value / speedup;
  return {
    ...example,
    speedup: value,
    ...(peakPerSec === undefined ? {} : { peakPerSec: peakPerSec * faster }),
    ...(lastMs === undefined ? {} : { lastMs: lastMs / faster }),
  };
}

/** What a search from the options alone will do: how long a request takes is not known yet. */
export function foresee(
  asked: AskedFind,
  axis: RunFind["axis"],
  plan: LoadSource["plan"],
): readonly string[] {
  const { goal, tolerance, maxFailures } = asked;
  const source = { plan, answerMs: 0 };
  if (axis === "rate" && asked.given.length === 0) {
    return ["search      from about 4 requests in flight, by how long the first request takes"];
  }
  const find = { goal, axis, tolerance, maxFailures, ...rangeOf(asked, axis, source) };
  return announce(find, asked, source).map((line) => `search      ${line}`);
}

/** What a search will do, as lines for the user. */
export function announce(
  find: RunFind,
  asked: AskedFind,
  source: LoadSource,
): readonly string[] {
  const { axis, first, lowest, highest } = find;
  const text = (value: number) => axisText(value, axis);
  if (find.goal === "curve") {
    return [
      `Measuring a curve from ${text(first)}, doubled up to ${text(highest)} at most, until more ` +
      "brings no more",
    ];
  }
  const imagined = settable(Math.min(highest, first * IMAGINED_RATIO), find);
  const values = foreseeSearch(find, imagined);
  const times = values.map((value) => durationOf(loadAt(value, asked, source), source.answerMs));
  const total = times.every((ms) => ms !== undefined)
    ? times.reduce<number>((sum, ms) => sum + ms!, 0)
    : undefined;
  const { plannedLoads } = createCapacitySearch(find);
  return [
    `Looking for the highest load within ${serviceLevelText(asked.level!)}: from ${
      text(first)
    }, within ` +
    `${text(lowest)} to ${text(highest)}, to ${Number((find.tolerance * 100).toPrecision(3))} %`,
    `With a limit of ${text(imagined)} that takes ${plural(values.length, "probe")}${
      total === undefined ? "" : ` and about ${minutes(total)}`
    }; undecided ones are repeated, ${
      formatCount(plannedLoads)
    } loads and ${MOST_REPEATS} probes ` +
    "of each are the most",
  ];
}

/** About how long a probe takes; absent = not known. */
function durationOf(
  { load, stop }: Pick<DecidedLoad, "load" | "stop">,
  answerMs: number,
): number | undefined {
  const { requests = Infinity, durationMs = Infinity } = stop;
  const byCount = load.kind === "open"
    ? requests / load.ratePerSec * 1000
    : load.kind === "closed"
    ? requests / load.users * answerMs
    : load.mode === "schedule"
    ? load.lastMs ?? NaN
    : requests / load.users * answerMs;
  const ms = Math.min(byCount, durationMs) + answerMs;
  return Number.isFinite(ms) && (answerMs > 0 || load.kind === "open") ? ms : undefined;
}

function minutes(ms: number): string {
  return ms < 90_000
    ? plural(Math.ceil(ms / 1000), "second")
    : plural(Math.round(ms / 60_000), "minute");
}
