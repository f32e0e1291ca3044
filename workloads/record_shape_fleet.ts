/**
 * What a record file may say of the machines that sent a load together.
 *
 * @module
 */
import { MOST_LOADS } from "../metrics/run.ts";
import type {
  ClockOffset,
  FleetAgent,
  FleetEnd,
  FleetPart,
  RunFleet,
  RunPart,
} from "../metrics/run_fleet.ts";
import { LOAD_STATE_SCHEMA, type LoadState } from "../metrics/load_state.ts";
import {
  anything,
  countTo,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  type Shape,
} from "./json_shape.ts";
import { clientHealth } from "./record_shape_client.ts";
import { amount, count, durationMs, ms, text } from "./record_shape_values.ts";

/** Most machines of a fleet. */
export const MOST_AGENTS = 10_000;

/** An offset is a difference of two clocks, which may be decades apart. */
const offset = numberFrom(-1e13, 1e13);

/** An agent's clock. */
export const clockShape: Shape = objectOf<ClockOffset>({
  offsetMs: offset,
  uncertaintyMs: durationMs,
  samples: count,
  driftPpm: optional(numberFrom(-1e9, 1e9)),
});

const agent = objectOf<FleetAgent>({
  hostname: optional(text),
  version: text,
  cores: optional(amount),
  transport: text,
  workers: count,
  file: optional(text),
});

/** One agent's part of a load. */
export const fleetPartShape: Shape = objectOf<FleetPart>({
  agent: count,
  sent: count,
  completed: count,
  failed: count,
  outputTokens: count,
  lateMs: ms,
  clock: optional(clockShape),
  verdict: optional(oneOf(["ok", "suspect", "client-bound"])),
  causes: optional(listOf(text, 100)),
  clientError: optional(amount),
  client: optional(clientHealth),
  lost: optional(objectOf<NonNullable<FleetPart["lost"]>>({
    atMs: ms,
    reason: text,
    counted: optional(onlyTrue),
  })),
  fileFailure: optional(text),
});

/** The part of a fleet's run that a record file holds. */
export const partShape: Shape = objectOf<RunPart>({
  fleet: text,
  run: text,
  agent: count,
  agents: count,
});

/** The machines of a run. */
export const fleetShape: Shape = objectOf<RunFleet>({
  name: text,
  run: text,
  agents: listOf(agent, MOST_AGENTS),
  // Made when files are merged; no record file has it.
  fromRecords: optional(() => "fleet.fromRecords is there, which no record file has"),
});

/** How a load went on them. */
export const fleetEndShape: Shape = objectOf<FleetEnd>({
  parts: listOf(fleetPartShape, MOST_AGENTS),
  disconnectedMs: optional(durationMs),
});

/** What was collected of a load elsewhere; its parts are checked by what adds them up. */
export const stateShape: Shape = objectOf<LoadState>({
  schema: oneOf([LOAD_STATE_SCHEMA]),
  load: countTo(MOST_LOADS - 1),
  parts: mapOf(anything, 1000),
});
