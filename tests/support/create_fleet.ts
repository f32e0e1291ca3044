/**
 * Builds runs of a fleet: its machines, and how a load went on each.
 *
 * @module
 */
import { RECORD_SCHEMA, type Run } from "../../metrics/run.ts";
import type { FleetAgent, FleetEnd, FleetPart } from "../../metrics/run_fleet.ts";
import { createRecord } from "./create_record.ts";
import { createRun, type RunFields } from "./create_run.ts";

/** What a test wants to be different. */
export interface FleetFields extends RunFields {
  /** Machines. Default 4. */
  readonly agents?: number;
  /** By the agents' numbers; an agent that is not named went well. */
  readonly parts?: Readonly<Record<number, Partial<FleetPart>>>;
  /** By the agents' numbers. */
  readonly machines?: Readonly<Record<number, Partial<FleetAgent>>>;
  /** Of the end of each load. */
  readonly fleetEnd?: Partial<FleetEnd>;
}

/** A part that went well. */
export function createPart(agent: number, fields: Partial<FleetPart> = {}): FleetPart {
  return {
    agent,
    sent: 100,
    completed: 100,
    failed: 0,
    outputTokens: 12_800,
    lateMs: 0.4,
    clock: { offsetMs: 3000 + agent, uncertaintyMs: 0.25, samples: 40, driftPpm: 2 },
    verdict: "ok",
    clientError: 0.01,
    client: { cpuCores: 0.4, loopLagP99Ms: 1.2 },
    ...fields,
  };
}

/** One minute that four machines sent together. */
export function createFleetRun(fields: FleetFields = {}): Run {
  const { agents = 4, parts = {}, machines = {}, fleetEnd = {}, ...rest } = fields;
  const loads = rest.loads ?? [{ label: "16 users", users: 16 }];
  const records = loads.flatMap((_, load) =>
    Array.from(
      { length: 400 },
      (_, index) => createRecord({ load, index, user: index % 16, sentMs: index * 150 }),
    )
  );
  const fleet: FleetEnd = {
    parts: Array.from({ length: agents }, (_, agent) => createPart(agent, parts[agent])),
    ...fleetEnd,
  };
  const run = createRun(records, {
    ...rest,
    loads,
    ends: loads.map((_, load) => ({
      ...{ durationMs: 60_000, sendingEndMs: 60_000, fleet },
      ...rest.ends?.[load],
    })),
  });
  const header = {
    ...run.header,
    schema: RECORD_SCHEMA as typeof RECORD_SCHEMA,
    fleet: {
      name: "night",
      run: "r1",
      agents: Array.from({ length: agents }, (_, agent): FleetAgent => ({
        hostname: `node-${agent}`,
        version: run.header.version,
        cores: 8,
        transport: "epoll",
        workers: 2,
        file: `/tmp/out/agent-${agent}.jsonl`,
        ...machines[agent],
      })),
    },
  };
  return { ...run, header };
}
