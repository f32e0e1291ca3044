/**
 * The backends of the api_bench_tools scripts: under the scripts' names, with the scripts' request
 * parameters, in our protocols.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import type { LaunchEngine } from "../backends/launch_engines.ts";
import type { Sampling } from "../backends/protocol.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import type { ClientsCounting } from "../metrics/script_clients_row.ts";

/** A backend as the scripts know it. */
export interface ScriptBackend {
  /** After `--backend`. */
  readonly name: string;
  /** Name of our protocol. */
  readonly protocol: string;
  readonly sampling: Sampling;
  /** Fields that the script sends besides. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** The model in the address, where the script never asks. */
  readonly model?: string;
  /** Environment variable with the server's address in the sweep. */
  readonly urlVariable?: string;
  /** Environment variable with the key. */
  readonly keyVariable?: string;
  /** What the script takes for a token (T7); absent = each event with text. */
  readonly counts?: ClientsCounting["count"];
  /** The script leaves out the gap before an event with usage (T10). */
  readonly usageHidesGaps?: true;
}

/** The scripts' own names; each reaches a protocol (T36). */
export const SCRIPT_BACKENDS: readonly ScriptBackend[] = [
  {
    name: "vllm",
    protocol: "openai-completions",
    sampling: { temperature: 0 },
    urlVariable: "VLLM_SERVER_URL",
    keyVariable: "OPENAI_API_KEY",
    usageHidesGaps: true,
  },
  {
    name: "ppl",
    protocol: "ppl",
    sampling: { temperature: 0.8, topK: 40, topP: 0.7 },
    extraBody: { repetition_penalty: 1.05 },
    urlVariable: "PPL_SERVER_URL",
  },
  {
    name: "trtllm",
    protocol: "triton-trtllm",
    sampling: { temperature: 0 },
    // The script's --model is a folder; the model of its address is always this one.
    model: "ensemble",
    counts: "events",
    urlVariable: "TRTLLM_SERVER_URL",
  },
  {
    name: "lightllm",
    protocol: "lightllm",
    sampling: {},
    // As the script sends them, although the engine ignores a temperature without do_sample.
    extraBody: { parameters: { temperature: 0, frequency_penalty: 1, do_sample: null } },
    urlVariable: "LIGHTLLM_SERVER_URL",
    counts: "counter",
  },
  {
    name: "amsv2",
    protocol: "amsv2",
    sampling: { temperature: 0.8, topK: 50, topP: 0.7 },
    extraBody: { parameters: { repetition_penalty: 1.1 } },
    urlVariable: "AMSV2_SERVER_URL",
    keyVariable: "AMSV2_API_KEY",
    counts: "counter",
  },
  {
    name: "sglang",
    protocol: "sglang",
    sampling: { temperature: 0 },
    urlVariable: "SGLANG_SERVER_URL",
  },
];

/** How the script counted the answers of a backend. */
export function scriptCounting(
  { counts = "texts", usageHidesGaps }: ScriptBackend,
): Required<Pick<ClientsCounting, "count" | "usageHidesGaps">> {
  return { count: counts, usageHidesGaps: usageHidesGaps === true };
}

/** The scripts' own default. */
export const DEFAULT_BACKEND = "vllm";

/** The backend for an engine that is launched: by the scripts' name where they have one. */
export function backendOf({ protocol }: LaunchEngine): string {
  return SCRIPT_BACKENDS.find((backend) => backend.protocol === protocol)?.name ?? protocol;
}

/** What `--backend` takes: the scripts' names, then every protocol that has no such name. */
export const BACKEND_CHOICES: readonly string[] = [
  ...new Set([
    ...SCRIPT_BACKENDS.map(({ name }) => name),
    ...PROTOCOLS.filter(({ carrier }) => carrier !== "inprocess").map(({ name }) => name),
  ]),
];

/** The backend of that name; a protocol's own name is asked for its likeliest tokens. */
export function findBackend(name: string): ScriptBackend {
  return SCRIPT_BACKENDS.find((backend) => backend.name === name) ?? {
    name,
    protocol: name,
    sampling: { temperature: 0 },
  };
}
