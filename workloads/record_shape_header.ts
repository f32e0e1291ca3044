/**
 * What the first line of a record file has to be: one table for each type, one line for each field.
 *
 * @module
 */
import {
  type Environment,
  isRecordSchema,
  type LoadPlan,
  MOST_LOADS,
  type RateStagePlan,
  type RunHeader,
  type RunScenario,
  type RunShare,
  type RunSide,
  type TransportReason,
} from "../metrics/run.ts";
import type { RunDataset, RunDatasetPart, RunTokenizer } from "../metrics/run_dataset.ts";
import { createCapacitySearch } from "../metrics/capacity_search.ts";
import type { RunFind } from "../metrics/run_find.ts";
import { searchedLevel } from "../metrics/summary_searched.ts";
import { messageOf } from "../backends/error_message.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import {
  anything,
  countTo,
  flag,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  type Shape,
} from "./json_shape.ts";
import { calibration } from "./record_shape_calibration.ts";
import { fleetShape, partShape } from "./record_shape_fleet.ts";
import { amount, count, durationMs, MOST_ENTRIES, share, text } from "./record_shape_values.ts";

const environment = objectOf<Environment>({
  os: text,
  osRelease: optional(text),
  arch: text,
  cpu: optional(text),
  cores: count,
  effectiveCores: optional(amount),
  ffi: optional(flag),
  memoryMiB: optional(amount),
  hostname: optional(text),
  deno: text,
  v8: text,
});

/** What is wrong with the plan of a load, if anything. */
export const planShape: Shape = objectOf<LoadPlan>({
  label: text,
  kind: oneOf(["closed", "open"]),
  users: optional(count),
  rampUpMs: optional(durationMs),
  arrival: optional(
    oneOf(["constant", "poisson", "gamma", "calibrated-poisson", "trace"]),
  ),
  stages: optional(listOf(
    objectOf<RateStagePlan>({
      fromPerSec: amount,
      toPerSec: amount,
      exponential: optional(onlyTrue),
      durationMs,
    }),
    1000,
  )),
  replay: optional(oneOf(["sessions", "schedule"])),
  speedup: optional(amount),
  thinkTime: optional(text),
  maxPrefill: optional(count),
  cancel: optional(text),
  ratePerSec: optional(amount),
  maxInFlight: optional(count),
  overflow: optional(oneOf(["wait", "drop"])),
  stopRequests: optional(count),
  stopDurationMs: optional(durationMs),
  repeat: optional(count),
  side: optional(count),
  probe: optional(amount),
});

const DATASET = {
  kind: text,
  source: text,
  sha256: optional(text),
  prompts: count,
  skipped: mapOf(count, 1000),
  duplicates: count,
};

const datasetPart = objectOf<RunDatasetPart>({
  class: text,
  ...DATASET,
  promptTokens: amount,
  outputTokens: amount,
});

const dataset = objectOf<RunDataset>({
  ...DATASET,
  bad: optional(text),
  remarks: optional(listOf(text, 1000)),
  parts: optional(listOf(datasetPart, 1000)),
});

const shares = listOf(objectOf<RunShare>({ name: text, weight: amount }), MOST_ENTRIES);

const replay = objectOf<RunReplay>({
  format: text,
  mode: oneOf(["schedule", "sessions"]),
  sessions: count,
  turns: count,
  speedup: optional(amount),
  idleCapMs: optional(durationMs),
  history: oneOf(["recorded", "live"]),
  blockTokens: optional(count),
  expectedShare: optional(share),
  sessionStart: optional(share),
});

const findFields = objectOf<RunFind>({
  goal: oneOf(["capacity", "curve"]),
  axis: oneOf(["rate", "concurrency", "speedup", "sessions"]),
  slo: optional(text),
  attainment: optional(share),
  maxFailures: share,
  tolerance: share,
  first: amount,
  lowest: amount,
  highest: amount,
});

/** Its fields, and whether it can be searched by. */
export const findShape: Shape = (value, at) => {
  const problem = findFields(value, at);
  if (problem !== undefined) return problem;
  const asked = value as RunFind;
  if (asked.goal === "capacity" && asked.slo === undefined) return `${at}.slo is missing`;
  try {
    searchedLevel(asked);
    createCapacitySearch(asked);
    return undefined;
  } catch (error) {
    return `${at} is no search: ${messageOf(error)}`;
  }
};

const schema: Shape = (value, at) =>
  isRecordSchema(value)
    ? undefined
    : `${at} is ${JSON.stringify(value) ?? "missing"}, which this version cannot read`;

/** What is wrong with the header, if anything. */
export const headerShape: Shape = objectOf<RunHeader>({
  schema,
  version: text,
  startedAt: text,
  scenario: text,
  name: optional(text),
  tags: optional(mapOf(text, 1000)),
  repeats: optional(count),
  sides: optional(
    listOf(objectOf<RunSide>({ name: text, url: text, differs: optional(text) }), 2),
  ),
  commandLine: listOf(text, MOST_ENTRIES),
  options: mapOf(anything, 1000),
  url: text,
  protocol: text,
  transport: text,
  transportChoice: optional(objectOf<TransportReason>({ why: text, calibrated: flag })),
  proxied: optional(onlyTrue),
  proxy: optional(text),
  workers: countTo(1e6),
  model: text,
  length: oneOf(["forced", "cap"]),
  stream: flag,
  seed: numberFrom(-1e300, 1e300),
  dataset,
  replay: optional(replay),
  find: optional(findShape),
  ruledBy: optional(objectOf<RunScenario>({ name: text, broken: listOf(text, 1000) })),
  classes: optional(shares),
  models: optional(shares),
  urls: optional(listOf(text, 1000)),
  saltScope: optional(oneOf(["load", "session", "request", "none"])),
  askedCachedShare: optional(share),
  resetCache: optional(text),
  serverMetrics: optional(listOf(text, 1000)),
  tokenizer: objectOf<RunTokenizer>({ source: oneOf(["tokenizer", "estimate"]), name: text }),
  loads: listOf(planShape, MOST_LOADS),
  environment,
  // Made when files are merged; no record file has it.
  merged: optional(() => "header.merged is there, which no record file has"),
  calibration: optional(calibration),
  part: optional(partShape),
  fleet: optional(fleetShape),
});
