/**
 * Runs of a server that is known, on simulated time: a closed loop whose latencies depend on how slow
 * the server is at the moment, which changes little by little, from run to run, and over the runs.
 *
 * @module
 */
import { createRandom, normal, type Random } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { turnLabel } from "../../metrics/load_repeats.ts";
import type { LoadPlan } from "../../metrics/run.ts";
import { summarize, type Summary } from "../../metrics/summary.ts";
import { createRecord } from "../support/create_record.ts";
import { createRun, type RunFields } from "../support/create_run.ts";

/** How the server behaves. Spreads are standard deviations of logs. */
export interface SyntheticServer {
  readonly users: number;
  readonly tokens: number;
  readonly ttftMs: number;
  readonly itlMs: number;
  /** Of each TTFT and each gap by itself. */
  readonly noise: number;
  /** Of the slowness at one moment, and how long it lasts. */
  readonly slowness: number;
  readonly correlationMs: number;
  /** From run to run. */
  readonly runEffect: number;
  /** From each load to the next. */
  readonly drift: number;
}

/** A server without differences from run to run. */
export const STEADY_SERVER: SyntheticServer = {
  users: 4,
  tokens: 6,
  ttftMs: 40,
  itlMs: 8,
  noise: 0.25,
  slowness: 0.1,
  correlationMs: 500,
  runEffect: 0,
  drift: 0,
};

/** What one load changes about the server. */
export interface SyntheticLoad {
  readonly durationMs: number;
  readonly plan?: Partial<LoadPlan>;
  /** Factor to TTFT, and to ITL. */
  readonly ttft?: number;
  readonly itl?: number;
}

/** One gap in so many is a stall, which is so many times as long. */
const STALL = { share: 0.02, factor: 3 };

/** Time over which slowness stays the same. */
const STEP_MS = 50;

/** A run of such loads, one after the other. */
export function syntheticRun(
  server: SyntheticServer,
  loads: readonly SyntheticLoad[],
  { seed, from = 0, fields = {}, change = (summary) => summary }: {
    readonly seed: number;
    /** Loads that were measured before, by which the server has drifted. */
    readonly from?: number;
    readonly fields?: RunFields;
    /** What is done to the summary, which may look at the records. */
    readonly change?: (summary: Summary, records: readonly RequestRecord[]) => Summary;
  },
): Summary {
  const records = loads.flatMap((load, number) => {
    const random = createRandom(seed, `load ${from + number}`);
    const drift = server.drift * (from + number);
    const effect = server.runEffect * normal(random, { mean: 0, std: 1 }) + drift;
    return syntheticRecords(server, load, { number, random, effect });
  });
  const plans = loads.map(({ plan = {}, durationMs }): Partial<LoadPlan> => ({
    ...plan,
    users: server.users,
    label: turnLabel(`${server.users} users`, plan),
    stopDurationMs: durationMs,
  }));
  const slo = { limits: [{ metric: "ttft", limit: server.ttftMs * 1.5 }] };
  const summary = summarize(createRun(records, { ...fields, loads: plans }), { slo });
  return change(summary, records);
}

function syntheticRecords(
  server: SyntheticServer,
  { durationMs, ttft = 1, itl = 1 }: SyntheticLoad,
  { number, random, effect }: {
    readonly number: number;
    readonly random: Random;
    readonly effect: number;
  },
): RequestRecord[] {
  const slow = slownessOf(server, { durationMs, random, effect });
  const at = (ms: number) => slow[Math.min(slow.length - 1, Math.floor(ms / STEP_MS))]!;
  const noise = () => Math.exp(normal(random, { mean: 0, std: server.noise }));
  const records: RequestRecord[] = [];
  for (let user = 0; user < server.users; user++) {
    let now = user * server.ttftMs / server.users;
    for (let index = 0; now < durationMs; index++) {
      const sentMs = now;
      now += server.ttftMs * ttft * at(now) * noise();
      const ticks: [number, number][] = [[now, 1]];
      for (let token = 2; token <= server.tokens; token++) {
        const stall = random.next() < STALL.share ? STALL.factor : 1;
        now += server.itlMs * itl * at(now) * noise() * stall;
        ticks.push([now, token]);
      }
      records.push(createRecord({ load: number, user, index, sentMs, ticks }));
    }
  }
  return records.sort((one, other) => one.sentMs! - other.sentMs!);
}

/** A stationary first-order autoregression of the log of slowness, exponentiated. */
function slownessOf(
  { slowness, correlationMs }: SyntheticServer,
  { durationMs, random, effect }: {
    readonly durationMs: number;
    readonly random: Random;
    readonly effect: number;
  },
): Float64Array {
  const keep = correlationMs === 0 ? 0 : Math.exp(-STEP_MS / correlationMs);
  const fresh = Math.sqrt(1 - keep ** 2);
  const factors = new Float64Array(Math.ceil(durationMs / STEP_MS) + 1);
  let state = normal(random, { mean: 0, std: 1 });
  for (let i = 0; i < factors.length; i++) {
    factors[i] = Math.exp(effect + slowness * state);
    state = keep * state + fresh * normal(random, { mean: 0, std: 1 });
  }
  return factors;
}
