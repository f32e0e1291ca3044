/**
 * Options that have a run look for something, and decide its loads as it goes on.
 *
 * @module
 */
import type { Need } from "./command.ts";
import { group, option } from "./option_table.ts";

const WITH_FIND: Need = {
  key: "find",
  because: "only a search has it, add --find rate or --find concurrency",
};

const LOADS_OF_ITS_OWN: readonly Need[] = [
  {
    key: "rateStages",
    not: true,
    because: "it decides its loads itself, leave one of them out",
  },
  {
    key: "once",
    not: true,
    because: "it sends as many requests as it needs, leave out one of them",
  },
  {
    key: "repeat",
    not: true,
    because: "it repeats what is undecided itself, leave one of them out",
  },
  ...["against", "againstBody", "againstModel", "againstProtocol"].map((key) => ({
    key,
    not: true,
    because: "it looks at one server, leave one of them out",
  } as const)),
  { key: "scenario", not: true, because: "a scenario has loads of its own, leave one of them out" },
  {
    key: "require",
    not: true,
    because: "its limits are those of --slo, and its exit code says how it ended",
  },
];

/** What is looked for. */
export const FIND_OPTIONS = group("Search", {
  find: option.choice({
    value: "WHAT",
    choices: ["concurrency", "rate"],
    needs: [
      { key: "slo", because: "it says what the server has to hold, add e.g. --slo ttft:p99<500" },
      { key: "sweep", not: true, because: "they are two questions, ask one at a time" },
      ...LOADS_OF_ITS_OWN,
    ],
    help: "Look for the highest load that keeps --slo: users, or requests per second; of a " +
      "recording, sessions or its speed. --concurrency or --rate give the first load, or the lowest " +
      "and the highest; --requests and --duration the length of each probe.",
  }),
  attainment: option.number({
    value: "SHARE",
    default: 0.99,
    min: 0,
    max: 1,
    needs: [WITH_FIND],
    help: "Share of the requests that have to meet limits on each request (ttft<500).",
  }),
  tolerance: option.text({
    value: "PERCENT",
    default: "5%",
    needs: [{ ...WITH_FIND, or: ["sweep"] }],
    help: "How near the highest load that was kept and the lowest that was broken are to be; for " +
      "--sweep auto, the gain of a doubling below which the server is saturated.",
  }),
  sweep: option.choice({
    value: "HOW",
    choices: ["auto"],
    needs: LOADS_OF_ITS_OWN.filter(({ key }) => key !== "require"),
    help:
      "Measure a curve from idle to saturation, users or with --rate requests per second, and " +
      "name its knee.",
  }),
});
