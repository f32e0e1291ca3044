/**
 * Questions to a server before any timer starts: whether it is there, and which models it has.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { oneLine } from "../backends/error_message.ts";
import { RefusedQuestion } from "../backends/json_ask.ts";
import { MAX_REPLY_BYTES } from "../backends/limits.ts";
import type { Ask, Target, WireRequest } from "../backends/protocol.ts";
import type { Outcome } from "../backends/record.ts";
import type { Exchange, Transport, TransportOptions } from "../backends/transport.ts";
import { plural } from "../metrics/format.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { asksToWait, isNotYet, Patience, retryAfterMs } from "./server_patience.ts";
import { modelRefusal, refusal, type Refusing } from "./server_refuse.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A question before the run must not hang for as long as a generation may. */
const ASK_TIMEOUT_MS = 15_000;

/** Who is asked, for messages, and how long. */
export interface AskOverOptions extends Refusing {
  /** Time for all questions; default a new one. */
  readonly patience?: Patience;
  /** First Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks over a transport; again and again while the server asks to wait, or is waited for.
 *
 * @throws {UserError} (exit code 3) when the server cannot be reached.
 */
export function askOver(transport: Transport, options: AskOverOptions): Ask {
  const { patience = new Patience(), signal, protocol: { carrier } } = options;
  return async (request: WireRequest) => {
    for (;;) {
      const exchange = await transport.send(request, {
        // A server that is waited for may take its time with the first answer.
        timeoutMs: patience.waits ? patience.leftMs() : patience.limitMs(ASK_TIMEOUT_MS),
        maxBytes: MAX_REPLY_BYTES,
        ...defined({ signal }),
      });
      if (signal?.aborted) {
        throw new UserError("Interrupted before the first request", EXIT.interrupted);
      }
      const outcome = outcomeOf(exchange);
      if (outcome !== undefined && isNotYet(outcome, carrier)) {
        const askedMs = retryAfterMs(exchange.headers);
        const waits = patience.waits || (asksToWait(outcome) && askedMs !== undefined);
        if (waits && await patience.pause(askedMs, signal)) continue;
      }
      if (outcome !== undefined && outcome.kind !== "http_error") {
        throw await refusal(options, { outcome, callUrl: request.url });
      }
      if (exchange.end.kind === "grpc_status") {
        throw await refusal(options, { outcome: outcome!, callUrl: request.url });
      }
      return {
        status: exchange.status,
        body: exchange.body,
        ...defined({ headers: exchange.headers }),
      };
    }
  };
}

/** How a question failed; `undefined` = it was answered. */
function outcomeOf({ end, status }: Exchange): Outcome | undefined {
  switch (end.kind) {
    case "complete":
      if (status === 0 || (status >= 200 && status <= 299)) return undefined;
      return { kind: "http_error", status, message: "" };
    case "grpc_status":
      return { kind: "http_error", status: end.status, message: end.message };
    case "malformed":
      // The limit of such an answer is another one than the option's.
      return { kind: "protocol_error", message: end.message.replace(/ \(--max-answer.*\)$/, "") };
    case "cut":
      return { kind: "truncated", message: end.message };
    default:
      return end;
  }
}

/**
 * The model to send: the given one, else the first that the server lists.
 *
 * @throws {UserError} (exit code 3) when the server is not there or lists none.
 */
export async function chooseModel(
  refusing: Refusing,
  ask: Ask,
  given: string | undefined,
  note?: (line: string) => void,
): Promise<string> {
  const { protocol, target } = refusing;
  if (given !== undefined) return given;
  if (protocol.listModels === undefined) return "";
  let models: readonly string[];
  try {
    models = await protocol.listModels(target, ask);
  } catch (error) {
    if (error instanceof UserError || error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof RefusedQuestion) {
      const deployed = deployment(target.baseUrl);
      if (deployed !== undefined && error.answer.status === 404) return deployed;
      throw await modelRefusal(refusing, error);
    }
    throw new UserError(
      `Cannot find out the model of ${target.baseUrl}: ${oneLine((error as Error).message)}; ` +
        `is it an LLM server that speaks ${protocol.name}? Otherwise give --protocol`,
      EXIT.unreachable,
    );
  }
  const [first, ...others] = models;
  if (first === undefined) {
    throw new UserError(
      `Cannot find out the model of ${target.baseUrl}: it lists none, give --model NAME`,
      EXIT.unreachable,
    );
  }
  if (others.length > 0) {
    note?.(
      `The server lists ${models.length} models: ${oneLine(first, NAME_CHARS)} is taken, ` +
        `${plural(others.length, "other")} not (${nameSome(others)}); --model NAME chooses another`,
    );
  }
  return first;
}

/** The deployment in an address of Azure's, which no list of models names. */
function deployment(url: string): string | undefined {
  return /\/deployments\/([^/?]+)\//.exec(url)?.[1];
}

/** Longest name that is shown. */
const NAME_CHARS = 80;

/** The first few names. */
function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => oneLine(name, NAME_CHARS)).join(", ");
  return names.length > 3 ? `${shown}, …` : shown;
}

/** Where a plan's requests go, of several servers to the first; secrets included. */
export function targetOf(plan: BenchPlan): Target {
  return targetsOf(plan)[0]!;
}

/** Where a plan's requests go: a target for each server. */
export function targetsOf(plan: BenchPlan): readonly Target[] {
  const { endpoint, apiKey, sessionHeader, sessionMark } = plan;
  // Requests of the load have values of their own there; whatever else is asked has this one.
  const headers = sessionHeader === undefined
    ? plan.headers
    : { ...plan.headers, [sessionHeader]: `${sessionMark}-question` };
  return serversOf(plan).map(({ url, query }) => ({
    ...{ baseUrl: url, headers },
    ...defined({ query, endpoint, apiKey }),
  }));
}

/** Options of a plan's transport. */
export function transportOptions(
  { insecure, proxyLocal, caCert }: BenchPlan,
): Pick<TransportOptions, "insecure" | "proxyLocal" | "caCert"> {
  return { insecure, proxyLocal, ...defined({ caCert }) };
}

/** Opens a transport for questions; closes it afterwards whatever happens. */
export async function withTransport<T>(
  open: () => Promise<Transport>,
  use: (transport: Transport) => Promise<T>,
): Promise<T> {
  const transport = await open();
  try {
    return await use(transport);
  } finally {
    await transport.close();
  }
}
