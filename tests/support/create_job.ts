/**
 * Jobs and engines for tests of the simulated engine.
 *
 * @module
 */
import { createSimEngine, type SimulatedEngine } from "../../backends/sim_engine.ts";
import { SIM_DEFAULTS, type SimOptions } from "../../backends/sim_options.ts";
import type { SimJob, SimToken } from "../../backends/sim_protocol.ts";
import type { Clock } from "../../backends/clock.ts";

/** A streaming job of 4 tokens after a prompt of 20. */
export function createJob(given: Partial<SimJob> = {}): SimJob {
  return {
    model: "simulated",
    promptTokens: 20,
    maxTokens: 4,
    minTokens: 0,
    ignoreEos: false,
    stream: true,
    includeUsage: false,
    continuousUsage: false,
    extra: {},
    ...given,
  };
}

/** What a job got. */
export interface Outcome {
  /** Planned times of its events, and tokens in each. */
  readonly plannedMs: readonly number[];
  readonly sizes: readonly number[];
  readonly tokens: readonly SimToken[];
  readonly finish: string;
}

/** An engine on a fake clock. */
export function createEngine(clock: Clock, given: Partial<SimOptions> = {}): SimulatedEngine {
  return createSimEngine({ ...SIM_DEFAULTS, clock, ...given });
}

/** Submits a job and resolves when it is done, or has got `stopAfter` tokens. */
export function runJob(
  engine: SimulatedEngine,
  job: SimJob,
  stopAfter: number = Infinity,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const plannedMs: number[] = [];
    const sizes: number[] = [];
    const tokens: SimToken[] = [];
    const cancel = engine.submit(job, {
      tokens(added, last, finish, atMs) {
        plannedMs.push(atMs);
        sizes.push(added.length);
        tokens.push(...added);
        if (last || tokens.length >= stopAfter) {
          cancel();
          resolve({ plannedMs, sizes, tokens, finish });
        }
      },
    });
  });
}
