/**
 * `/metrics` of a run that goes on, for Prometheus: text format 0.0.4, or OpenMetrics 1.0 for whoever
 * asks for it. Both have the same series. Histograms have fixed buckets, since neither format can
 * carry native ones.
 *
 * @module
 */
import { OUTCOME_KINDS } from "../backends/record.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { LiveCounts, LiveHistogram } from "./live_counters.ts";
import type { LiveState } from "./live_state.ts";
import { withoutSecrets } from "./secret.ts";
import { VERSION } from "./version.ts";

/** An answer to `GET /metrics`. */
export interface MetricsAnswer {
  /** For the header `Content-Type`. */
  readonly contentType: string;
  /** Its body. */
  readonly body: string;
}

/**
 * The answer to `GET /metrics`: depends on nothing but its arguments.
 *
 * @param counts over the whole run, from `createLiveCounters`.
 * @param state the run now.
 * @param accept the header `Accept` of the request; absent = text format 0.0.4.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 * import {
 *   createLiveBoard,
 *   createLiveCounters,
 *   renderPrometheus,
 * } from "@tokometer/tokometer/workloads";
 *
 * const [board, counters] = [createLiveBoard(), createLiveCounters()];
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * await measureBench(server.url, { concurrency: [1], requests: 4 }, {
 *   onRecord: (record) => counters.record(record),
 * });
 * await server.stop();
 * const { body } = renderPrometheus(counters.counts(), board.state());
 * assertStringIncludes(body, "tokometer_requests_completed_total 4");
 * ```
 */
export function renderPrometheus(
  counts: LiveCounts,
  state: LiveState,
  accept?: string | null,
): MetricsAnswer {
  const open = wantsOpenMetrics(accept ?? "");
  const families = [...familiesOf(counts, state)].filter(({ samples }) => samples.length > 0);
  const lines = families.flatMap((family) => linesOf(family, open));
  return {
    contentType: open
      ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
      : "text/plain; version=0.0.4; charset=utf-8",
    body: `${lines.join("\n")}\n${open ? "# EOF\n" : ""}`,
  };
}

/** Whether OpenMetrics is among what the client takes, and not refused by a weight of 0. */
function wantsOpenMetrics(accept: string): boolean {
  return accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "application/openmetrics-text" &&
      !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

type Labels = Readonly<Record<string, string>>;

interface Sample {
  /** Behind the name of the family, e.g. `_bucket`; a counter's `_total` stands in its name. */
  readonly suffix?: string;
  readonly labels?: Labels;
  readonly value: number;
}

/** A metric with all its series. */
interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** A sentence without a period, the unit in it. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

function* familiesOf(counts: LiveCounts, state: LiveState): Generator<Family> {
  const { header } = counts;
  yield gauge("tokometer_build_info", "Version of Tokometer, always 1", [
    { labels: { version: VERSION }, value: 1 },
  ]);
  yield gauge(
    "tokometer_run_info",
    "What is measured, always 1",
    header === undefined ? [] : [{
      labels: {
        ...{ name: header.name ?? "", model: header.model },
        ...{ protocol: header.protocol, transport: header.transport },
      },
      value: 1,
    }],
  );
  yield gauge("tokometer_load_info", "The load that is measured now, always 1", [
    {
      labels: { load: String(state.load), label: state.label, phase: state.phase },
      value: 1,
    },
  ]);
  yield* requestFamilies(counts, state);
  yield gauge("tokometer_load", "Number of the load that is measured now, from 1", one(state.load));
  yield gauge("tokometer_loads", "Loads of the run, where they are planned", some(state.loads));
  yield counter("tokometer_loads_ended", "Loads that have ended", one(counts.loadsEnded));
  yield gauge(
    "tokometer_run_elapsed_seconds",
    "Since the run began",
    one(state.runElapsedMs / 1000),
  );
  yield gauge(
    "tokometer_run_left_seconds",
    "Until the end of the run, estimated",
    some(state.runLeftMs, 1000),
  );
  const verdict = state.verdict?.state ?? "unknown";
  yield gauge(
    "tokometer_verdict",
    "Whether the server is measured or the client, so far: 1 for the state that holds",
    VERDICTS.map((one) => ({ labels: { state: one }, value: one === verdict ? 1 : 0 })),
  );
  yield histogram(
    "tokometer_time_to_first_token_seconds",
    "From sending a request to its first token",
    counts.ttft,
  );
  yield histogram(
    "tokometer_inter_token_latency_seconds",
    "Gaps between reads that brought tokens",
    counts.itl,
  );
  yield histogram(
    "tokometer_e2e_request_latency_seconds",
    "From sending a request to its last token",
    counts.e2e,
  );
  const { server } = state;
  yield gauge(
    "tokometer_server_requests_running",
    "Requests that the server worked on when its metrics were last read",
    some(server?.running),
  );
  yield gauge(
    "tokometer_server_requests_waiting",
    "Requests that waited in the server when its metrics were last read",
    some(server?.waiting),
  );
  yield gauge(
    "tokometer_server_cache_usage_ratio",
    "Share of the server's cache that was in use when its metrics were last read, 0 to 1",
    some(server?.cacheUse),
  );
}

const VERDICTS = ["ok", "doubtful", "client-bound", "unknown"] as const;

function* requestFamilies(counts: LiveCounts, state: LiveState): Generator<Family> {
  const { ended } = counts;
  yield counter("tokometer_requests_sent", "Requests that have left", one(counts.sent));
  yield counter("tokometer_requests_completed", "Requests that succeeded", one(ended.ok ?? 0));
  yield counter(
    "tokometer_requests_failed",
    "Requests that failed, by how",
    [
      ...FAILURES.map((kind) => ({ labels: { kind }, value: ended[kind] ?? 0 })),
      ...(counts.failedUntold === 0
        ? []
        : [{ labels: { kind: "on_an_agent" }, value: counts.failedUntold }]),
    ],
  );
  yield counter(
    "tokometer_requests_cancelled",
    "Requests that the client ended itself: at its own end, or as the plan had it",
    [
      { labels: { reason: "stopped" }, value: ended.cancelled ?? 0 },
      { labels: { reason: "planned" }, value: ended.cancelled_as_planned ?? 0 },
    ],
  );
  yield counter(
    "tokometer_requests_dropped",
    "Requests that never left, since too many were in flight",
    one(ended.dropped ?? 0),
  );
  yield gauge(
    "tokometer_requests_in_flight",
    "Requests that have left and not ended",
    one(state.inFlight),
  );
  yield counter(
    "tokometer_prompt_tokens",
    "Prompt tokens of requests that succeeded",
    one(counts.promptTokens),
  );
  yield counter(
    "tokometer_output_tokens",
    "Output tokens of requests that succeeded",
    one(counts.outputTokens),
  );
}

/** Outcomes that the server is to blame for. */
const FAILURES = OUTCOME_KINDS.filter((kind) =>
  !["ok", "cancelled", "cancelled_as_planned", "dropped"].includes(kind)
);

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: "gauge", help, samples };
}

/** @param name without `_total`. */
function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return {
    ...{ name, type: "counter", help },
    samples: samples.map((sample) => ({ suffix: "_total", ...sample })),
  };
}

function histogram(name: string, help: string, values: LiveHistogram): Family {
  let count = 0;
  const buckets = values.counts.map((more, i): Sample => {
    count += more;
    const edge = values.edgesSec[i];
    const le = edge === undefined ? "+Inf" : floatText(edge);
    return { suffix: "_bucket", labels: { le }, value: count };
  });
  return {
    ...{ name, type: "histogram", help },
    samples: [
      ...buckets,
      { suffix: "_sum", value: values.sumSec },
      { suffix: "_count", value: count },
    ],
  };
}

function one(value: number): readonly Sample[] {
  return [{ value }];
}

/** No series where there is no value: 0 would be one. */
function some(value: number | undefined, per = 1): readonly Sample[] {
  return value === undefined ? [] : one(value / per);
}

function linesOf({ name, type, help, samples }: Family, open: boolean): string[] {
  // Only OpenMetrics names the family of a counter without its suffix.
  const family = type === "counter" && !open ? `${name}_total` : name;
  return [
    `# HELP ${family} ${escapeText(help)}.`,
    `# TYPE ${family} ${type}`,
    ...(open && name.endsWith("_seconds") ? [`# UNIT ${family} seconds`] : []),
    ...samples.map(({ suffix = "", labels = {}, value }) =>
      `${name}${suffix}${labelsText(labels)} ${valueText(value)}`
    ),
  ];
}

/** Longest value of a label: users and servers choose some of them. */
const LABEL_CHARACTERS = 200;

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${labelText(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function labelText(value: string): string {
  const shown = [...visibleLine(withoutSecrets(value))];
  const cut = shown.length > LABEL_CHARACTERS
    ? [...shown.slice(0, LABEL_CHARACTERS - 1), "…"]
    : shown;
  return escapeText(cut.join("")).replaceAll('"', '\\"');
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}

/** Whole numbers as `1.0`: in OpenMetrics the end of a bucket is written so. */
function floatText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
