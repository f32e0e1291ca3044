/**
 * Builds request records from round numbers, so that a test shows only what it is about.
 *
 * @module
 */
import type { RequestRecord } from "../../backends/record.ts";

/** Fields to set; `undefined` removes a default. */
export type RecordFields =
  & {
    /** `[ms, tokens so far]` of each tick. */
    readonly ticks?: readonly (readonly [ms: number, cumulative: number])[];
  }
  & { readonly [Field in keyof RequestRecord]?: RequestRecord[Field] | undefined };

/**
 * A completed request whose other fields follow from `sentMs` (default 0) and `ticks` (default one
 * token after 100 ms, four more every 10 ms). Prompt tokens 10; a forced length that was delivered.
 *
 * `createRecord({ sentMs: 0, ticks: [[100, 1], [200, 2]] })` has TTFT 100 and one gap of 100.
 */
export function createRecord(fields: RecordFields = {}): RequestRecord {
  const sentMs = "sentMs" in fields ? fields.sentMs : 0;
  const startMs = sentMs ?? 0;
  const {
    ticks = [[100, 1], [110, 2], [120, 3], [130, 4], [140, 5]].map(([ms, n]) =>
      [startMs + ms!, n!] as const
    ),
    ...overrides
  } = fields;
  const first = ticks[0]?.[0];
  const last = ticks.at(-1);
  const values: Record<string, unknown> = {
    load: 0,
    phase: "measure",
    index: 0,
    user: 0,
    promptId: "prompt-0",
    intendedMs: startMs,
    sentMs: startMs,
    firstByteMs: first,
    firstEventMs: first,
    firstTokenMs: first,
    lastTokenMs: last?.[0],
    endMs: last?.[0] ?? startMs,
    tickMs: Float64Array.from(ticks, ([ms]) => ms),
    tickTokens: Uint32Array.from(ticks, ([, tokens]) => tokens),
    tickSource: "counter",
    reads: ticks.length,
    events: ticks.length,
    bytes: 50 * ticks.length,
    promptTokens: { tokens: 10, source: "usage" },
    outputTokens: last && { tokens: last[1], source: "counter" },
    requestedTokens: last?.[1] ?? 5,
    lengthForced: true,
    finishReason: "length",
    connection: "reused",
    outcome: { kind: "ok" },
    ...overrides,
  };
  for (const [name, value] of Object.entries(values)) if (value === undefined) delete values[name];
  return values as unknown as RequestRecord;
}

/** A request that ended as `kind` after `afterMs`, without a token. */
export function createFailure(
  kind: Exclude<RequestRecord["outcome"]["kind"], "ok">,
  options: RecordFields & { readonly message?: string; readonly afterMs?: number } = {},
): RequestRecord {
  const { message = "it broke", afterMs = 10, ...fields } = options;
  const outcome = kind === "http_error" ? { kind, status: 503, message } : { kind, message };
  const sentMs = kind === "dropped" ? undefined : "sentMs" in fields ? fields.sentMs : 0;
  return createRecord({
    ticks: [],
    tickSource: undefined,
    finishReason: undefined,
    endMs: sentMs === undefined ? undefined : sentMs + afterMs,
    ...fields,
    sentMs,
    intendedMs: fields.intendedMs ?? sentMs ?? 0,
    outcome,
  });
}
