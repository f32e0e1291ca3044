/**
 * AgentX: sessions of coding agents as they were recorded, replayed under the rules of the public
 * leaderboard.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { Rule, Scenario } from "./bench_scenario.ts";
import type { OptionValue } from "./command.ts";
import { parseDuration } from "./option_duration.ts";

const IDLE_CAP_SEC = 10;

/** Fields of a request that would undo the forced length, or the stream. */
const FORCING: readonly string[] = [
  ...["ignore_eos", "min_tokens", "max_tokens", "max_completion_tokens", "stop", "stop_token_ids"],
  ...["stream", "messages", "prompt"],
];

const RECORDED = "the recording says what is sent";

const RULES: readonly Rule[] = [
  { key: "dataset", value: "trace", because: "it replays recorded sessions" },
  { key: "traceFormat", value: "weka", because: "its recordings are weka files" },
  {
    key: "replay",
    value: "sessions",
    because: "each request leaves after the end of what it waits for",
  },
  { key: "stream", value: true, because: "answers are streamed" },
  {
    key: "idleCap",
    value: String(IDLE_CAP_SEC),
    because: `pauses are as recorded, and at most ${IDLE_CAP_SEC} s`,
    keeps: isIdleCap,
  },
  { key: "length", value: "forced", because: "answers have their recorded length (ignore_eos)" },
  {
    key: "sessionStart",
    value: 1,
    because: "the first sessions begin at instants drawn over their whole records",
  },
  { key: "saltScope", value: "session", because: "the first request of each session has a mark" },
  { key: "history", value: "recorded", because: "prompts hold the recorded answers" },
  { key: "rate", because: "--concurrency says how many sessions are alive" },
  { key: "rateStages", because: "--concurrency says how many sessions are alive" },
  { key: "requests", because: "each load ends by its time" },
  { key: "once", because: "each load ends by its time" },
  { key: "outputTokens", because: "answers have their recorded length" },
  { key: "stop", because: "answers have their recorded length" },
  { key: "thinkTime", because: "pauses are as recorded" },
  { key: "maxPrefill", because: "nothing holds a request back" },
  { key: "cancel", because: "no request is given up" },
  { key: "mix", because: RECORDED },
  {
    key: "extraBody",
    because: `the rules say what is in ${FORCING.slice(0, 3).join(", ")} and their like`,
    keeps: (given) => isObject(given) && !FORCING.some((field) => field in given),
  },
];

function isIdleCap(given: OptionValue): boolean {
  return (typeof given === "string" || typeof given === "number") && given !== "none" &&
    parseDuration(given, "--idle-cap") === IDLE_CAP_SEC * 1000;
}

/** The scenario of the AgentX leaderboard. */
export const agentx: Scenario = {
  name: "agentx",
  description:
    "recorded sessions of coding agents (weka files) by the rules of the AgentX leaderboard, " +
    `30 min for each load, pauses of at most ${IDLE_CAP_SEC} s, lengths forced`,
  rules: RULES,
  leastSec: 900,
  usualSec: 1800,
};
