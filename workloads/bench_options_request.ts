/**
 * Options that say what each request asks for.
 *
 * @module
 */
import { group, option } from "./option_table.ts";

/** What each request asks for. */
export const REQUEST_OPTIONS = group("Request", {
  length: option.choice({
    value: "HOW",
    defaultText: "forced where the protocol can, else cap; cap for a file's whole requests",
    choices: ["forced", "cap"],
    help: "forced: the engine must generate exactly the requested length; cap: at most that.",
  }),
  maxCompletionTokens: option.flag({
    defaultText: "found out by the check request",
    help: "Send the length as max_completion_tokens, not max_tokens.",
    advanced: true,
  }),
  stream: option.flag({
    default: true,
    help: "Stream the answers; --no-stream measures E2E only.",
  }),
  temperature: option.number({
    value: "T",
    min: 0,
    defaultText: "the engine's",
    help: "Sampling temperature.",
  }),
  topP: option.number({
    value: "P",
    min: 0,
    max: 1,
    defaultText: "the engine's",
    help: "Nucleus sampling.",
  }),
  topK: option.integer({
    value: "K",
    min: -1,
    defaultText: "the engine's",
    help: "Sample from the K most likely tokens.",
  }),
  samplingSeed: option.integer({
    defaultText: "none",
    help: "Seed sent to the engine with each request.",
    advanced: true,
  }),
  stop: option.texts({
    repeat: true,
    help: "Stop sequence; may be given several times. Use it with --length cap.",
    advanced: true,
  }),
  extraBody: option.json({
    value: "JSON",
    help: `Fields merged over the request body, e.g. '{"cache_prompt": false}'; null removes one.`,
  }),
});
