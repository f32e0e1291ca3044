/**
 * Waits until a server is ready. Only a generated token proves it: engines open their port, list their
 * models and answer `/health` long before the model is loaded and warmed up.
 *
 * @module
 */
import { type Clock, onAbort, systemClock, wallClockMs } from "../backends/clock.ts";
import { decodeSingle } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import { MAX_REPLY_BYTES } from "../backends/limits.ts";
import type { Ask, GenerationRequest, Protocol, Target } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Transport } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";

const PROMPT = "Check server status";
/** A first request may compile kernels; after this time the server is asked again. */
const LONGEST_ATTEMPT_MS = 60_000;
/** So that the last attempt before the limit can succeed, too. */
const SHORTEST_ATTEMPT_MS = 5_000;

export interface AskOptions {
  readonly timeoutMs: number;
  /** Served model name. Default: the first one that the server lists. */
  readonly model?: string;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** One question to a server: `undefined` = ready, else why not. */
export type Attempt = (timeoutMs: number, signal: AbortSignal) => Promise<string | undefined>;

export interface WaitOptions {
  /** From the start of an attempt to the start of the next. */
  readonly intervalMs: number;
  /** There is one more attempt at this instant. */
  readonly timeoutMs: number;
  /** Resolves when the server's process has ended. */
  readonly ended?: Promise<unknown>;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Called after each attempt that failed. */
  readonly onWait?: (waitedMs: number, reason: string) => void;
}

/** How waiting ended; `reason` is that of the last attempt. */
export type Waited =
  | { readonly kind: "ready"; readonly waitedMs: number }
  | { readonly kind: "ended"; readonly waitedMs: number }
  | { readonly kind: "interrupted"; readonly waitedMs: number }
  | { readonly kind: "timeout"; readonly waitedMs: number; readonly reason: string };

/**
 * Asks a server for one token, as a stream, in its protocol. Returns `undefined` when one came, else
 * a sentence that says what happened instead.
 */
export async function askForOneToken(
  protocol: Protocol,
  target: Target,
  options: AskOptions,
): Promise<string | undefined> {
  const { clock = systemClock } = options;
  // A new one each time: a gRPC channel that was refused waits longer each time.
  const name = protocol.carrier === "http" ? "fetch" : protocol.carrier;
  const transport = await openTransport(name, { clock });
  try {
    const first = protocol.forcesLength ? "forced" : "cap";
    const record = await send(protocol, target, transport, { ...options, length: first });
    if (isAlive(record)) return undefined;
    const { outcome } = record;
    // Versions without the switch for an exact length refuse it although they are ready.
    if (outcome.kind === "http_error" && outcome.status < 500 && first === "forced") {
      const again = await send(protocol, target, transport, { ...options, length: "cap" });
      if (isAlive(again)) return undefined;
    }
    const status = outcome.kind === "http_error" ? `status ${outcome.status}, ` : "";
    return "message" in outcome ? `${status}${outcome.message}` : outcome.kind;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return (error as Error).message;
  } finally {
    await transport.close();
  }
}

/** A token proves it even when the answer has another length than asked for. */
function isAlive({ outcome, outputTokens }: RequestRecord): boolean {
  return outcome.kind === "ok" ||
    (outcome.kind === "wrong_length" && (outputTokens?.tokens ?? 0) > 0);
}

async function send(
  protocol: Protocol,
  target: Target,
  transport: Transport,
  options: AskOptions & { readonly length: "forced" | "cap" },
): Promise<RequestRecord> {
  const { timeoutMs, signal, length } = options;
  const sending = { timeoutMs, ...defined({ signal }) };
  const ask: Ask = async (wire) => {
    const { end, status, body } = await transport.send(wire, {
      ...sending,
      maxBytes: MAX_REPLY_BYTES,
    });
    if (end.kind !== "complete") throw new Error(end.message);
    return { status, body };
  };
  const model = options.model ?? (await protocol.listModels?.(target, ask))?.[0] ?? "";
  const base: GenerationRequest = {
    model,
    messages: [{ role: "user", content: PROMPT }],
    outputTokens: 1,
    length,
    stream: true,
    sampling: {},
    // A new id each time: an engine may still be busy with the last request.
    requestId: BigInt(wallClockMs()),
  };
  const request = await protocol.prepare?.(base, target, ask) ?? base;
  const exchange = await transport.send(protocol.buildRequest(request, target), sending);
  return decodeSingle(exchange, protocol, request, { promptId: "readiness" });
}

/** Asks again and again; the last attempt begins at the very end of the time, and still counts. */
export async function waitUntilReady(attempt: Attempt, options: WaitOptions): Promise<Waited> {
  const { intervalMs, timeoutMs, clock = systemClock, onWait } = options;
  const startMs = clock.now();
  const untilMs = startMs + timeoutMs;
  const over = new AbortController();
  let ended = false;
  options.ended?.then(() => {
    ended = true;
    over.abort();
  });
  const ignoreSignal = options.signal && onAbort(options.signal, () => over.abort());
  try {
    for (;;) {
      const attemptMs = clock.now();
      const limitMs = Math.min(LONGEST_ATTEMPT_MS, untilMs - attemptMs);
      const reason = over.signal.aborted
        ? "interrupted"
        : await attempt(Math.max(SHORTEST_ATTEMPT_MS, limitMs), over.signal);
      const waitedMs = clock.now() - startMs;
      // Checked first: another program may have answered at the address of one that has ended.
      if (ended) return { kind: "ended", waitedMs };
      if (reason === undefined) return { kind: "ready", waitedMs };
      if (over.signal.aborted) return { kind: "interrupted", waitedMs };
      if (clock.now() >= untilMs) return { kind: "timeout", waitedMs, reason };
      onWait?.(waitedMs, reason);
      await clock.sleepUntil(Math.min(untilMs, attemptMs + intervalMs), over.signal);
    }
  } finally {
    ignoreSignal?.();
  }
}
