/**
 * Requests, loads and runs as spans, by the semantic conventions of OpenTelemetry for generative AI
 * (semantic-conventions-genai 0.1.0, in development); what they have no name for begins with
 * `tokometer.`.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import { tpot } from "../metrics/metric_tpot.ts";
import { ttft } from "../metrics/metric_ttft.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { OtelIds } from "./otel_ids.ts";
import {
  attributes,
  double,
  type OtelAttribute,
  type OtelEvent,
  type OtelSource,
  type OtelSpan,
  SPAN_KIND,
  STATUS_ERROR,
  unixNano,
} from "./otel_json.ts";
import { VERSION } from "./version.ts";

/** What a span needs of a record: all but its lists, which are large. */
export interface SpannedRequest extends
  Pick<
    RequestRecord,
    | ("load" | "index" | "user" | "promptId" | "session" | "turn" | "class" | "model" | "server")
    | ("intendedMs" | "sentMs" | "firstByteMs" | "firstEventMs" | "firstTokenMs" | "lastTokenMs")
    | ("endMs" | "promptTokens" | "outputTokens" | "cachedTokens" | "reasoningTokens")
    | ("requestedTokens" | "finishReason" | "connection" | "outcome" | "serverTimings")
  > {
  /** Time to the first token, where the answer was streamed. */
  readonly ttftMs: number | undefined;
  /** Time per token after the first. */
  readonly tpotMs: number | undefined;
}

/** Takes from a record what its span needs. */
export function spannedRequest(record: RequestRecord): SpannedRequest {
  const { load, index, user, promptId, session, turn, class: kind, model, server } = record;
  const { intendedMs, sentMs, firstByteMs, firstEventMs, firstTokenMs, lastTokenMs, endMs } =
    record;
  const { promptTokens, outputTokens, cachedTokens, reasoningTokens, requestedTokens } = record;
  const { finishReason, connection, outcome, serverTimings } = record;
  return {
    ...{ load, index, user, promptId, intendedMs, requestedTokens, connection, outcome },
    ...defined({ session, turn, class: kind, model, server }),
    ...defined({ sentMs, firstByteMs, firstEventMs, firstTokenMs, lastTokenMs, endMs }),
    ...defined({ promptTokens, outputTokens, cachedTokens, reasoningTokens }),
    ...defined({ finishReason, serverTimings }),
    ttftMs: ttft.values(record)[0],
    tpotMs: tpot.values(record)[0],
  };
}

/** The run that spans belong to. */
export interface SpannedRun {
  readonly header: RunHeader;
  readonly ids: OtelIds;
}

/** A load that has ended. */
export interface SpannedLoad extends SpannedRun {
  readonly plan: LoadPlan;
  readonly end: LoadEnd & Required<Pick<LoadEnd, "startedAtMs">>;
}

/** What is sent once with each batch. */
export function sourceOf({ header, ids }: SpannedRun): OtelSource {
  const { name, environment, tags = {} } = header;
  return {
    resource: attributes({
      "service.name": "tokometer",
      "service.version": header.version,
      "host.name": environment.hostname,
      "tokometer.run.id": ids.traceId,
      "tokometer.run.name": name,
      ...Object.fromEntries(
        Object.entries(tags).map(([tag, value]) => [`tokometer.run.tag.${tag}`, value]),
      ),
    }),
    scope: { name: "tokometer", version: VERSION },
  };
}

/** The span of a request. */
export function requestSpan(load: SpannedLoad, request: SpannedRequest): OtelSpan {
  const { header, ids, end: { startedAtMs } } = load;
  const at = (ms: number) => unixNano(startedAtMs, ms);
  const model = request.model ?? header.model;
  const operation = /chat/.test(header.protocol) ? "chat" : "text_completion";
  const startMs = request.sentMs ?? request.intendedMs;
  const endMs = Math.max(startMs, request.endMs ?? request.lastTokenMs ?? startMs);
  return {
    traceId: ids.traceId,
    spanId: ids.request(request.load, request.index),
    parentSpanId: ids.load(request.load),
    name: `${operation} ${model}`.trim().slice(0, 200).toWellFormed(),
    kind: header.transport === "inprocess" ? SPAN_KIND.internal : SPAN_KIND.client,
    startTimeUnixNano: at(startMs),
    endTimeUnixNano: at(endMs),
    attributes: [
      ...conventional(load, request, { operation, model }),
      ...ours(load, request),
    ],
    events: eventsOf(request, at),
    ...statusOf(request),
  };
}

/** What the conventions have names for. */
function conventional(
  { header, plan }: SpannedLoad,
  request: SpannedRequest,
  { operation, model }: { readonly operation: string; readonly model: string },
): OtelAttribute[] {
  const { sentMs, firstEventMs, finishReason, outcome } = request;
  const sent = sentMs !== undefined;
  // A reason that was expected and did not come is an error by the conventions.
  const finished = finishReason ?? (sent && outcome.kind !== "ok" ? "error" : undefined);
  return attributes({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": providerOf(header.protocol),
    "gen_ai.request.model": model === "" ? undefined : model,
    "gen_ai.request.stream": header.stream ? true : undefined,
    "gen_ai.request.max_tokens": request.requestedTokens,
    "gen_ai.response.finish_reasons": finished === undefined ? undefined : [finished],
    "gen_ai.response.time_to_first_chunk": header.stream && sent && firstEventMs !== undefined
      ? double(Math.round((firstEventMs - sentMs) * 1000) / 1e6)
      : undefined,
    "gen_ai.usage.input_tokens": request.promptTokens?.tokens,
    "gen_ai.usage.output_tokens": request.outputTokens?.tokens,
    "gen_ai.usage.cache_read.input_tokens": request.cachedTokens,
    "gen_ai.usage.reasoning.output_tokens": request.reasoningTokens,
    "gen_ai.conversation.id": request.session,
    ...serverOf(
      header.sides?.[plan.side ?? 0]?.url ?? header.urls?.[request.server ?? 0] ?? header.url,
    ),
    "error.type": errorType(request),
  });
}

/** Engines that are no provider of the conventions have their own names. */
function providerOf(protocol: string): string {
  return protocol.split("-")[0]!;
}

function serverOf(url: string): Record<string, string | number> {
  if (!URL.canParse(url)) return {};
  const { protocol, hostname, port } = new URL(url);
  if (hostname === "") return {};
  const usual = protocol === "https:" || protocol === "grpcs:" ? 443 : 80;
  return {
    "server.address": hostname.replace(/^\[|\]$/g, ""),
    "server.port": port === "" ? usual : Number(port),
  };
}

/** What only this program knows. */
function ours(load: SpannedLoad, request: SpannedRequest): OtelAttribute[] {
  const { plan, end: { startedAtMs } } = load;
  const { sentMs, lastTokenMs, intendedMs, outcome, promptTokens, outputTokens } = request;
  const { queueMs, prefillMs, decodeMs } = request.serverTimings ?? {};
  const since = (ms: number | undefined) =>
    ms === undefined || sentMs === undefined ? undefined : double(milli(ms - sentMs));
  return attributes({
    "tokometer.load.number": request.load + 1,
    "tokometer.load.label": plan.label,
    "tokometer.request.index": request.index,
    "tokometer.request.user": request.user,
    "tokometer.request.prompt_id": request.promptId,
    "tokometer.request.turn": request.turn,
    "tokometer.request.class": request.class,
    "tokometer.outcome": outcome.kind,
    "tokometer.intended_time_unix_nano": BigInt(unixNano(startedAtMs, intendedMs)),
    "tokometer.schedule_delay_ms": sentMs === undefined
      ? undefined
      : double(milli(sentMs - intendedMs)),
    "tokometer.ttft_ms": double(milli(request.ttftMs)),
    "tokometer.tpot_ms": double(milli(request.tpotMs)),
    "tokometer.e2e_ms": outcome.kind === "ok" ? since(lastTokenMs) : undefined,
    "tokometer.input_tokens.source": promptTokens?.source,
    "tokometer.output_tokens.source": outputTokens?.source,
    "tokometer.connection": sentMs === undefined ? undefined : request.connection,
    "tokometer.server.queue_ms": double(queueMs),
    "tokometer.server.prefill_ms": double(prefillMs),
    "tokometer.server.decode_ms": double(decodeMs),
  });
}

/** Stamps are whole microseconds; their differences, as floats, are not. */
function milli(ms: number): number;
function milli(ms: number | undefined): number | undefined;
function milli(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
}

function eventsOf(request: SpannedRequest, at: (ms: number) => string): OtelEvent[] {
  const { firstByteMs, firstTokenMs, lastTokenMs } = request;
  const stamps = [
    ["tokometer.first_byte", firstByteMs],
    ["tokometer.first_token", firstTokenMs],
    ["tokometer.last_token", lastTokenMs],
  ] as const;
  return stamps.flatMap(([name, ms]) => ms === undefined ? [] : [{ timeUnixNano: at(ms), name }]);
}

/** Who leaves by the plan, or at the end of the load, is no error. */
function isError({ outcome: { kind } }: SpannedRequest): boolean {
  return kind !== "ok" && kind !== "cancelled" && kind !== "cancelled_as_planned";
}

function errorType(request: SpannedRequest): string | undefined {
  if (!isError(request)) return undefined;
  const { outcome } = request;
  return outcome.kind === "http_error" ? String(outcome.status) : outcome.kind;
}

function statusOf(request: SpannedRequest): Pick<OtelSpan, "status"> {
  const { outcome } = request;
  if (!isError(request) || outcome.kind === "ok") return {};
  return {
    status: { code: STATUS_ERROR, message: outcome.message.slice(0, 1000).toWellFormed() },
  };
}

/** The span of a load, which holds those of its requests. */
export function loadSpan(
  { header, ids, plan, end }: SpannedLoad,
  counts: { readonly requests: number; readonly failed: number },
): OtelSpan {
  return {
    traceId: ids.traceId,
    spanId: ids.load(end.load),
    parentSpanId: ids.run,
    name: `load ${plan.label}`,
    kind: SPAN_KIND.internal,
    startTimeUnixNano: unixNano(end.startedAtMs, 0),
    endTimeUnixNano: unixNano(end.startedAtMs, end.durationMs),
    attributes: attributes({
      "tokometer.load.number": end.load + 1,
      "tokometer.load.label": plan.label,
      "tokometer.load.kind": plan.kind,
      "tokometer.load.users": plan.users,
      "tokometer.load.rate_per_second": double(plan.ratePerSec),
      "tokometer.load.repeat": plan.repeat,
      "tokometer.load.requests": counts.requests,
      "tokometer.load.failed": counts.failed,
      "tokometer.load.interrupted": end.interrupted,
      "gen_ai.request.model": header.model,
    }),
  };
}

/** The span of the run, which holds those of its loads. */
export function runSpan(
  { header, ids }: SpannedRun,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): OtelSpan {
  return {
    traceId: ids.traceId,
    spanId: ids.run,
    name: `tokometer ${header.scenario}`,
    kind: SPAN_KIND.internal,
    startTimeUnixNano: unixNano(startMs, 0),
    endTimeUnixNano: unixNano(Math.max(startMs, endMs), 0),
    attributes: attributes({
      "tokometer.protocol": header.protocol,
      "tokometer.transport": header.transport,
      "tokometer.workers": header.workers,
      "tokometer.seed": header.seed,
      "tokometer.dataset": header.dataset.kind,
      "gen_ai.request.model": header.model,
      ...serverOf(header.url),
    }),
  };
}
