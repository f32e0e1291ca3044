/**
 * `tokometer agent`: one machine of a fleet.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { SAVE_OPTIONS } from "./bench_options_report.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { joinFleet } from "./fleet_agent.ts";
import { rankOfEnvironment } from "./fleet_agent_rank.ts";
import { openFleetBus } from "./fleet_open.ts";
import { NATS_OPTIONS } from "./fleet_options.ts";
import { option } from "./option_table.ts";
import { EXIT, UserError } from "./user_error.ts";

const OPTIONS = {
  fleet: option.text({
    value: "NAME",
    help: "The fleet that it belongs to: tokometer bench --fleet NAME leads it.",
    group: "Fleet",
  }),
  rank: option.integer({
    value: "N",
    min: 0,
    max: 9999,
    defaultText: "SLURM_PROCID of srun, JOB_COMPLETION_INDEX; else the leader gives a number",
    help: "Number of this agent among those of the fleet, from 0 on; two must not have the same.",
    group: "Fleet",
  }),
  wait: option.seconds({
    default: 0,
    help: "Longest wait for the NATS server and a run; 0 = until Ctrl-C.",
    group: "Fleet",
  }),
  ...NATS_OPTIONS,
  out: {
    ...SAVE_OPTIONS.out,
    help: "Folder for the agent's own record file; it must not exist yet.",
  },
  save: {
    ...SAVE_OPTIONS.save,
    help: "Write the record file; --no-save leaves the results to the leader alone.",
  },
};

export const command: Command = defineCommand({
  name: "agent",
  description:
    "Takes part in one run of a fleet: waits for its leader (tokometer bench --fleet NAME), sends its " +
    "share of every load, tells the leader what it measured, and leaves. What is sent, to which " +
    "server, and when, is the leader's choice; a plan can start no program here and name no file but " +
    "those that come with it.\n\n" +
    "The agent keeps its own record file, so that nothing is lost with the network. An agent that does " +
    "not hear of its leader stops sending after a while, keeps its file, and exits with 6. The API key " +
    "is TOKOMETER_API_KEY of its environment, unless the leader sends one (--send-key). Leader and " +
    "agents must have the same version.",
  options: OPTIONS,
  examples: {
    "tokometer agent --nats nats://10.0.0.1:4222 --fleet demo":
      "waits for a run of fleet demo and takes part in it",
    "tokometer agent --nats nats://10.0.0.1:4222 --fleet demo --wait 600 --out ./mine":
      "leaves when there was none for ten minutes; its record file is in ./mine",
  },
  run: runAgent,
});

/** A server that is there answers sooner. */
const TELL_MS = 3000;

async function runAgent(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const { fleet, wait, out, save } = values;
  if (fleet === undefined) {
    throw new UserError("Cannot take part in a run without a fleet: add --fleet NAME");
  }
  const rank = values.rank ?? rankOfEnvironment();
  const waitMs = wait === 0 ? undefined : wait * 1000;
  const began = systemClock.now();
  const told = setTimeout(
    () => host.note(`Waiting for the NATS server of fleet ${fleet}: it is not reached yet`),
    TELL_MS,
  );
  let bus: FleetBus;
  try {
    bus = await openFleetBus(values, {
      fleet,
      name: `tokometer agent ${rank ?? Deno.pid}`,
      note: (line) => host.note(line),
      signal: host.interrupted,
      waitMs: waitMs ?? Infinity,
      leads: false,
    });
  } catch (error) {
    if (host.interrupted.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    clearTimeout(told);
  }
  try {
    return await joinFleet(bus, {
      ...{ fleet, rank, folder: save ? out ?? true : undefined },
      waitMs: waitMs === undefined ? undefined : Math.max(0, waitMs - (systemClock.now() - began)),
    }, host);
  } finally {
    await bus.close();
  }
}
