/**
 * What the transports share: the headers that they add, the wording of failures, and the finished
 * {@linkcode Exchange}. One wording per cause, so that failures of different transports are counted
 * together.
 *
 * @module
 */
import type { CollectedBody } from "./buffers.ts";
import { messageOf } from "./error_message.ts";
import { type Exchange, type ExchangeEnd, type SendOptions, TELLING_HEADERS } from "./transport.ts";
import type { StopReason } from "./watchdog.ts";

/** Sent with every HTTP request unless the request names its own. */
export const DEFAULT_HEADERS: Readonly<Record<string, string>> = {
  "accept": "*/*",
  // In a compressed stream the decompressor decides when text comes out.
  "accept-encoding": "identity",
  "user-agent": "tokometer",
};

/** What a transport knows of an exchange besides its body. */
export interface ExchangeFacts
  extends
    Omit<Exchange, keyof CollectedBody | "departedMs" | "firstByteMs" | "connectMs" | "headers"> {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly departedMs?: number | undefined;
  readonly firstByteMs: number | undefined;
  readonly connectMs?: number | undefined;
}

/** Puts an exchange together; stamps that never happened stay absent. */
export function finishExchange(facts: ExchangeFacts, collected: CollectedBody): Exchange {
  const exchange: Exchange = {
    sentMs: facts.sentMs,
    endMs: facts.endMs,
    status: facts.status,
    contentType: facts.contentType,
    body: collected.body,
    readMs: collected.readMs,
    readEnds: collected.readEnds,
    readWidthMs: collected.readWidthMs,
    connection: facts.connection,
    end: facts.end,
  };
  if (collected.held !== undefined) exchange.held = collected.held;
  if (facts.headers !== undefined) exchange.headers = facts.headers;
  if (facts.departedMs !== undefined) exchange.departedMs = facts.departedMs;
  if (facts.firstByteMs !== undefined) exchange.firstByteMs = facts.firstByteMs;
  if (facts.connectMs !== undefined) exchange.connectMs = facts.connectMs;
  return exchange;
}

/**
 * What {@linkcode Exchange.headers} holds of an answer; `undefined` for one as expected, which is
 * decided without making anything.
 */
export function tellingHeaders(
  status: number,
  valueOf: (name: string) => string | null | undefined,
): Readonly<Record<string, string>> | undefined {
  const coding = valueOf("content-encoding");
  const plain = !coding || /^identity$/i.test(coding.trim());
  if (status >= 200 && status <= 299 && plain) return undefined;
  const headers: Record<string, string> = {};
  for (const name of TELLING_HEADERS) {
    const value = valueOf(name);
    if (value) headers[name] = value.trim().slice(0, LONGEST_HEADER);
  }
  return headers;
}

/** More of a header is of no use to anybody. */
const LONGEST_HEADER = 2000;

/** The exchange of a request that could not be sent, e.g. because of its address or a header. */
export function neverSent(atMs: number, cause: unknown): Exchange {
  return {
    sentMs: atMs,
    endMs: atMs,
    status: 0,
    contentType: "",
    body: new Uint8Array(0),
    readMs: new Float64Array(0),
    readEnds: new Uint32Array(0),
    readWidthMs: new Float32Array(0),
    connection: "unknown",
    end: { kind: "connect_error", message: messageOf(cause) },
  };
}

/** When to give an exchange up; Infinity = never. */
export function deadlineOf(sentMs: number, { timeoutMs }: SendOptions): number {
  return timeoutMs > 0 ? sentMs + timeoutMs : Infinity;
}

/** The end of an exchange that was stopped from outside. */
export function stoppedEnd(
  reason: StopReason,
  options: SendOptions,
  seen: { readonly head: boolean; readonly bytes: number },
): ExchangeEnd {
  if (reason === "cancelled") return { kind: "cancelled", message: "cancelled" };
  const message = seen.head
    ? `not finished within ${options.timeoutMs} ms, ${seen.bytes} bytes of the body had come`
    : `no answer within ${options.timeoutMs} ms`;
  return { kind: "timeout", message };
}

/** Causes in the platforms' wording (`ECONNREFUSED`, `Connection refused`) and in ours. */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [/ports? \d+ (is|are) blocked/i, "fetch does not connect to this port: use --transport socket"],
  [/ECONNREFUSED|connection refused/i, "connection refused"],
  [
    /EMFILE|ENFILE|too many open files/i,
    'too many open files: raise the limit ("ulimit -n") or send fewer requests at once',
  ],
  [
    /EADDRNOTAVAIL|cannot assign requested address|address not available/i,
    "no free local port: too many connections were opened in the last minute",
  ],
  [/ENOTFOUND|EAI_|dns error|failed to lookup/i, "host name not found"],
  [/EHOSTUNREACH|ENETUNREACH|no route to host|network (is )?unreachable/i, "host unreachable"],
  [/ETIMEDOUT|timed out/i, "connecting timed out"],
  [/EPIPE|ECONNRESET|connection reset|broken pipe/i, "connection reset by the server"],
  [
    /connection closed before message completed|connection was not ready|operation was canceled/i,
    "connection closed by the server without an answer",
  ],
];

/** Our wording for a platform's cause; an unknown cause stays as it is. */
export function connectionFailure(cause: string): string {
  return CAUSES.find(([pattern]) => pattern.test(cause))?.[1] ?? cause;
}

/** Whether the cause is that of a pooled connection that the server closed while it was idle. */
export function lostConnection(cause: string): boolean {
  return /EPIPE|ECONNRESET|connection reset|broken pipe|connection closed|connection was not ready|operation was canceled/i
    .test(cause);
}

/**
 * Checks the text of `--ca-cert`; the platform checks the content of its PEM blocks.
 *
 * @throws {TypeError} when it holds no certificate.
 */
export function checkAuthority(caCert: string | undefined): void {
  if (
    caCert === undefined || /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.test(caCert)
  ) {
    return;
  }
  throw new TypeError(
    "Cannot use the certificate authority: expected PEM text from BEGIN to END CERTIFICATE",
  );
}
