/**
 * `vllm bench serve` of vLLM 0.33.0: `vllm/benchmarks/serve.py` and `lib/endpoint_request_func.py`.
 *
 * Chat: chunks with content, thinking or a tool call are counted, role chunks are not. Completions: every
 * chunk with a choice is counted, also one of empty text. Each chunk is stamped when it is parsed, so
 * chunks of one read are a few µs apart. Success is status 200 and one counted chunk; lengths and end
 * marks are not looked at. Percentiles are numpy's, over any number of values.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import {
  type Definitions,
  type Dialect,
  type DialectFigure,
  type DialectLoad,
  type DialectOwnFigure,
  OUR_DEFINITIONS,
  type Statistic,
} from "./dialect.ts";
import { dateTimeStamp, fileWord, modelName, startMsOf } from "./dialect_names.ts";
import { speakFigures } from "./dialect_explain.ts";
import {
  durationMs,
  firstMs,
  gapsOf,
  isCounted,
  outputTokens,
  valuesOf,
} from "./dialect_values.ts";
import type { RunHeader } from "./run.ts";

/** More gaps than this are left out of the file, as without `--save-detailed`. */
const MOST_GAPS = 1_000_000;

export const dialect: Dialect = {
  name: "vllm",
  title: "vllm bench serve",
  version: "0.33.0",
  definitions,
  figures,
  missing: [
    "Chunks of one read are 0 apart here and a few µs there, the time that it takes to parse them",
    "Chunks with a choice and no text, such as one with a finish reason alone, end one more gap there; records do not hold when they came",
    "An answer that ended without an end mark is a failure here; there it is one only where the connection broke",
    "Where the server sends no usage, the text is tokenized there with the model's tokenizer; here it is the count of the record",
  ],
  files: (load) => [{ name: fileName(load), text: `${JSON.stringify(result(load))}\n` }],
};

function definitions({ protocol }: Pick<RunHeader, "protocol">): Definitions {
  return {
    ...OUR_DEFINITIONS,
    requests: "answered",
    tokens: "server",
    first: protocol === "openai-completions" ? "event" : "token",
    proof: "any",
    gaps: "chunks",
    divisor: "all but one",
    duration: "until all ended",
    percentiles: "any number of values",
  };
}

const SPREADS = [["ttft", "TTFT"], ["tpot", "TPOT"], ["itl", "ITL"], ["e2el", "E2EL"]] as const;

function figures({ percentiles, slo }: DialectLoad): readonly (DialectFigure | DialectOwnFigure)[] {
  const limited = slo !== undefined && slo.limits.length > 0;
  return [
    total("completed", "Successful requests", "requests", "sum"),
    { ...own("failed", "Failed requests", ""), how: "every other request", of: failed },
    {
      ...own("duration", "Benchmark duration (s)", "s"),
      how: "until every request had ended",
      of: seconds,
    },
    total("total_input_tokens", "Total input tokens", "prompt", "sum"),
    total("total_output_tokens", "Total generated tokens", "output", "sum"),
    total("request_throughput", "Request throughput (req/s)", "requests", "rate"),
    ...(limited
      ? [{
        ...own("request_goodput", "Request goodput (req/s)", "req/s"),
        how: "requests within the limits on ttft, tpot and e2e; one token has a TPOT of 0",
        of: goodput,
      }]
      : []),
    total("output_throughput", "Output token throughput (tok/s)", "output", "rate"),
    {
      ...own("max_output_tokens_per_s", "Peak output token throughput (tok/s)", "chunks/s"),
      how: "most chunks in a second from the first start on; a chunk counts as one token",
      of: (load) => peaks(load).chunks,
    },
    {
      ...own("max_concurrent_requests", "Peak concurrent requests", ""),
      how: "most requests that any part of one such second belongs to, so more than at any instant",
      of: (load) => peaks(load).requests,
    },
    total("total_token_throughput", "Total token throughput (tok/s)", "total", "rate"),
    ...SPREADS.flatMap(([key, title]) =>
      ([
        ["mean", "Mean", "mean"],
        ["median", "Median", 50],
        ["std", "Std", "std"],
        ...percentiles.filter((p) => p !== 50).map((p) => [`p${p}`, `P${p}`, p] as const),
      ] as const).map(([word, heading, statistic]): DialectFigure => ({
        name: `${word}_${key}_ms`,
        title: `${heading} ${title} (ms)`,
        unit: "ms",
        quantity: key === "e2el" ? "e2e" : key,
        statistic,
      }))
    ),
  ];
}

function total(
  name: string,
  title: string,
  quantity: DialectFigure["quantity"],
  statistic: Statistic,
): DialectFigure {
  const unit = quantity === "requests" ? "req" : "tokens";
  return { name, title, quantity, statistic, unit: statistic === "rate" ? `${unit}/s` : unit };
}

function own(name: string, title: string, unit: string): Omit<DialectOwnFigure, "how" | "of"> {
  return { name, title, unit };
}

function counted(load: DialectLoad): readonly RequestRecord[] {
  return load.records.filter((record) => isCounted(record, definitions(load.header)));
}

function sent({ records }: DialectLoad): readonly RequestRecord[] {
  return records.filter(({ sentMs }) => sentMs !== undefined);
}

function failed(load: DialectLoad): number {
  return sent(load).length - counted(load).length;
}

function seconds(load: DialectLoad): number {
  return durationMs(load, definitions(load.header)) / 1000;
}

const GOODPUT_KEYS: Readonly<Record<string, "ttft" | "tpot" | "e2e">> = {
  ttft: "ttft",
  tpot: "tpot",
  e2e: "e2e",
};

function goodput(load: DialectLoad): number | undefined {
  const own = definitions(load.header);
  const limits = load.slo?.limits.filter(({ metric }) => metric in GOODPUT_KEYS) ?? [];
  if (limits.length === 0) return undefined;
  const good =
    counted(load).filter((record) =>
      limits.every(({ metric, limit }) =>
        (valuesOf(record, GOODPUT_KEYS[metric]!, own)[0] ?? 0) <= limit
      )
    ).length;
  return good / seconds(load);
}

/** Most chunks, and most requests, of a second that begins with the first request. */
function peaks(load: DialectLoad): { readonly chunks: number; readonly requests: number } {
  const own = definitions(load.header);
  const requests = counted(load);
  const start = Math.min(...requests.map(({ sentMs }) => sentMs ?? Infinity));
  const chunks = new Map<number, number>();
  const active = new Map<number, number>();
  const add = (to: Map<number, number>, second: number) =>
    to.set(second, (to.get(second) ?? 0) + 1);
  for (const record of requests) {
    let at = firstMs(record, own);
    if (at === undefined || record.sentMs === undefined) continue;
    const secondOf = (ms: number) => Math.trunc((ms - start) / 1000);
    add(chunks, secondOf(at));
    for (const gap of gapsOf(record, own)) add(chunks, secondOf(at += gap));
    const last = secondOf(record.lastTokenMs ?? at);
    for (let second = secondOf(record.sentMs); second <= last; second++) add(active, second);
  }
  return { chunks: Math.max(0, ...chunks.values()), requests: Math.max(0, ...active.values()) };
}

/** As `--save-result --save-detailed` writes it, with `--percentile-metrics ttft,tpot,itl,e2el`. */
function result(load: DialectLoad): Record<string, unknown> {
  const { header, plan } = load;
  const own = definitions(header);
  const requests = sent(load);
  const backend = backendOf(header);
  const spoken = Object.fromEntries(
    // numpy's mean of nothing is taken of a 0.
    speakFigures(dialect, load).map(({ name, theirs }) => [name, theirs ?? 0]),
  );
  const { request_goodput = null, ...numbers } = spoken;
  const seen = (record: RequestRecord) => isCounted(record, own);
  const gaps = requests.reduce((sum, { tickMs }) => sum + tickMs.length, 0);
  const detailed = gaps > MOST_GAPS ? {} : {
    input_lens: requests.map(({ promptTokens }) => promptTokens?.tokens ?? 0),
    output_lens: requests.map((record) => seen(record) ? outputTokens(record, own) ?? 0 : 0),
    ttfts: requests.map((record) =>
      seen(record) ? ((firstMs(record, own) ?? 0) - record.sentMs!) / 1000 : 0
    ),
    itls: requests.map((record) =>
      seen(record) ? gapsOf(record, own).map((gap) => gap / 1000) : []
    ),
    start_times: requests.map(({ sentMs }) => sentMs! / 1000),
    generated_texts: requests.map(({ text }) => text ?? ""),
    errors: requests.map((record) =>
      seen(record) ? "" : "message" in record.outcome ? record.outcome.message : ""
    ),
  };
  return {
    date: dateTimeStamp(startMsOf(load)),
    ...{ endpoint_type: backend, backend, label: null },
    ...{ model_id: header.model, tokenizer_id: header.model, num_prompts: requests.length },
    request_rate: plan.ratePerSec ?? "inf",
    burstiness: 1,
    max_concurrency: plan.users ?? plan.maxInFlight ?? null,
    ...numbers,
    request_goodput,
    latencies: requests.map((record) =>
      seen(record) ? (valuesOf(record, "e2e", own)[0] ?? 0) / 1000 : 0
    ),
    queue_times: requests.map(({ intendedMs, sentMs }) => (sentMs! - intendedMs) / 1000),
    rtfx: 0,
    ...detailed,
  };
}

function backendOf({ protocol }: RunHeader): string {
  return protocol === "openai-chat" ? "openai-chat" : "openai";
}

function fileName(load: DialectLoad): string {
  const { header, plan } = load;
  const users = plan.users ?? (plan.maxInFlight || undefined);
  const rate = plan.ratePerSec === undefined
    ? "inf"
    : Number.isInteger(plan.ratePerSec)
    ? plan.ratePerSec.toFixed(1)
    : String(plan.ratePerSec);
  return `${backendOf(header)}-${rate}qps${users === undefined ? "" : `-concurrency${users}`}-${
    fileWord(modelName(header))
  }-${dateTimeStamp(startMsOf(load))}.json`;
}
