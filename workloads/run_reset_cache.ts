/**
 * Asks servers to empty their prefix caches before a load.
 *
 * @module
 */
import { patientClock, systemClock } from "../backends/clock.ts";
import { oneLine } from "../backends/error_message.ts";
import { parseObject } from "../backends/json_event.ts";
import { foreignRoot, requestHeaders, serverRoot } from "../backends/json_request.ts";
import { MAX_REPLY_BYTES } from "../backends/limits.ts";
import type { Protocol, Target } from "../backends/protocol.ts";
import type { Exchange, Transport } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type EngineCalls, RESET_ENGINES, shownReset } from "./bench_reset.ts";
import { checkingTransport } from "./run_auto_transport.ts";
import { cleanMessage } from "./secret.ts";
import { transportOptions, withTransport } from "./server_target.ts";

/** Time for one answer: large caches take a while. */
const ANSWER_MS = 30_000;
/** An engine that has sent its last token may still be busy for a few steps, and refuses. */
const BUSY_MS = 3000;
const PAUSE_MS = 100;

/**
 * Empties the prefix cache of every server, or asks the URL once.
 *
 * @returns why it failed, in a clause without a period; `undefined` = it did not.
 */
export async function resetCaches(
  plan: BenchPlan,
  { protocol, targets }: { readonly protocol: Protocol; readonly targets: readonly Target[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const asked = plan.resetCache;
  if (asked === undefined) return undefined;
  const engine = RESET_ENGINES[asked];
  const name = protocol.carrier === "http" ? checkingTransport(plan) : "fetch";
  const open = () => openTransport(name, { ...transportOptions(plan), clock: systemClock });
  return await withTransport(open, async (transport) => {
    const failures: string[] = [];
    const calls = engine === undefined
      ? [userCall(asked, targets)]
      : targets.map((target) => engineCall(engine, target, protocol));
    for (const call of calls) {
      const failure = await reset(call, transport, signal);
      if (failure !== undefined) failures.push(failure);
    }
    return failures.length === 0 ? undefined : cleanMessage(failures.join("; "));
  });
}

/** How one cache is emptied. */
interface ResetCall {
  /** The next one is tried where the one before it failed. */
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** An engine's own call, which may be made again. */
  readonly hint?: string;
}

function engineCall({ paths, hint }: EngineCalls, target: Target, { path }: Protocol): ResetCall {
  const { baseUrl, query } = target;
  const root = foreignRoot(baseUrl, path) ?? serverRoot(baseUrl, path);
  const urls = paths.map((one) => {
    const url = root + one;
    return query === undefined ? url : `${url}${url.includes("?") ? "&" : "?"}${query}`;
  });
  return { urls, headers: requestHeaders(target), hint };
}

/** The key goes to servers under test only, whatever the URL. */
function userCall(url: string, targets: readonly Target[]): ResetCall {
  const origin = URL.parse(url)?.origin;
  const own = targets.find(({ baseUrl }) => URL.parse(baseUrl)?.origin === origin);
  return { urls: [url], headers: own === undefined ? {} : requestHeaders(own) };
}

/** Why the cache was not emptied. An engine that is still busy is asked again for a while. */
async function reset(
  { urls, headers, hint }: ResetCall,
  transport: Transport,
  signal: AbortSignal,
): Promise<string | undefined> {
  const untilMs = patientClock.now() + BUSY_MS;
  for (;;) {
    let failure: Failure | undefined;
    for (const url of urls) {
      const wire = { method: "POST", url, headers } as const;
      const limits = { timeoutMs: ANSWER_MS, maxBytes: MAX_REPLY_BYTES, signal };
      failure = failureOf(await transport.send(wire, limits));
      if (failure === undefined) return undefined;
    }
    const { why, kind } = failure!;
    if (hint === undefined || kind !== "busy" || signal.aborted || patientClock.now() >= untilMs) {
      const what = `POST ${shownReset(urls.at(-1)!)}: ${why}`;
      return kind === "unknown" && hint !== undefined ? `${what}; ${hint}` : what;
    }
    await patientClock.sleepUntil(patientClock.now() + PAUSE_MS, signal);
  }
}

interface Failure {
  readonly why: string;
  /** `unknown`: the server has no such call; `busy`: it would not now, and may later. */
  readonly kind: "unknown" | "busy" | "other";
}

/** How a call failed. vLLM's body says it, whatever the status. */
function failureOf({ end, status, body }: Exchange): Failure | undefined {
  if (end.kind !== "complete") {
    return { why: "message" in end ? oneLine(end.message, 120) : "no answer", kind: "other" };
  }
  const text = new TextDecoder().decode(body);
  if (status < 200 || status > 299) {
    const kind = UNKNOWN.includes(status) ? "unknown" : BUSY.includes(status) ? "busy" : "other";
    return { why: `${status} ${oneLine(text, 120)}`.trim(), kind };
  }
  return saysNo(text) ? { why: "the server says that it failed", kind: "busy" } : undefined;
}

const UNKNOWN: readonly number[] = [404, 405, 501];
/** SGLang refuses with 400 while it has requests. */
const BUSY: readonly number[] = [400, 409, 429, 503];

/** `{"success": false}`; other bodies say nothing. */
function saysNo(text: string): boolean {
  try {
    return parseObject(text).success === false;
  } catch {
    return false;
  }
}
