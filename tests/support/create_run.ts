/**
 * Builds a run of one or more loads around hand-made records.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";
import {
  type LoadEnd,
  type LoadPlan,
  RECORD_SCHEMA,
  type Run,
  type RunHeader,
} from "../../metrics/run.ts";

/** What a test wants to be different. */
export interface RunFields {
  readonly header?: Partial<RunHeader>;
  /** One a load; default: one closed load of one user. */
  readonly loads?: readonly Partial<LoadPlan>[];
  /** One a load; default: from the records, without a ramp. */
  readonly ends?: readonly Partial<LoadEnd>[];
}

/** A run over `records`; durations follow from the stamps unless `ends` says otherwise. */
export function createRun(records: readonly RequestRecord[], fields: RunFields = {}): Run {
  const loads = (fields.loads ?? [{}]).map((load): LoadPlan => ({
    label: "1 user",
    kind: "closed",
    ...(load.kind === "open" ? {} : { users: 1, rampUpMs: 0 }),
    ...load,
  }));
  const ends = loads.map((_, load): LoadEnd => {
    const own = records.filter((record) => record.load === load && record.phase === "measure");
    return {
      load,
      durationMs: Math.max(0, ...own.map((record) => record.endMs ?? 0)),
      rampEndMs: 0,
      sendingEndMs: Math.max(0, ...own.map((record) => record.sentMs ?? 0)),
      interrupted: false,
      ...fields.ends?.[load],
    };
  });
  return { header: createHeader({ loads, ...fields.header }), records, ends };
}

/** A header with a value in every field that is always there. */
export function createHeader(fields: Partial<RunHeader> = {}): RunHeader {
  return {
    schema: RECORD_SCHEMA,
    version: "0.1.0",
    startedAt: "2026-01-02T03:04:05.678Z",
    scenario: "bench",
    commandLine: ["bench", "--url", "http://127.0.0.1:8000"],
    options: { url: "http://127.0.0.1:8000", transport: "fetch" },
    url: "http://127.0.0.1:8000",
    protocol: "openai-completions",
    transport: "fetch",
    workers: 0,
    model: "tiny",
    length: "forced",
    stream: true,
    seed: 0,
    dataset: {
      kind: "synthetic",
      source: "synthetic",
      prompts: 100,
      skipped: {},
      duplicates: 0,
    },
    tokenizer: { source: "tokenizer", name: "tiny" },
    loads: [],
    environment: {
      os: "linux",
      arch: "x86_64",
      cores: 2,
      deno: "2.9.6",
      v8: "14.0",
    },
    ...fields,
  };
}
