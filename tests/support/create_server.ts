/**
 * The server's own side of a load, made by hand, for tests of what shows it.
 *
 * @module
 */
import type {
  ServerCounts,
  ServerEndpoint,
  ServerFigure,
  ServerSummary,
  Speculation,
  TimePart,
  TimeSplit,
} from "../../metrics/load_server.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import type { Summary } from "../../metrics/summary.ts";

/** An endpoint of vLLM that was read 11 times in 10 s. */
export function createEndpoint(fields: Partial<ServerEndpoint> = {}): ServerEndpoint {
  return {
    url: "http://127.0.0.1:8000/metrics",
    engine: "vllm",
    scrapes: 11,
    failed: 0,
    failure: undefined,
    slowestMs: 4.2,
    window: { fromMs: -3, toMs: 10_002 },
    resets: 0,
    ...fields,
  };
}

/** A figure; numbers that its kind does not have are absent. */
export function createFigure(
  fields: Pick<ServerFigure, "role" | "title" | "kind"> & Partial<ServerFigure>,
): ServerFigure {
  return {
    unit: "requests",
    names: [`vllm:${fields.role}`],
    mean: undefined,
    max: undefined,
    difference: undefined,
    perSec: undefined,
    count: undefined,
    percentiles: [],
    ...fields,
  };
}

/** A histogram of times whose p50 and p99 lie in buckets of known width. */
export function createTimes(role: string, title: string, meanMs: number): ServerFigure {
  return createFigure({
    ...{ role, title, kind: "histogram", unit: "ms" },
    mean: meanMs,
    count: 120,
    percentiles: [
      { p: 50, value: meanMs * 0.9, bucket: { low: meanMs * 0.8, high: meanMs } },
      { p: 99, value: undefined, bucket: { low: meanMs * 4, high: undefined } },
    ],
  });
}

/** What vLLM says of a load of 10 s. */
export function createServer(fields: Partial<ServerSummary> = {}): ServerSummary {
  return {
    endpoints: [createEndpoint()],
    figures: [
      createFigure({
        role: "running",
        title: "Requests running",
        kind: "gauge",
        mean: 7.5,
        max: 8,
      }),
      createFigure({ role: "waiting", title: "Requests waiting", kind: "gauge", mean: 2, max: 5 }),
      createFigure({
        ...{ role: "cache_use", title: "KV cache in use", kind: "gauge", unit: "share" },
        ...{ mean: 0.42, max: 0.61 },
      }),
      createFigure({
        ...{
          role: "preemptions",
          title: "Preemptions",
          kind: "counter",
          difference: 3,
          perSec: 0.3,
        },
      }),
      createFigure({
        ...{ role: "output_tokens", title: "Output tokens", kind: "counter", unit: "tokens" },
        ...{ difference: 6000, perSec: 600 },
      }),
      createTimes("ttft", "TTFT", 119),
      createTimes("queue_time", "Queue time", 80),
      createTimes("prefill_time", "Prefill time", 39),
    ],
    others: [
      {
        name: 'process_open_fds{pid="1"}',
        type: "gauge",
        first: 30,
        last: 31,
        difference: undefined,
      },
      { name: "http_requests_total", type: "counter", first: 1, last: 122, difference: 121 },
    ],
    course: {
      timeMs: [0, 2500, 5000, 7500, 10_000],
      lines: [
        { role: "running", title: "Requests running", unit: "requests", values: [0, 8, 8, 7, 0] },
        {
          role: "waiting",
          title: "Requests waiting",
          unit: "requests",
          values: [0, 5, null, 2, 0],
        },
        {
          role: "cache_use",
          title: "KV cache in use",
          unit: "share",
          values: [0, 0.5, 0.61, 0.4, 0],
        },
        {
          role: "output_tokens",
          title: "Output tokens",
          unit: "tokens/s",
          values: [null, 800, 700, 600, 300],
        },
      ],
    },
    ...fields,
  };
}

/** A part of a split, without percentiles. */
export function createPart(
  name: TimePart["name"],
  meanMs: number,
  fields: Partial<TimePart> = {},
): TimePart {
  return { name, meanMs, bracket: undefined, percentiles: [], ...fields };
}

/** 120 ms = client 0.2 + network 0.8 + queue 80 + prefill 39. */
export function createSplit(fields: Partial<TimeSplit> = {}): TimeSplit {
  return {
    basis: "means",
    requests: 120,
    ttftMs: 120,
    parts: [
      createPart("client", 0.2, { bracket: { low: 0.1, high: 0.3 } }),
      createPart("network", 0.8),
      createPart("queue", 80),
      createPart("prefill", 39),
    ],
    remarks: [],
    ...fields,
  };
}

/** Counts that agree. */
export function createCounts(): readonly ServerCounts[] {
  return [
    { what: "requests", server: 120, client: 120, others: false },
    { what: "prompt_tokens", server: 12_000, client: 12_000, others: false },
    { what: "output_tokens", server: 6000, client: 6000, others: false },
  ];
}

/** A server that guesses three tokens ahead. */
export function createSpeculation(fields: Partial<Speculation> = {}): Speculation {
  return {
    basis: "counters",
    acceptedLength: 2.4,
    acceptance: 0.467,
    byPosition: [0.8, 0.4, 0.2],
    tokensPerTick: 2.35,
    joinedTicks: 0.7,
    ...fields,
  };
}

/** The fields of a load that are about its server. */
export type ServerSide = Pick<LoadSummary, "server" | "timeSplit" | "serverCounts" | "speculation">;

/** Everything that a server can say; fields that are given replace it, also by `undefined`. */
export function createServerSide(fields: Partial<ServerSide> = {}): ServerSide {
  return {
    server: createServer(),
    timeSplit: createSplit(),
    serverCounts: createCounts(),
    speculation: createSpeculation(),
    ...fields,
  };
}

/** The summary with a server's side in each load, the last one in all further loads. */
export function withServer(summary: Summary, ...sides: readonly ServerSide[]): Summary {
  const given = sides.length === 0 ? [createServerSide()] : sides;
  return {
    ...summary,
    loads: summary.loads.map((load, i) => ({ ...load, ...given[Math.min(i, given.length - 1)]! })),
  };
}
