/**
 * A fleet that is led without a command line.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { type Accumulator, createAccumulator, type Summary } from "../metrics/summary.ts";
import type { Values } from "./command.ts";
import { AGENT_OPTIONS } from "./fleet_agent_options.ts";
import { dropFiles, offerFiles } from "./fleet_files.ts";
import { measureFleet } from "./fleet_lead.ts";
import { openFleetBus } from "./fleet_open.ts";
import { tellPlan } from "./fleet_told_plan.ts";
import { type BenchOptions, planBench } from "./run_bench.ts";
import type { MeasureHooks } from "./run_hooks.ts";

/** What a fleet sends, and how its agents are reached. */
export interface LeadFleetOptions extends BenchOptions {
  /** Name of the fleet. */
  readonly fleet: string;
  /** How many agents send each load together. */
  readonly agents: number;
  /** Its NATS server, e.g. `nats://10.0.0.1:4222`; `embedded` starts one. Default: the variable NATS_URL. */
  readonly nats?: string;
  /** File of credentials for it. */
  readonly natsCreds?: string;
  /** Token for it. */
  readonly natsToken?: string;
  /** Where `embedded` listens, `ADDRESS:PORT`. */
  readonly natsListen?: string;
  /** Longest wait for the agents, in seconds; 0 = as long as it takes. Default 600. */
  readonly agentsWait?: number;
  /** An agent that was not heard of for so long is lost, in seconds. Default 30. */
  readonly agentTimeout?: number;
  /** Sends the agents what is secret: the key, headers, passwords. */
  readonly sendKey?: boolean;
}

/**
 * Has the agents of a fleet measure a server together, and sums up what they measured, as
 * `tokometer bench --fleet` does without printing or writing anything. Needs `--allow-net` and
 * `--allow-read`, with `nats: "embedded"` also `--allow-run` and `--allow-write`.
 *
 * @param hooks Ctrl-C, progress and remarks; records stay with the agents.
 * @returns the summary of all; `loads[].fleet` says how it went on each machine.
 * @throws {UserError} as `measureBench`; when the NATS server cannot be reached, another leader has the fleet,
 * agents do not come, or one of them is lost before anything was measured.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { leadFleet } from "@tokometer/tokometer/workloads";
 *
 * // On four machines: tokometer agent --fleet night --nats nats://10.0.0.1:4222
 * const nats = Deno.env.get("NATS_URL");
 * if (nats !== undefined) {
 *   const { loads: [load] } = await leadFleet("http://10.0.0.5:8000", {
 *     ...{ fleet: "night", agents: 4, nats },
 *     ...{ rate: [100], duration: 60 },
 *   });
 *   assertEquals(load?.fleet?.agents.length, 4);
 * }
 * ```
 */
export async function leadFleet(
  url: string | readonly string[],
  options: LeadFleetOptions,
  hooks: Partial<MeasureHooks> = {},
): Promise<Summary> {
  const { fleet, agents, agentsWait = 600, agentTimeout = 30, sendKey = false, ...rest } = options;
  const { nats, natsCreds, natsToken, natsListen, ...bench } = rest;
  const plan = await planBench(url, bench);
  const told = tellPlan(bench as Values, plan, { urls: [url].flat(), sendKey });
  const never = new AbortController().signal;
  const { stopSignal = never, abortSignal = never, note = () => {} } = hooks;
  const bus = await openFleetBus(defined({ nats, natsCreds, natsToken, natsListen }), {
    ...{ fleet, name: "leadFleet", signal: stopSignal, note },
  });
  try {
    const offer = { table: AGENT_OPTIONS, values: told.options };
    const { options: offered, files } = await offerFiles(bus, offer, { signal: stopSignal });
    let accumulator: Accumulator | undefined;
    let leads = false;
    try {
      await measureFleet(bus, {
        ...{ fleet, agents, urls: told.urls, options: offered, files, secrets: told.secrets },
        ...{ agentsWaitMs: agentsWait * 1000, lostMs: agentTimeout * 1000 },
        onLeads: () => leads = true,
      })(plan, {
        ...{ commandLine: [], ...hooks, stopSignal, abortSignal },
        onHeader: async (header) => {
          accumulator = createAccumulator(header, { values: "histogram" });
          await hooks.onHeader?.(header);
        },
        onState: (state) => {
          accumulator?.absorb(state);
          hooks.onState?.(state);
        },
        onLoadEnd: (end) => {
          accumulator?.end(end);
          return hooks.onLoadEnd?.(end);
        },
      });
    } finally {
      if (leads) await dropFiles(bus, files).catch(() => {});
    }
    return accumulator!.summary();
  } finally {
    await bus.close();
  }
}
