/**
 * Questions to a server before any timer starts: whether it is there, which models it has, and what
 * its first failure means.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { oneLine } from "../backends/error_message.ts";
import { MAX_REPLY_BYTES } from "../backends/limits.ts";
import type { Ask, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import type { Outcome } from "../backends/record.ts";
import type { Exchange, Transport, TransportOptions } from "../backends/transport.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A question before the run must not hang for as long as a generation may. */
const ASK_TIMEOUT_MS = 15_000;

/**
 * Asks over a transport.
 *
 * @throws {UserError} (exit code 3) when the server cannot be reached.
 */
export function askOver(transport: Transport): Ask {
  return async (request: WireRequest) => {
    const exchange = await transport.send(request, {
      timeoutMs: ASK_TIMEOUT_MS,
      maxBytes: MAX_REPLY_BYTES,
    });
    if (exchange.end.kind !== "complete" && exchange.end.kind !== "grpc_status") {
      throw unreachable(request.url, exchange);
    }
    if (exchange.end.kind === "grpc_status") {
      throw new UserError(
        `Cannot use ${origin(request.url)}: gRPC status ${exchange.end.status}, ` +
          oneLine(exchange.end.message),
        EXIT.unreachable,
      );
    }
    return { status: exchange.status, body: exchange.body };
  };
}

/**
 * The model to send: the given one, else the first that the server lists.
 *
 * @throws {UserError} (exit code 3) when the server is not there or lists none.
 */
export async function chooseModel(
  protocol: Protocol,
  target: Target,
  ask: Ask,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return given;
  if (protocol.listModels === undefined) return "";
  let models: readonly string[];
  try {
    models = await protocol.listModels(target, ask);
  } catch (error) {
    if (error instanceof UserError || error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(
      `Cannot find out the model of ${target.baseUrl}: ${oneLine((error as Error).message)}; ` +
        `is it an LLM server that speaks ${protocol.name}? Otherwise give --protocol`,
      EXIT.unreachable,
    );
  }
  const first = models[0];
  if (first === undefined) {
    throw new UserError(
      `Cannot find out the model of ${target.baseUrl}: it lists none, give --model NAME`,
      EXIT.unreachable,
    );
  }
  return first;
}

/**
 * Throws the reason why a first request failed, and what to try.
 *
 * @throws {UserError} always; exit code 3 unless the forced length is the cause.
 */
export function refuse(
  protocol: Protocol,
  target: Target,
  outcome: Outcome,
  length: "forced" | "cap",
): never {
  const place = target.baseUrl;
  switch (outcome.kind) {
    case "wrong_length":
      if (length === "forced") {
        throw new UserError(
          `Cannot force the answer's length at ${place}: ${outcome.message}; use --length cap`,
        );
      }
      throw new UserError(`Cannot measure ${place}: ${outcome.message}`, EXIT.unreachable);
    case "connect_error":
    case "timeout":
      if (protocol.carrier === "inprocess") {
        throw new UserError(oneLine(outcome.message), EXIT.unreachable);
      }
      throw new UserError(`Cannot reach ${place}: ${outcome.message}`, EXIT.unreachable);
    case "http_error": {
      const hint = outcome.status === 401 || outcome.status === 403
        ? "give the key with --api-key env:NAME or --api-key file:PATH"
        : outcome.status === 404 || outcome.status === 405
        ? "check the URL, --protocol and --model"
        : length === "forced" && outcome.status >= 400 && outcome.status < 500
        ? "if it refuses a forced length, use --length cap"
        : "see the server's log";
      throw new UserError(
        `Cannot use ${place} as ${protocol.name}: status ${outcome.status}, ${outcome.message}; ${hint}`,
        EXIT.unreachable,
      );
    }
    case "ok":
      throw new TypeError("Cannot refuse a request that succeeded");
    default:
      throw new UserError(
        `Cannot use ${place} as ${protocol.name}: ${outcome.kind.replace("_", " ")}, ` +
          `${outcome.message}; is --protocol right?`,
        EXIT.unreachable,
      );
  }
}

/** Where a plan's requests go, secrets included. */
export function targetOf(plan: BenchPlan): Target {
  const { url, headers, endpoint, apiKey } = plan;
  return { baseUrl: url, headers, ...defined({ endpoint, apiKey }) };
}

/** Options of a plan's transport. */
export function transportOptions(
  { insecure, proxyLocal, caCert }: BenchPlan,
): Pick<TransportOptions, "insecure" | "proxyLocal" | "caCert"> {
  return { insecure, proxyLocal, ...defined({ caCert }) };
}

/** Opens a transport for questions; closes it afterwards whatever happens. */
export async function withTransport<T>(
  open: () => Transport,
  use: (transport: Transport) => Promise<T>,
): Promise<T> {
  const transport = open();
  try {
    return await use(transport);
  } finally {
    await transport.close();
  }
}

function unreachable(url: string, exchange: Exchange): Error {
  const message = "message" in exchange.end ? exchange.end.message : "no answer";
  // A model in this program explains itself why it cannot be used.
  if (url.startsWith("inprocess:")) return new UserError(oneLine(message), EXIT.unreachable);
  // Not the server's fault: the program's front end says which permission to add.
  if (/^Requires \w+ access/.test(message)) return new Deno.errors.NotCapable(message);
  // Some other program answers there.
  if (exchange.end.kind === "malformed") {
    return new UserError(`Cannot use ${origin(url)}: ${oneLine(message)}`, EXIT.unreachable);
  }
  // Some reasons say what to do themselves.
  const hint = /: (use|raise|take) /.test(message) ? "" : "; is the server running there?";
  return new UserError(`Cannot reach ${origin(url)}: ${oneLine(message)}${hint}`, EXIT.unreachable);
}

function origin(url: string): string {
  return /^[a-z0-9+.-]+:\/\/[^/?#]+/i.exec(url)?.[0] ?? url;
}
