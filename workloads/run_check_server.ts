/**
 * One request before the load, which decides whether the server can be measured as planned.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { decodeSingle } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import type { GenerationRequest, WireRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange, Transport } from "../backends/transport.ts";
import { formatMs } from "../metrics/format.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { takesLengthField } from "./bench_length.ts";
import { whileWaiting } from "./live_waiting.ts";
import { checkingTransport } from "./run_auto_transport.ts";
import { proxyOver } from "./server_proxy.ts";
import { checkRequestOf } from "./run_check_request.ts";
import type { PrepareHooks } from "./run_hooks.ts";
import type { Preparation } from "./run_prepare.ts";
import { asksToWait, isNotYet, Patience, retryAfterMs } from "./server_patience.ts";
import { NOTHING_SENT } from "./server_refusal_facts.ts";
import { refusedParameter } from "./server_refusal_parameter.ts";
import { refusal, refusalText, type Refusing } from "./server_refuse.ts";
import { askOver } from "./server_target.ts";
import { EXIT, UserError } from "./user_error.ts";

const CHECK_ATTEMPTS = 3;
/** Time to ask which models there are, when the one that was asked for is refused. */
const MODELS_MS = 5000;

/** What checking reports and obeys. */
export interface CheckHooks extends Pick<PrepareHooks, "onProgress" | "note"> {
  /** First Ctrl-C. */
  readonly stopSignal: AbortSignal;
}

/** What is checked: where requests go, and the first one. */
export type CheckedRequest = Pick<
  Preparation,
  "protocol" | "target" | "patience" | "first" | "otherMark"
>;

/**
 * {@linkcode checkServer}, and after it, one by one, every other server, model and class: what cannot be
 * used is named before the load.
 *
 * @returns what the first one showed.
 */
export async function checkAll(
  plan: BenchPlan,
  preparation: CheckedRequest & Pick<Preparation, "others">,
  transport: Transport,
  hooks: CheckHooks,
): Promise<CheckedServer> {
  const check = async (asked: CheckedRequest): Promise<CheckedServer> => {
    try {
      return await checkServer({ ...plan, url: asked.target.baseUrl }, asked, transport, hooks);
    } catch (error) {
      if (plan.models === undefined || !(error instanceof UserError)) throw error;
      throw new UserError(error.message.replace(/ by --model$/, " in --models"), error.exitCode);
    }
  };
  const server = await check(preparation);
  const { lengthField } = server;
  for (const { target, first } of preparation.others) {
    const asked = { ...preparation, target, first: { ...first, ...defined({ lengthField }) } };
    const other = await check(asked);
    if (other.lengthField === undefined) continue;
    throw new UserError(
      `Cannot send ${target.baseUrl} what ${preparation.target.baseUrl} takes: it wants the length as ` +
        "max_completion_tokens, the other as max_tokens; measure them one after the other",
    );
  }
  return server;
}

/** A server that can be measured. */
export interface CheckedServer {
  /** Record of the check request. */
  readonly checked: RequestRecord;
  /** Name of the length that the server takes, where it refused the usual one. */
  readonly lengthField?: GenerationRequest["lengthField"];
}

/** One check request and what became of it. */
interface Attempt {
  readonly asked: CheckedRequest;
  readonly request: GenerationRequest;
  readonly wire: WireRequest;
  readonly exchange: Exchange;
  readonly record: RequestRecord;
}

/**
 * Sends the check request. A server that fails now and then can be measured, so a failure is tried
 * twice more, with as long an answer as the load's: some engines refuse short ones. A server that asks
 * to wait is given that time; without a connection there is no server, unless one is waited for.
 *
 * @throws {UserError} when the server cannot be measured, or when interrupted.
 */
export async function checkServer(
  plan: BenchPlan,
  given: CheckedRequest,
  transport: Transport,
  hooks: CheckHooks,
): Promise<CheckedServer> {
  let asked = given;
  let few = given.first.stream;
  for (let attempt = 1;; attempt++) {
    const tried = await tryOnce(plan, asked, { ...hooks, transport, few });
    refuseInterrupted(hooks.stopSignal);
    const { outcome } = tried.record;
    if (outcome.kind === "ok") {
      const { lengthField } = asked.first;
      return {
        checked: tried.record,
        ...(asked === given ? {} : defined({ lengthField })),
      };
    }
    const other = withOtherLengthField(tried);
    if (other !== undefined) {
      hooks.note?.("The server takes max_completion_tokens and not max_tokens: that is sent");
      asked = { ...asked, first: other };
      attempt--;
      continue;
    }
    const next = await afterFailure(tried, attempt, hooks);
    if (next === "refuse") throw await explain(plan, tried, transport);
    if (next === "wait") attempt--;
    else few = false;
  }
}

/** How one request is sent. */
interface TryOptions extends CheckHooks {
  readonly transport: Transport;
  readonly few: boolean;
}

async function tryOnce(
  plan: BenchPlan,
  asked: CheckedRequest,
  { transport, few, stopSignal, onProgress }: TryOptions,
): Promise<Attempt> {
  const { protocol, target, first, patience, otherMark: mark } = asked;
  const request = checkRequestOf(first, { few, ...defined({ mark }) });
  const wire = protocol.buildRequest(request, target);
  const sent = transport.send(wire, {
    timeoutMs: patience.limitMs(plan.timeoutMs),
    ...defined({ maxBytes: plan.maxAnswerBytes }),
    // Nothing is measured yet that would be worth the wait.
    signal: stopSignal,
  });
  const exchange = await whileWaiting(sent, {
    clock: systemClock,
    label: "the server's first answer",
    onProgress,
  });
  const record = decodeSingle(exchange, protocol, request, {
    promptId: "check",
    ...defined({ maxAnswerBytes: plan.maxAnswerBytes }),
  });
  return { asked, request, wire, exchange, record };
}

/** The same request with the other name of its length, where that is what was refused. */
function withOtherLengthField(
  { asked: { protocol, first }, request, exchange, record: { outcome } }: Attempt,
): GenerationRequest | undefined {
  if (request.lengthField !== undefined || !takesLengthField(protocol)) return undefined;
  const own = request.extraBody ?? {};
  if ("max_tokens" in own || "max_completion_tokens" in own) return undefined;
  const refused = outcome.kind === "http_error" || outcome.kind === "engine_error";
  if (!refused || !wantsOtherField(outcome.message, exchange)) return undefined;
  return { ...first, lengthField: "max_completion_tokens" };
}

/** Whether the words name the other field, or refuse `max_tokens` as such. */
function wantsOtherField(said: string, exchange: Exchange): boolean {
  const body = refusalText(exchange);
  const words = `${said} ${body}`;
  if (!/max_tokens/.test(words) || /context|too (large|long|many)|exceed/i.test(words)) {
    return false;
  }
  const sent = { ...NOTHING_SENT, fields: ["max_tokens"] };
  return words.includes("max_completion_tokens") ||
    refusedParameter({ said, body, sent }) !== undefined;
}

/** What follows a failure: another attempt (that counts, or not), or the end. */
async function afterFailure(
  { asked, exchange, record: { outcome } }: Attempt,
  attempt: number,
  { stopSignal, onProgress, note }: CheckHooks,
): Promise<"again" | "wait" | "refuse"> {
  const { patience, protocol: { carrier } } = asked;
  if (isNotYet(outcome, carrier)) {
    const askedMs = retryAfterMs(exchange.headers);
    const limited = asksToWait(outcome);
    if (!patience.waits && !limited) {
      const there = outcome.kind === "http_error" && attempt < CHECK_ATTEMPTS;
      return there ? "again" : "refuse";
    }
    if (!patience.waits && attempt >= CHECK_ATTEMPTS) return "refuse";
    if (askedMs !== undefined && patience.allows(askedMs)) {
      note?.(`The server asks to wait ${formatMs(askedMs)} (Retry-After): that is done`);
    }
    const waited = await whileWaiting(patience.pause(askedMs, stopSignal), {
      clock: systemClock,
      label: askedMs === undefined ? "the server" : "the server, as long as it asks to",
      onProgress,
    });
    refuseInterrupted(stopSignal);
    return !waited ? "refuse" : patience.waits ? "wait" : "again";
  }
  const final = attempt >= CHECK_ATTEMPTS || outcome.kind === "connect_error";
  return final ? "refuse" : "again";
}

async function explain(
  plan: BenchPlan,
  { asked, request, wire, exchange, record: { outcome } }: Attempt,
  transport: Transport,
): Promise<Error> {
  const { protocol, target } = asked;
  const refusing: Refusing = {
    protocol,
    target,
    caCert: plan.caCert !== undefined,
    dataset: plan.dataset,
    proxy: proxyOver(checkingTransport(plan), plan),
  };
  const served = "message" in outcome && /model|deployment/i.test(outcome.message)
    ? await listServed(refusing, transport)
    : undefined;
  return await refusal(refusing, {
    outcome,
    callUrl: wire.url,
    request,
    body: refusalText(exchange),
    ...defined({ headers: exchange.headers, served }),
  });
}

async function listServed(
  refusing: Refusing,
  transport: Transport,
): Promise<readonly string[] | undefined> {
  const patience = new Patience({ totalMs: MODELS_MS });
  try {
    return await refusing.protocol.listModels?.(
      refusing.target,
      askOver(transport, { ...refusing, patience }),
    );
  } catch {
    return undefined;
  }
}

/** @throws {UserError} when Ctrl-C came before anything was measured. */
export function refuseInterrupted(stopSignal: AbortSignal): void {
  if (stopSignal.aborted) {
    throw new UserError("Interrupted before the first request", EXIT.interrupted);
  }
}
