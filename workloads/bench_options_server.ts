/**
 * Options that say which server is measured, and how it is spoken to.
 *
 * @module
 */
import { MAX_ANSWER_BYTES, MOST_LARGEST } from "../backends/limits.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import { group, option } from "./option_table.ts";

/** Protocol without `--protocol`. */
export const DEFAULT_PROTOCOL = "openai-chat";
/** `--transport` that is chosen when the server is known. */
export const AUTO_TRANSPORT = "auto";
/** Largest `--max-answer`: no text may be longer. */
const MOST_ANSWER_BYTES: number = 500 * 2 ** 20;
/** `--protocol` without a default. */
export const PROTOCOL = {
  value: "NAME",
  aliases: ["backend"],
  choices: PROTOCOLS.map(({ name }) => name),
  help: "Protocol that the server speaks.",
  group: "Server",
};

/** Which server, in which protocol, over which transport. */
export const TARGET_OPTIONS = {
  protocol: option.choice({ ...PROTOCOL, default: DEFAULT_PROTOCOL }),
  ...group("Server", {
    model: option.text({
      value: "NAME",
      aliases: ["m"],
      defaultText: "the first one the server lists",
      help: "Model name to send.",
    }),
    sessionHeader: option.text({
      value: "NAME",
      help:
        "Request header for routers, e.g. X-Session-ID: its value is the same in all requests of " +
        "a session, and another one in each session, or in each single request.",
      advanced: true,
    }),
    endpoint: option.text({
      value: "PATH",
      defaultText: "the protocol's own",
      help: "Path of the generation call, if a gateway has moved it.",
      advanced: true,
    }),
    header: option.texts({
      value: '"NAME: VALUE"',
      aliases: ["H"],
      repeat: true,
      secret: true,
      help: "Extra request header; may be given several times. Never stored.",
      advanced: true,
    }),
    apiKey: option.text({
      value: "SOURCE",
      secret: true,
      defaultText: "env:TOKOMETER_API_KEY, if set",
      help: "API key. It is sent to the server only, and is never in a file or a report.",
    }),
    transport: option.choice({
      default: AUTO_TRANSPORT,
      choices: [
        AUTO_TRANSPORT,
        ...TRANSPORTS.filter(({ carrier }) => carrier !== "inprocess").map(({ name }) => name),
      ],
      help: "How bytes travel; auto chooses by the load and says why.",
    }),
    timeout: option.seconds({ default: 600, help: "Time limit per request; 0 = none." }),
    wait: option.seconds({
      defaultText: "none: a server that is not there is an error",
      help: "Wait so long for a server that is starting, loading or busy, before the run.",
    }),
    maxAnswer: option.bytes({
      default: MAX_ANSWER_BYTES,
      min: 1024,
      max: MOST_ANSWER_BYTES,
      help: "Largest answer; a larger one fails. A single event may take a quarter of it, all " +
        `answers of a thread that are in flight ${MOST_LARGEST} times as much.`,
      advanced: true,
    }),
    caCert: option.file({
      reads: "file",
      help: "PEM file of a certificate authority to trust in addition to the system's.",
      advanced: true,
    }),
    insecure: option.flag({
      help: "Accept any TLS certificate. The fetch transport cannot; use --transport socket.",
      advanced: true,
    }),
    proxyLocal: option.flag({
      help: "Use the environment's proxy for local addresses, too.",
      advanced: true,
    }),
  }),
};

/** Several models in place of one. */
export const MODELS_OPTIONS = group("Server", {
  models: option.text({
    value: '"NAME:WEIGHT,…"',
    help:
      "Several models of one load, such as LoRA adapters, by weight: drawn from --seed for each " +
      "request, or for each session. Each is checked before the load and has a row of its own.",
  }),
  modelAssignment: option.choice({
    value: "HOW",
    choices: ["random", "round-robin", "recorded"],
    defaultText: "random; recorded for a recording of several models, without weights",
    needs: [{ key: "models", because: "one model needs none, add --models" }],
    help: "How requests or sessions get one of --models: drawn by weight, by turns, or as in the " +
      "recording, whose first model is the first of --models, and so on.",
    advanced: true,
  }),
});
