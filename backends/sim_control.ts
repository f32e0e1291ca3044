/**
 * What the simulated server answers to the program that measures: its log, its state, its clock. A web
 * page in a browser on the same machine must get none of it, and nobody without the key.
 *
 * @module
 */
import type { HttpExchange } from "./sim_http.ts";
import { sendReply } from "./sim_http_answer.ts";
import { simJsonReply } from "./sim_json.ts";
import type { SimLoop } from "./sim_loop.ts";
import type { SimOptions } from "./sim_options.ts";
import type { SimReply, SimRequest } from "./sim_protocol.ts";
import type { TruthLog } from "./sim_truth.ts";

/** What the calls are about. */
export interface SimControlled {
  readonly options: Pick<SimOptions, "host" | "apiKey" | "allowedHosts">;
  readonly loop: SimLoop;
  readonly truth: TruthLog;
  /** What `GET /stats` answers. */
  readonly stats: () => unknown;
  /** Forgets what is not in the truth log. */
  readonly forget: () => void;
}

/** Calls by their path; those that change something are `POST`. */
const CALLS: Readonly<
  Record<
    string,
    {
      readonly method: "GET" | "POST";
      readonly answer: (exchange: HttpExchange, controlled: SimControlled) => void;
    }
  >
> = {
  "/clock": {
    method: "GET",
    answer: (exchange, { loop: { clock } }) =>
      sendReply(exchange, simJsonReply(200, { nowMs: clock.now() })),
  },
  "/stats": {
    method: "GET",
    answer: (exchange, { stats }) => sendReply(exchange, simJsonReply(200, stats())),
  },
  "/truth": {
    method: "GET",
    answer: (exchange, { truth, loop }) => void sendLines(exchange, truth.lines(), loop),
  },
  "/truth/reset": {
    method: "POST",
    answer(exchange, { truth, forget }) {
      truth.reset();
      forget();
      // Now, while nothing is measured, rather than later, while something is.
      collectGarbage();
      sendReply(exchange, simJsonReply(200, {}));
    },
  },
};

/** Answers such a call, or refuses it; returns whether it was one. */
export function answerControl(exchange: HttpExchange, controlled: SimControlled): boolean {
  const { request } = exchange;
  const call = Object.hasOwn(CALLS, request.path) ? CALLS[request.path] : undefined;
  if (call === undefined) return false;
  const refusal = controlRefusal(request, call.method, controlled.options);
  if (refusal !== undefined) sendReply(exchange, refusal);
  else call.answer(exchange, controlled);
  return true;
}

/** Why a call is not answered; `undefined` = it is. */
function controlRefusal(
  { method, path, headers }: SimRequest,
  needed: string,
  options: SimControlled["options"],
): SimReply | undefined {
  const { host, origin } = headers;
  const allows = "--allowed-host allows more";
  if (host !== undefined && !isAllowed(host, options)) {
    // A name that someone else's server gave for this address: a page of theirs is asking.
    return simJsonReply(403, { error: `Not answered under the name ${host}; ${allows}` });
  }
  if (origin !== undefined && !isAllowed(origin.replace(/^[a-z]+:\/\//i, ""), options)) {
    return simJsonReply(403, { error: `Not answered to pages of ${origin}; ${allows}` });
  }
  if (!hasKey(headers, options.apiKey)) return simJsonReply(401, { error: "Invalid API key" });
  if (method !== needed) return simJsonReply(405, { error: `${path} is answered to ${needed}` });
  return undefined;
}

/** Whether a request carries the key, where one is needed. */
export function hasKey(headers: SimRequest["headers"], apiKey: string | undefined): boolean {
  return apiKey === undefined || headers["authorization"] === `Bearer ${apiKey}`;
}

/**
 * This machine's own names, the address listened on, and what is configured. Where it listens on all
 * addresses, any address: no name that somebody else gives is one.
 */
function isAllowed(
  authority: string,
  { host, allowedHosts }: Pick<SimOptions, "host" | "allowedHosts">,
): boolean {
  const name = nameOf(authority);
  if (/^((.+\.)?localhost|127(\.\d+){3}|::1)$/.test(name)) return true;
  if ([host, ...allowedHosts].some((allowed) => nameOf(allowed) === name)) return true;
  return /^(0\.0\.0\.0|::)$/.test(nameOf(host)) &&
    /^(\d+(\.\d+){3}|[\da-f.]*:[\da-f:.]*)$/.test(name);
}

/** In lower case, without port, brackets and final dot. */
function nameOf(authority: string): string {
  const [, name = authority] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(authority)?.filter(
    (part, i) => i === 0 || part !== undefined,
  ) ?? [];
  return name.toLowerCase().replace(/\.$/, "");
}

/**
 * Empties the young generation, where V8 was started with `--expose-gc`. A full collection would
 * throw away compiled code as well.
 */
function collectGarbage(): void {
  (globalThis as { gc?: (how: { type: "minor" }) => void }).gc?.({ type: "minor" });
}

/** Sends lines no faster than they are read, so that a large log is not in memory twice. */
async function sendLines(
  exchange: HttpExchange,
  lines: Iterable<string>,
  { nextTurn }: SimLoop,
): Promise<void> {
  exchange.head(200, { headers: { "content-type": "application/x-ndjson" }, body: "chunked" });
  for (const line of lines) {
    exchange.body(line);
    while (exchange.buffered > 2 ** 20 && !exchange.closed) {
      await nextTurn();
    }
    if (exchange.closed) return;
  }
  exchange.finish();
}
