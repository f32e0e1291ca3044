/**
 * Sends spans to a collector: in batches, with a limit on time, and again where it asks for that.
 *
 * @module
 */
import { type Clock, patientClock, wallClockMs } from "../backends/clock.ts";
import { messageOf, readErrorBody } from "../backends/error_message.ts";
import { cleanMessage, withoutSecrets } from "./secret.ts";

/** Where to, and as whom. */
export interface OtelTarget {
  /** With the path. */
  readonly url: string;
  /** For the collector alone. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What may be replaced in tests. */
export interface OtelTools {
  readonly clock?: Clock;
  readonly fetch?: typeof fetch;
}

/** How long it is tried. */
export interface SendOptions extends OtelTools {
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** Most attempts. */
  readonly attempts?: number | undefined;
}

/** What became of a request. */
export interface Sent {
  /** Why it was not taken, a clause without a period; absent = it was. */
  readonly failure?: string;
  /** Spans of it that the collector refused. */
  readonly rejected: number;
  /** What the collector says of them. */
  readonly message?: string;
}

/** An answer is waited for this long. */
const TIMEOUT_MS = 10_000;
/** A request is sent at most so often. */
const ATTEMPTS = 4;
/** Wait before the second attempt where the collector names none; then twice as long each time. */
const FIRST_WAIT_MS = 500;
/** A collector that wants more time than this is not waited for. */
const LONGEST_WAIT_MS = 15_000;
/** Answers are short. */
const MOST_ANSWER_BYTES = 64 * 1024;
/** The collector, or what stands before it, asks to try again. */
const AGAIN: readonly number[] = [429, 502, 503, 504];

/** Sends one body, as often as it takes. Never rejects. */
export async function sendSpans(
  target: OtelTarget,
  body: string,
  { signal, attempts = ATTEMPTS, clock = patientClock, fetch = globalThis.fetch }: SendOptions,
): Promise<Sent> {
  const bytes = new TextEncoder().encode(withoutSecrets(body));
  let waitMs = FIRST_WAIT_MS;
  for (let attempt = 1;; attempt++) {
    const answer = await sendOnce(target, bytes, { signal, fetch });
    const last = attempt >= attempts || signal.aborted || !answer.again;
    const nextMs = answer.waitMs ?? waitMs;
    if (last || nextMs > LONGEST_WAIT_MS) return answer;
    await clock.sleepUntil(clock.now() + nextMs, signal);
    if (signal.aborted) return answer;
    waitMs *= 2;
  }
}

interface Answer extends Sent {
  /** It may work later. */
  readonly again: boolean;
  /** When, by the collector. */
  readonly waitMs?: number;
}

async function sendOnce(
  { url, headers }: OtelTarget,
  body: Uint8Array<ArrayBuffer>,
  { signal, fetch }: { readonly signal: AbortSignal; readonly fetch: typeof globalThis.fetch },
): Promise<Answer> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      // Its key is for this address.
      redirect: "manual",
      signal: AbortSignal.any([signal, limit]),
    });
    const text = await readShort(response);
    if (response.ok) return { again: false, ...partialSuccess(text) };
    const { status } = response;
    const failure = `it answered ${status}${wordsOf(text)}`;
    const waitMs = retryAfterMs(response.headers.get("retry-after"));
    return {
      ...{ failure, rejected: 0, again: AGAIN.includes(status) },
      ...(waitMs === undefined ? {} : { waitMs }),
    };
  } catch (error) {
    if (signal.aborted) return { failure: "it was interrupted", rejected: 0, again: false };
    if (limit.aborted) {
      return { failure: `it did not answer in ${TIMEOUT_MS / 1000} s`, rejected: 0, again: true };
    }
    // A missing permission does not come back.
    const again = !(error instanceof Deno.errors.NotCapable);
    return { failure: reasonOf(error), rejected: 0, again };
  }
}

/** The first bytes of an answer. */
async function readShort(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    length += part.length;
    if (length > MOST_ANSWER_BYTES) break;
  }
  return new TextDecoder().decode(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** What of a batch the collector did not take, though it took the rest. */
function partialSuccess(text: string): Sent {
  try {
    const { partialSuccess: partial } = JSON.parse(text) as {
      partialSuccess?: { rejectedSpans?: unknown; errorMessage?: unknown };
    };
    const rejected = Number(partial?.rejectedSpans ?? 0);
    const message = partial?.errorMessage;
    return {
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
      ...(typeof message === "string" && message !== "" ? { message: shortWords(message) } : {}),
    };
  } catch {
    // An empty body is a success, too.
    return { rejected: 0 };
  }
}

/** The innermost cause of what `fetch` threw. */
function reasonOf(error: unknown): string {
  const text = messageOf(
    error instanceof Error && error.cause instanceof Error ? error.cause : error,
  );
  // "error sending request for url (…): client error (Connect): tcp connect error: …"
  const [, inner = text] = /client error \(\w+\): (?:tcp connect error: )?(.*)$/s.exec(text) ?? [];
  return shortWords(inner.replace(/ \(os error \d+\)/, ""));
}

function wordsOf(text: string): string {
  const short = shortWords(readErrorBody(text));
  return short === "" ? "" : `: ${short}`;
}

function shortWords(text: string): string {
  return cleanMessage(text.replace(/\s+/g, " ").trim().slice(0, 200).toWellFormed());
}

/** Seconds, or an instant. */
function retryAfterMs(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallClockMs());
}
