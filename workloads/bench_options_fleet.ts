/**
 * Options that have other machines send the load.
 *
 * @module
 */
import type { Need, ValuesOf } from "./command.ts";
import { group, option, withNeeds } from "./option_table.ts";

/** What has no effect without it. */
export const WITH_FLEET: Need = {
  key: "fleet",
  because: "only a fleet has it, add --fleet NAME",
};

const ALONE: readonly Need[] = [
  {
    key: "launch",
    not: true,
    because:
      "a launched server answers this machine only: start it yourself where the agents reach it",
  },
  {
    key: "otel",
    not: true,
    because: "spans are made of records, which stay with the agents: leave out one of them",
  },
];

/** Who sends the load in place of this machine. */
export const FLEET_OPTIONS = group("Fleet", {
  fleet: option.text({
    value: "NAME",
    needs: [
      { key: "agents", because: "it starts when all are there, add --agents N" },
      ...ALONE,
    ],
    help:
      "Lead the agents of this fleet (tokometer agent --fleet NAME): they send the load, each " +
      "its share, and one report is made of it here. This machine sends nothing to the server.",
  }),
  ...withNeeds({
    agents: option.integer({
      value: "N",
      min: 1,
      max: 10_000,
      help: "How many agents send each load together; the run starts when all are there.",
    }),
    agentsWait: option.seconds({
      default: 600,
      help: "Longest wait for the agents to come; 0 = until Ctrl-C.",
    }),
    agentTimeout: option.seconds({
      default: 30,
      min: 3,
      help: "An agent that was not heard of for so long is lost, and the run with it (exit code " +
        "6). An agent that does not hear of its leader for so long ends.",
      advanced: true,
    }),
    sendKey: option.flag({
      help:
        "Send the agents --api-key, --header and what else is secret, over NATS and to nobody " +
        "else. Without it each takes TOKOMETER_API_KEY of its own environment.",
    }),
    collect: option.flag({
      needs: [{ key: "save", because: "nothing is kept, leave out one of them" }],
      help: "Fetch the record files of the agents into the results when the run is over.",
    }),
  }, WITH_FLEET),
});

/** Their values. */
export type FleetValues = ValuesOf<typeof FLEET_OPTIONS>;
