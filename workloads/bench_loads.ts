/**
 * The loads that the options ask for, and when each stops.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { MeasureValues } from "./bench_options.ts";
import {
  DEFAULT_REQUESTS,
  DEFAULT_REQUESTS_PER_USER,
  DEFAULT_USERS,
} from "./bench_options_load.ts";
import { parseRateStages } from "./bench_stages.ts";
import type { Load, Stop } from "./load.ts";
import { peakRate, stagesMs } from "./load_stages.ts";
import { meanTimeMs, parseTimeSpec } from "./load_time.ts";
import { UserError } from "./user_error.ts";

/** The loads, one after another. @throws {UserError} for options that exclude each other. */
export function planLoads(values: MeasureValues): Load[] {
  const { concurrency, rate, rateStages, arrival, burstiness, maxInFlight, overflow } = values;
  if (arrival === "calibrated-poisson") checkCalibrated(values);
  const open = { kind: "open", arrival, shape: burstiness, maxInFlight, overflow } as const;
  if (rateStages !== undefined) {
    const stages = parseRateStages(rateStages);
    return [{ ...open, ratePerSec: peakRate(stages), stages }];
  }
  if (concurrency !== undefined && rate !== undefined) {
    throw new UserError(
      "Cannot use --concurrency and --rate together: one is a closed loop, the other an open one; " +
        "to cap an open loop use --max-in-flight",
    );
  }
  if (rate !== undefined) {
    if (rate.includes(Infinity) && values.requests === undefined && values.duration !== undefined) {
      throw new UserError(
        "Cannot use --rate inf with --duration alone: all requests leave at once, add --requests N",
      );
    }
    return rate.map((ratePerSec) => ({ ...open, ratePerSec }));
  }
  if (values.maxInFlight > 0) {
    throw new UserError("Cannot use --max-in-flight without --rate: only an open loop has it");
  }
  const thinkTime = parseTimeSpec(String(values.thinkTime ?? 0), "--think-time");
  return (concurrency ?? [DEFAULT_USERS]).map((users) => ({
    kind: "closed",
    users,
    rampUpMs: values.rampUp * 1000,
    sequence: "disjoint",
    ...(meanTimeMs(thinkTime) === 0 ? {} : { thinkTime }),
  }));
}

/** @throws {UserError} unless the number of requests and the rate are known. */
function checkCalibrated({ rate, rateStages, requests, duration }: MeasureValues): void {
  const problem = rateStages !== undefined
    ? "with --rate-stages: it stretches gaps to one rate, use poisson"
    : rate?.includes(Infinity)
    ? "with --rate inf: all requests leave at once"
    : requests === undefined && duration !== undefined
    ? "with --duration alone: it has to know how many requests there are, add --requests N"
    : undefined;
  if (problem === undefined) return;
  throw new UserError(`Cannot use --arrival calibrated-poisson ${problem}`);
}

/** When a load stops. @param wholeFile each prompt of a file is sent once, however many there are. */
export function planStop(
  load: Load,
  { requests, duration, once }: MeasureValues,
  wholeFile: boolean,
): Stop {
  if (load.kind === "open" && load.stages !== undefined) {
    return defined({
      requests,
      durationMs: stagesMs(load.stages),
      once: once === true ? true as const : undefined,
    });
  }
  const users = load.kind === "closed" ? load.users : 0;
  const fallback = Math.max(DEFAULT_REQUESTS, DEFAULT_REQUESTS_PER_USER * users);
  return defined({
    requests: requests ?? (duration === undefined && !wholeFile ? fallback : undefined),
    durationMs: duration === undefined ? undefined : duration * 1000,
    once: once === true ? true as const : undefined,
  });
}

/** Users beyond the number of requests would only idle (T27 in docs/python-scripts.md). */
export function clampUsers(load: Load, stop: Stop): Load {
  if (load.kind !== "closed" || stop.requests === undefined) return load;
  return load.users > stop.requests ? { ...load, users: stop.requests } : load;
}

/**
 * Users who take turns at one queue send the pool from its front, however fast they are: then the load
 * holds each class, model and server as often as it was planned.
 */
export function inOneQueue(load: Load, hasShares: boolean): Load {
  return hasShares && load.kind === "closed" ? { ...load, sequence: "shared" } : load;
}
