/**
 * `tokometer probe`: one request, event by event.
 *
 * @module
 */
import { visibleLine } from "../metrics/visible_text.ts";
import { systemClock } from "../backends/clock.ts";
import { decodeSingle } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import { EventCutter } from "../backends/framing.ts";
import type {
  EngineEvent,
  GenerationRequest,
  Protocol,
  Target,
  WireRequest,
} from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Transport } from "../backends/transport.ts";
import { MEASURE_OPTIONS } from "./bench_options.ts";
import { REQUEST_OPTIONS } from "./bench_options_request.ts";
import { TARGET_OPTIONS } from "./bench_options_server.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { planRun } from "./bench_run_plan.ts";
import { renderProgress } from "./live_progress.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { withDefaults } from "./option_parse.ts";
import { group, option } from "./option_table.ts";
import { refusal, refusalText } from "./server_refuse.ts";
import { Patience } from "./server_patience.ts";
import { askOver, chooseModel, targetOf } from "./server_target.ts";
import { checkingTransport, overCheckingTransport } from "./run_auto_transport.ts";
import { proxyOver } from "./server_proxy.ts";
import { EXIT } from "./user_error.ts";
import { whileWaiting } from "./live_waiting.ts";

const DEFAULT_PROMPT = "Explain in a few sentences what a benchmark can and cannot tell.";

const OPTIONS = {
  url: option.argument({ help: "where the server listens, e.g. http://127.0.0.1:8000" }),

  ...TARGET_OPTIONS,
  ...group("Request", {
    prompt: option.text({ default: DEFAULT_PROMPT, help: "Text of the request." }),
    outputTokens: option.integer({ default: 16, min: 1, help: "Answer length to request." }),
  }),
  ...REQUEST_OPTIONS,
  ...group("Report", {
    curl: option.flag({
      help: "Print a curl command that sends the same request; the key stays a variable in it.",
    }),
    raw: option.flag({
      needs: [{ key: "curl", not: true, because: "a request that is not sent has no events" }],
      help: "Show each event's data in full instead of its first 100 characters.",
    }),
  }),
};

export const command: Command = defineCommand({
  name: "probe",
  description:
    "Sends a single request and prints each read of the body with the time since the request " +
    "left, and how each event in it is read: tokens so far, finish reason, usage. Use it to find out " +
    "how a server answers before benchmarking it. With --curl it prints the equivalent command " +
    "instead and sends nothing.",
  options: OPTIONS,
  examples: {
    "tokometer probe http://127.0.0.1:8000 --output-tokens 8": "eight tokens, event by event",
    "tokometer probe http://127.0.0.1:8000 --protocol openai-completions --curl":
      "the request as a curl command",
  },
  run: runProbe,
});

async function runProbe(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const { url, prompt, outputTokens, curl, raw, ...request } = values;
  const asked = withDefaults(MEASURE_OPTIONS, request);
  const plan = await planRun(asked, { command: "probe", url, options: {} });
  const protocol = findProtocol(plan.protocol);
  const target = targetOf(plan);
  return await overCheckingTransport(plan, async (transport) => {
    const refusing = {
      protocol,
      target,
      caCert: plan.caCert !== undefined,
      proxy: proxyOver(checkingTransport(plan), plan),
    };
    const patience = new Patience({ waitMs: plan.waitMs });
    const ask = askOver(transport, { ...refusing, patience, signal: host.interrupted });
    // The command is only printed; no server is needed.
    const model = curl === true
      ? plan.model ?? "MODEL"
      : await chooseModel(refusing, ask, plan.model, (line) => host.note(line));
    const base: GenerationRequest = {
      model,
      messages: [{ role: "user", content: prompt }],
      outputTokens,
      length: plan.length,
      stream: plan.stream,
      sampling: plan.sampling,
      requestId: 1n,
      ...defined({ extraBody: plan.extraBody, lengthField: plan.lengthField }),
    };
    const request = protocol.prepare === undefined || curl === true
      ? base
      : await protocol.prepare(base, target, ask);
    if (curl === true) {
      const wire = protocol.buildRequest(request, {
        ...target,
        headers: Object.fromEntries(Object.keys(target.headers).map((name) => [name, "***"])),
        ...(target.apiKey === undefined ? {} : { apiKey: "$TOKOMETER_API_KEY" }),
      });
      host.print(curlCommand(wire));
      return EXIT.ok;
    }
    const wire = protocol.buildRequest(request, target);
    return await watch(
      { plan, protocol, target, request, wire, transport, raw: raw === true },
      host,
    );
  });
}

interface Watched {
  readonly plan: BenchPlan;
  readonly protocol: Protocol;
  readonly target: Target;
  readonly request: GenerationRequest;
  readonly wire: WireRequest;
  readonly transport: Transport;
  readonly raw: boolean;
}

/** Bytes that arrived together. */
interface Read {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

async function watch(watched: Watched, host: Host): Promise<number> {
  const { plan, protocol, request, wire, transport, raw } = watched;
  host.print(`${wire.method} ${wire.url}`);
  if (wire.body !== undefined && protocol.carrier === "http") {
    host.print(`  ${shorten(new TextDecoder().decode(wire.body), raw)}`);
  }
  const cutter = new EventCutter(protocol.framing(plan.stream));
  // Printed at the end: only then the transport has said when the request left.
  const reads: Read[] = [];
  const sent = transport.send(wire, {
    timeoutMs: plan.timeoutMs,
    ...defined({ maxBytes: plan.maxAnswerBytes }),
    signal: host.interrupted,
    onRead: (atMs, bytes) => reads.push({ atMs, bytes: bytes.slice() }),
  });
  const exchange = await whileWaiting(sent, {
    clock: systemClock,
    label: "the server's answer",
    onProgress: (state) =>
      host.progress(renderProgress({ ...state, done: reads.length }, host.columns)),
  });
  host.progress("");
  const show = (data: string | Uint8Array) => {
    host.print(`             ${shorten(eventText(data), raw)}`);
    host.print(`             → ${explain(protocol, request, data)}`);
  };
  let number = 0;
  for (const [i, { atMs, bytes }] of reads.entries()) {
    // What comes together may be handed over in pieces: they have one stamp, and are one read.
    if (atMs !== reads[i - 1]?.atMs) number++;
    const time = (atMs - exchange.sentMs).toFixed(3).padStart(9);
    host.print(`+${time} ms  read ${number}, ${bytes.length} B`);
    try {
      for (const event of cutter.feed(bytes)) show(event.data);
    } catch (error) {
      host.print(`             cannot be cut into events: ${(error as Error).message}`);
    }
  }
  for (const event of cutter.end()) show(event.data);
  const record = decodeSingle(exchange, protocol, request, { promptId: "probe", keepText: true });
  host.print("");
  for (const line of describe(record, exchange.status)) host.print(line);
  const { outcome } = record;
  if (outcome.kind !== "ok" && outcome.kind !== "cancelled") {
    const { target } = watched;
    const error = await refusal({ protocol, target, caCert: plan.caCert !== undefined }, {
      outcome,
      callUrl: wire.url,
      request,
      body: refusalText(exchange),
      ...defined({ headers: exchange.headers }),
    });
    host.note(`error: ${error.message}`);
  }
  switch (record.outcome.kind) {
    case "ok":
      return EXIT.ok;
    case "cancelled":
      return EXIT.interrupted;
    case "connect_error":
      return EXIT.unreachable;
    default:
      return EXIT.failures;
  }
}

function explain(
  protocol: Protocol,
  request: GenerationRequest,
  data: string | Uint8Array,
): string {
  let event: EngineEvent;
  try {
    event = protocol.readEvent(data, request);
  } catch (error) {
    return `not an event of ${protocol.name}: ${(error as Error).message}`;
  }
  const { usage } = event;
  const parts = [
    event.error === undefined ? "" : `error: ${visibleLine(event.error)}`,
    event.reasoning ? `thinking ${JSON.stringify(event.reasoning)}` : "",
    event.text ? `text ${JSON.stringify(event.text)}` : "",
    event.textSoFar === undefined ? "" : `text so far ${JSON.stringify(event.textSoFar)}`,
    event.newTokens === undefined ? "" : `${event.newTokens} new tokens (${event.source})`,
    event.totalTokens === undefined ? "" : `${event.totalTokens} tokens so far (${event.source})`,
    event.finishReason === undefined ? "" : `finish: ${visibleLine(event.finishReason)}`,
    usage === undefined
      ? ""
      : `usage: prompt ${usage.promptTokens ?? "?"}, output ${usage.outputTokens ?? "?"}` +
        (usage.cachedTokens === undefined ? "" : `, cached ${usage.cachedTokens}`),
    event.end === true ? "end mark" : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "no token" : parts.join(", ");
}

function describe(record: RequestRecord, status: number): string[] {
  const ms = (value: number | undefined) => value === undefined ? "n/a" : `${value.toFixed(3)} ms`;
  const count = (value: RequestRecord["outputTokens"]) =>
    value === undefined ? "n/a" : `${value.tokens} (${value.source})`;
  const outcome = "message" in record.outcome
    ? `${record.outcome.kind.replaceAll("_", " ")}: ${record.outcome.message}`
    : record.outcome.kind;
  return [
    `outcome        ${outcome}`,
    `status         ${status}`,
    `response head  ${ms(record.firstByteMs)}`,
    `first event    ${ms(record.firstEventMs)}`,
    `TTFT           ${ms(record.firstTokenMs)}`,
    ...(record.firstAnswerMs === undefined ? [] : [`first answer   ${ms(record.firstAnswerMs)}`]),
    `last token     ${ms(record.lastTokenMs)}`,
    `end            ${ms(record.endMs)}`,
    `tokens         prompt ${count(record.promptTokens)}, output ${count(record.outputTokens)}, ` +
    `asked for ${record.requestedTokens}`,
    `reads, events  ${record.reads}, ${record.events}`,
    `finish reason  ${visibleLine(record.finishReason ?? "n/a")}`,
    `connection     ${record.connection}` +
    (record.connectMs === undefined ? "" : `, connected in ${ms(record.connectMs)}`),
    `text           ${JSON.stringify(record.text ?? "")}`,
  ];
}

/** The same request for a shell; secrets stay variables. */
function curlCommand(wire: WireRequest): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -N -X ${wire.method} ${quote(wire.url)}`];
  for (const [name, value] of Object.entries(wire.headers)) {
    lines.push(
      value.includes("$TOKOMETER_API_KEY")
        ? `-H "${name}: ${value}"`
        : `-H ${quote(`${name}: ${value}`)}`,
    );
  }
  if (wire.body !== undefined) {
    lines.push(`--data-binary ${quote(new TextDecoder().decode(wire.body))}`);
  }
  return lines.join(" \\\n  ");
}

function eventText(data: string | Uint8Array): string {
  if (typeof data === "string") return data;
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function shorten(text: string, full: boolean): string {
  const line = text.replace(/\s+/g, " ").trim();
  return full || line.length <= 100 ? line : `${line.slice(0, 99)}…`;
}
