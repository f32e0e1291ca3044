/**
 * Asks a metrics endpoint once. It is sent no key, no cookie and no header of the load's.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import { oneLine } from "../backends/error_message.ts";
import { parsePrometheus, type PrometheusText } from "../backends/telemetry_prometheus.ts";
import { readTritonStatistics } from "../backends/telemetry_triton.ts";
import type { Exchange, Transport, TransportOptions } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";

/** An endpoint that is read. */
export interface Endpoint {
  /** Where it is asked, without a user and a password. */
  readonly url: string;
  /** What the user wrote of these in its address, for its `authorization`. */
  readonly authorization?: string;
  /** How it is shown. */
  readonly shown: string;
}

/** What a connection is opened with: as the load's, but without anything that is sent. */
export type ScrapeTransport = Pick<TransportOptions, "insecure" | "proxyLocal" | "caCert">;

/** An answer that can be used. */
export interface ScrapeAnswer {
  /** What it says. */
  readonly text: PrometheusText;
  /** When it came, by the clock of the transport: an endpoint makes its text before it sends its head. */
  readonly atMs: number;
  /** From asking to its end. */
  readonly tookMs: number;
}

/** Why there is none, in a clause without a period. */
export interface ScrapeFailure {
  readonly failure: string;
  readonly tookMs: number;
}

/** The largest answer: an endpoint of a large server has a tenth of it. */
export const MOST_BYTES: number = 16 * 2 ** 20;

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Opens what endpoints are asked over. Only the other one accepts unknown certificates. */
export function openForScrapes(options: ScrapeTransport, clock: Clock): Promise<Transport> {
  return openTransport(options.insecure === true ? "socket" : "fetch", { ...options, clock });
}

/** Asks an endpoint; a redirect is followed once, and to no other host. */
export async function askEndpoint(
  transport: Transport,
  { url, authorization }: Endpoint,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<ScrapeAnswer | ScrapeFailure> {
  const headers = {
    accept: "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1",
    ...(authorization === undefined ? {} : { authorization }),
  };
  const send = (url: string) =>
    transport.send({ method: "GET", url, headers }, {
      ...{ timeoutMs, maxBytes: MOST_BYTES },
      ...(signal === undefined ? {} : { signal }),
    });
  const first = await send(url);
  const target = redirectOf(first, url);
  const exchange = target === undefined ? first : await send(target);
  const tookMs = exchange.endMs - first.sentMs;
  const failure = failureOf(exchange);
  if (failure !== undefined) return { failure, tookMs };
  const body = new TextDecoder().decode(exchange.body);
  const text = readTritonStatistics(body) ?? parsePrometheus(body);
  const useless = uselessOf(text, exchange);
  if (useless !== undefined) return { failure: useless, tookMs };
  return { text, atMs: exchange.firstByteMs ?? exchange.endMs, tookMs };
}

/** Where an answer leads to on the same host; `undefined` = nowhere. */
function redirectOf({ status, headers }: Exchange, url: string): string | undefined {
  const { location } = headers ?? {};
  if (!REDIRECTS.includes(status) || location === undefined) return undefined;
  const target = URL.parse(location, url);
  return target?.origin === new URL(url).origin ? target.href : undefined;
}

function failureOf({ end, status, headers }: Exchange): string | undefined {
  switch (end.kind) {
    case "complete":
      break;
    case "malformed":
      // The limit is another one than the option's.
      return end.message.replace(/ \(--max-answer.*\)$/, "");
    default:
      return end.message;
  }
  if (status === 200) return undefined;
  if (REDIRECTS.includes(status)) {
    const where = oneLine(headers?.location ?? "somewhere", 120);
    return `status ${status} leads to ${where}, which is not followed`;
  }
  return status === 401 || status === 403
    ? `status ${status}: an API key is never sent to a metrics endpoint`
    : `status ${status}`;
}

/** A page, a list of models, an error: more lines of it cannot be used than can. */
function uselessOf(
  { families, unusable, firstUnusable }: PrometheusText,
  { contentType }: Exchange,
): string | undefined {
  const series = families.reduce((sum, one) => sum + one.series.length, 0);
  if (series === 0 && unusable === 0) return "the answer has no metrics";
  if (series > unusable) return undefined;
  const { line, why } = firstUnusable!;
  const what = contentType === "" ? "" : ` (${oneLine(contentType, 60)})`;
  return `the answer is no Prometheus text${what}: line ${line}, ${why}`;
}
