/**
 * Recorded traffic and hand-written sessions, as a dataset is chosen: they are replayed, and there is no
 * pool of prompts. What reads and sends them is loaded when it is needed.
 *
 * @module
 */
import { SYNTHETIC_OPTIONS } from "./dataset_synthetic.ts";
import { DURATION_FORMS, parseDuration } from "./option_duration.ts";
import { group, option } from "./option_table.ts";
import type { DatasetKind } from "./prompt.ts";

/** Longest pause between the requests of a session without `--idle-cap`. */
const DEFAULT_IDLE_CAP_MS = 60_000;

/** `--idle-cap` in ms; absent = pauses are as recorded. @throws {UserError} for what is no time. */
export function readIdleCap(given: string | number | undefined): number | undefined {
  if (given === "none") return undefined;
  return given === undefined ? DEFAULT_IDLE_CAP_MS : parseDuration(given, "--idle-cap");
}

/** How a recording is replayed. */
export const TRACE_OPTIONS = group("Replay", {
  traceFormat: option.choice({
    choices: ["mooncake", "azure", "burstgpt", "bailian", "weka", "sessions"],
    defaultText: "told by the first rows",
    help: "Format of the recording.",
  }),
  replay: option.choice({
    value: "HOW",
    choices: ["schedule", "sessions"],
    defaultText: "sessions, where the recording has them",
    help: "schedule: each request leaves at its recorded instant, whatever the server does; " +
      "sessions: after the end of what it waits for and its recorded delay, --concurrency sessions " +
      "at once.",
  }),
  speedup: option.number({
    value: "FACTOR",
    min: 0.001,
    max: 1e6,
    defaultText: "1",
    help: "Divide recorded instants by it; with --replay schedule.",
  }),
  from: option.length({
    value: "TIME",
    defaultText: "the beginning",
    help: `Leave out what was recorded earlier: ${DURATION_FORMS}; with --replay schedule.`,
  }),
  to: option.length({
    value: "TIME",
    defaultText: "the end",
    help: "Leave out what was recorded from then on; with --replay schedule.",
  }),
  idleCap: option.length({
    value: "TIME",
    defaultText: `${DEFAULT_IDLE_CAP_MS / 1000} s`,
    help: "Longest pause before a request of a session; none = as recorded.",
  }),
  maxContext: option.integer({
    value: "TOKENS",
    min: 1,
    defaultText: "no limit",
    help: "Leave out requests whose prompt and answer are longer, and those that wait for them.",
  }),
  sessionStart: option.number({
    value: "SHARE",
    min: 0,
    max: 1,
    defaultText: "0: at their first requests",
    help: "The first sessions begin in the middle: each at an instant of its record that --seed " +
      "draws from 0 to this share. The request before it is sent as warm-up.",
  }),
  history: option.choice({
    value: "WHOSE",
    choices: ["recorded", "live"],
    defaultText: "recorded; live for hand-written sessions",
    help: "Answers that later prompts of a session hold: the recorded ones, so that prompts are " +
      "the same for every server, or those of the server.",
  }),
});

export const trace: DatasetKind = {
  name: "trace",
  description: "recorded traffic or hand-written sessions, replayed",
  needsFile: true,
  hasSessions: true,
  options: {
    ...TRACE_OPTIONS,
    tokenIds: SYNTHETIC_OPTIONS.tokenIds,
    vocab: SYNTHETIC_OPTIONS.vocab,
  },
  load: () => Promise.reject(new TypeError("Cannot make a pool of prompts of a recording")),
};
