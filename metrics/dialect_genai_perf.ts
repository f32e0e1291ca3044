/**
 * GenAI-Perf 0.0.16: `genai_perf/profile_data_parser/llm_profile_data_parser.py`, `metrics/statistics.py`.
 *
 * Only content is counted, so thinking is a part of TTFT. Chunks that came together are one response. Its ITL
 * is our TPOT, with the output tokens but one, of answers in several responses. A request ends with its
 * last response that is not empty. The duration reaches from the first request to the last response.
 *
 * @module
 */
import { stringify } from "@std/csv";
import {
  type Definitions,
  type Dialect,
  type DialectFigure,
  type DialectLoad,
  OUR_DEFINITIONS,
  type Quantity,
  type Statistic,
} from "./dialect.ts";
import { goodRequests, perSecond } from "./dialect_serving.ts";
import { DialectValues } from "./dialect_values.ts";

const DEFINITIONS: Definitions = {
  ...OUR_DEFINITIONS,
  requests: "answered without error",
  tokens: "server",
  prompt: "client",
  first: "answer",
  proof: "several reads",
  divisor: "all but one",
  duration: "first sent to last token",
  percentiles: "any number of values",
};

export const dialect: Dialect = {
  name: "genai-perf",
  title: "genai-perf profile",
  version: "0.0.16",
  definitions: () => DEFINITIONS,
  figures: () => [
    ...SPREADS.flatMap(([tag, unit, quantity]) =>
      STATISTICS.filter(([name]) => SHOWN.includes(name)).map(([name, statistic]) => ({
        name: `${tag}.${name}`,
        title: `${headingOf(tag)} ${name} (${unit})`,
        ...{ unit, quantity, statistic },
      }))
    ),
    ...SINGLES.map(({ name, title, ...figure }) => ({
      ...figure,
      name: `${name}.avg`,
      title: `${title} (${figure.unit})`,
    })),
  ],
  missing: [
    "Tokens of answers are the server's; GenAI-Perf encodes the text with the tokenizer given, and records hold no such count",
    "Tokens of prompts are the client's own where the dataset has them, else the server's",
    "Its times are rounded to ns",
    "Sessions and telemetry are not made",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
  ],
  files: (load) => [
    { name: "profile_export_genai_perf.json", text: json(load) },
    { name: "profile_export_genai_perf.csv", text: csv(load) },
  ],
};

const USER = "tokens/sec/user";

/** In the order of its tables. */
const SPREADS: readonly (readonly [tag: string, unit: string, quantity: Quantity])[] = [
  ["time_to_first_token", "ms", "ttft"],
  ["time_to_second_token", "ms", "ttst"],
  ["request_latency", "ms", "e2e"],
  ["inter_token_latency", "ms", "tpot"],
  ["output_token_throughput_per_user", USER, "decode rate"],
  ["output_sequence_length", "tokens", "output"],
  ["input_sequence_length", "tokens", "prompt"],
];

const STATISTICS: readonly (readonly [name: string, statistic: Statistic])[] = [
  ["avg", "mean"],
  ...[1, 5, 10, 25, 50, 75, 90, 95, 99].map((p) => [`p${p}`, p] as const),
  ...[["min", "min"], ["max", "max"], ["std", "std"]] as const,
];

/** Those of its terminal. */
const SHOWN: readonly string[] = ["avg", "min", "max", "p99", "p90", "p75"];
/** Columns of its CSV. */
const COLUMNS: readonly string[] = [
  ...["avg", "min", "max", "p99", "p95", "p90", "p75", "p50", "p25", "p10", "p5", "p1"],
];

const SINGLES: readonly DialectFigure[] = [
  {
    ...{ name: "output_token_throughput", title: "Output Token Throughput", unit: "tokens/sec" },
    ...{ quantity: "output", statistic: "rate" },
  },
  {
    ...{ name: "request_throughput", title: "Request Throughput", unit: "requests/sec" },
    ...{ quantity: "requests", statistic: "rate" },
  },
  {
    ...{ name: "request_count", title: "Request Count", unit: "count" },
    ...{ quantity: "requests", statistic: "sum" },
  },
];

function headingOf(tag: string): string {
  return tag.replaceAll("_", " ").replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
}

function valuesOf(load: DialectLoad): ReadonlyMap<string, Readonly<Record<string, number>>> {
  const values = new DialectValues(load);
  const found = new Map<string, Readonly<Record<string, number>>>();
  for (const [tag, unit, quantity] of SPREADS) {
    const entries = STATISTICS.flatMap(([name, statistic]) => {
      const value = values.figure({ name, title: "", unit, quantity, statistic }, DEFINITIONS);
      return value === undefined ? [] : [[name, value] as const];
    });
    if (entries.length > 0) found.set(tag, Object.fromEntries(entries));
  }
  return found;
}

function singlesOf(load: DialectLoad): readonly (readonly [DialectFigure, number])[] {
  const values = new DialectValues(load);
  return SINGLES.map((figure) => [figure, values.figure(figure, DEFINITIONS) ?? 0]);
}

function json(load: DialectLoad): string {
  const { header, plan } = load;
  const good = goodRequests(load, DEFINITIONS);
  const units = new Map(SPREADS.map(([tag, unit]) => [tag, unit]));
  return `${
    JSON.stringify(
      {
        ...Object.fromEntries(
          singlesOf(load).map(([{ name, unit }, avg]) => [name, { unit, avg }]),
        ),
        ...(good === undefined ? {} : {
          request_goodput: {
            unit: "requests/sec",
            avg: perSecond(good, load, DEFINITIONS) ?? 0,
          },
        }),
        ...Object.fromEntries(
          [...valuesOf(load)].map(([tag, values]) => [tag, { unit: units.get(tag), ...values }]),
        ),
        input_config: {
          model_names: [header.model],
          endpoint: { url: header.url, streaming: header.stream },
          perf_analyzer: {
            stimulus: plan.kind === "closed"
              ? { concurrency: plan.users }
              : { request_rate: plan.ratePerSec },
          },
        },
      },
      null,
      2,
    )
  }\n`;
}

function csv(load: DialectLoad): string {
  const found = valuesOf(load);
  // Python's format with two digits and commas.
  const cell = (value: number | undefined) =>
    value === undefined
      ? ""
      : value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return [
    stringify([
      ["Metric", ...COLUMNS],
      ...SPREADS.filter(([tag]) => found.has(tag)).map(([tag, unit]) => [
        `${headingOf(tag)} (${unit})`,
        ...COLUMNS.map((name) => cell(found.get(tag)![name])),
      ]),
    ]),
    stringify([
      ["Metric", "Value"],
      ...singlesOf(load).map(([{ title, unit }, value]) => [`${title} (${unit})`, cell(value)]),
    ]),
  ].join("\r\n");
}
