/**
 * What the messages of a fleet's leader have to be.
 *
 * @module
 */
import { MOST_LOADS } from "../metrics/run.ts";
import type { RunFind } from "../metrics/run_find.ts";
import type { AgentShare, LeasedPortion } from "./agent_share.ts";
import { filesShape } from "./fleet_files.ts";
import type {
  Beat,
  FindAnswer,
  FleetPlan,
  FleetSecrets,
  HelloAnswer,
  LeaseAnswer,
  NextAnswer,
} from "./fleet_messages.ts";
import {
  anything,
  countTo,
  flag,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  type Shape,
  textTo,
} from "./json_shape.ts";
import type { ClosedLoad, OpenLoad, ReplayLoad, Stop, TimeSpec } from "./load.ts";
import type { DecidedLoad } from "./run_finder.ts";
import { MOST_AGENTS } from "./record_shape_fleet.ts";
import { findShape } from "./record_shape_header.ts";
import { amount, count, durationMs } from "./record_shape_values.ts";

/** A day without a word is long enough. */
const MOST_LOST_MS = 86_400_000;
/** Options of a run; there are about a hundred. */
const MOST_OPTIONS = 1000;
const MOST_URLS = 1000;

const reason = textTo(2000);
const load = countTo(MOST_LOADS - 1);
const options = mapOf(anything, MOST_OPTIONS);
const urls = listOf(textTo(4096, 1), MOST_URLS);

/** It is a part of subjects. */
const runName: Shape = (value, at) =>
  typeof value === "string" && /^[\w-]{1,100}$/.test(value)
    ? undefined
    : `${at} is not the name of a run`;

const shareFields = objectOf<AgentShare>({
  agent: countTo(MOST_AGENTS - 1),
  agents: countTo(MOST_AGENTS, 1),
});

const share: Shape = (value, at) => {
  const problem = shareFields(value, at);
  if (problem !== undefined) return problem;
  const { agent, agents } = value as AgentShare;
  return agent < agents ? undefined : `${at}.agent is ${agent}, and there are ${agents} agents`;
};

const plan = objectOf<FleetPlan>({
  run: runName,
  share,
  urls,
  options,
  files: filesShape,
  finds: flag,
  hasSecrets: flag,
  collect: flag,
  lostMs: numberFrom(1, MOST_LOST_MS),
});

/** One of several kinds, told apart by `kind`. */
function kindOf<T extends { readonly kind: string }>(
  shapes: { readonly [K in T["kind"]]: Shape },
): Shape {
  const known = oneOf(Object.keys(shapes));
  const kinded = objectOf<{ kind: string }>({ kind: known });
  return (value, at) =>
    kinded(value, at) ?? (shapes as Record<string, Shape>)[(value as T).kind]!(value, at);
}

/** The answer to a hello. */
export const helloAnswerShape: Shape = kindOf<HelloAnswer>({
  wait: objectOf<{ why: string }>({ why: reason }),
  refused: objectOf<{ why: string }>({ why: reason }),
  plan: objectOf<{ plan: FleetPlan }>({ plan }),
});

/** Secrets for a plan. */
export const secretsShape: Shape = objectOf<FleetSecrets>({ options, urls: optional(urls) });

const ofLoad = objectOf<NonNullable<Beat["skip"]>>({ load, reason });

/** All that holds in a run. */
export const beatShape: Shape = objectOf<Beat>({
  run: runName,
  number: countTo(Number.MAX_SAFE_INTEGER),
  load: optional(load),
  beginAtMs: optional(numberFrom(0, 1e14)),
  met: optional(
    objectOf<NonNullable<Beat["met"]>>({ load, point: oneOf(["quiet", "reset"]) }),
  ),
  skip: optional(ofLoad),
  cut: optional(ofLoad),
  lost: optional(listOf(countTo(MOST_AGENTS - 1), MOST_AGENTS)),
  stop: flag,
  abort: flag,
  over: flag,
  why: optional(reason),
});

/** Requests of a closed load. */
export const leaseAnswerShape: Shape = objectOf<LeaseAnswer>({
  portion: optional(objectOf<LeasedPortion>({ from: count, count })),
});

/** What a search looks for. */
export const findAnswerShape: Shape = kindOf<FindAnswer>({
  wait: anything,
  find: objectOf<{ find: RunFind }>({ find: findShape }),
});

const timeSpec = kindOf<TimeSpec>({
  fixed: objectOf<{ ms: number }>({ ms: durationMs }),
  uniform: objectOf<{ low: number; high: number }>({ low: durationMs, high: durationMs }),
  normal: objectOf<{ mean: number; std: number }>({ mean: durationMs, std: durationMs }),
  lognormal: objectOf<{ median: number; sigma: number }>({ median: durationMs, sigma: amount }),
  exponential: objectOf<{ mean: number }>({ mean: durationMs }),
});

const decidedLoad = kindOf<DecidedLoad["load"]>({
  closed: objectOf<ClosedLoad>({
    kind: anything,
    users: countTo(1e6, 1),
    rampUpMs: durationMs,
    sequence: oneOf(["disjoint", "rounds", "shared", "legacy", "shuffled"]),
    seed: optional(numberFrom(-1e300, 1e300)),
    thinkTime: optional(timeSpec),
  }),
  open: objectOf<OpenLoad>({
    kind: anything,
    arrival: oneOf(["constant", "poisson", "calibrated-poisson", "gamma"]),
    ratePerSec: amount,
    // A search has none.
    stages: optional(listOf(anything, 0)),
    shape: amount,
    maxInFlight: count,
    overflow: oneOf(["wait", "drop"]),
    legacyRng: optional(flag),
  }),
  replay: objectOf<ReplayLoad>({
    kind: anything,
    mode: oneOf(["sessions", "schedule"]),
    users: count,
    rampUpMs: optional(durationMs),
    speedup: amount,
    peakPerSec: optional(amount),
    lastMs: optional(durationMs),
    maxInFlight: count,
    overflow: oneOf(["wait", "drop"]),
  }),
});

const decided = objectOf<DecidedLoad>({
  load: decidedLoad,
  stop: objectOf<Stop>({
    requests: optional(countTo(1e12, 1)),
    durationMs: optional(durationMs),
    once: optional(flag),
  }),
  probe: amount,
  repeat: optional(countTo(1000, 1)),
});

/** The next load of a search. */
export const nextAnswerShape: Shape = kindOf<NextAnswer>({
  wait: anything,
  load: objectOf<{ decided: DecidedLoad }>({ decided }),
  over: anything,
});
