/**
 * The error that a server's refusal becomes: what is known of it is put together here, and the rules
 * of `server_refusal.ts` say what it means.
 *
 * @module
 */
import { bodyText, oneLine } from "../backends/error_message.ts";
import { isObject } from "../backends/json_event.ts";
import type { RefusedQuestion } from "../backends/json_ask.ts";
import type { GenerationRequest, Protocol, Target } from "../backends/protocol.ts";
import type { Outcome } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import { type Proxy, proxyRefusal } from "./server_proxy.ts";
import { lookAtPort } from "./server_port.ts";
import { explainRefusal } from "./server_refusal.ts";
import {
  fieldPaths,
  NOTHING_SENT,
  type RefusalFacts,
  type SentFacts,
} from "./server_refusal_facts.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Who refused, and how it was asked. */
export interface Refusing {
  readonly protocol: Protocol;
  readonly target: Target;
  /** `--ca-cert` is given. */
  readonly caCert?: boolean;
  readonly dataset?: string;
  /** The proxy of the environment that is asked; absent = the server itself is. */
  readonly proxy?: Proxy | undefined;
}

/** A refusal of one request. */
export interface Refused {
  readonly outcome: Outcome;
  /** Address of the call. */
  readonly callUrl: string;
  /** The request; absent for a question about the server. */
  readonly request?: GenerationRequest;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly served?: readonly string[];
}

/**
 * The reason why a first request failed, and what to try.
 *
 * @returns a {@linkcode UserError} (exit code 3 unless the forced length is the cause), or the
 * platform's own error where a permission is missing.
 */
export async function refusal(refusing: Refusing, refused: Refused): Promise<Error> {
  const { protocol, target } = refusing;
  const { outcome, request } = refused;
  const place = target.baseUrl;
  if (outcome.kind === "ok") throw new TypeError("Cannot refuse a request that succeeded");
  // Not the server's fault: the program's front end says which permission to add.
  if (/^Requires \w+ access/.test(outcome.message)) {
    return new Deno.errors.NotCapable(outcome.message);
  }
  // A model in this program explains itself why it cannot be used.
  if (protocol.carrier === "inprocess") {
    return new UserError(oneLine(outcome.message), EXIT.unreachable);
  }
  if (outcome.kind === "wrong_length") {
    return request?.length === "forced"
      ? new UserError(
        `Cannot force the answer's length at ${place}: ${outcome.message}; use --length cap`,
      )
      : new UserError(`Cannot measure ${place}: ${outcome.message}`, EXIT.unreachable);
  }
  const noAnswer = outcome.kind === "connect_error" || outcome.kind === "timeout";
  const facts = await factsOf(refusing, refused);
  const models = outcome.kind === "timeout" && request === undefined &&
    /model|info/.test(facts.path);
  return new UserError(
    `Cannot ${noAnswer ? "reach" : "use"} ${place}${
      noAnswer || facts.question === true ? "" : ` as ${protocol.name}`
    }: ` +
      sentence(facts) + viaProxy(outcome, refusing) +
      (models ? `; --model NAME leaves out the question for ${facts.path}` : ""),
    EXIT.unreachable,
  );
}

/** The error of a list of models that was refused. */
export async function modelRefusal(
  refusing: Refusing,
  { request, answer, said }: RefusedQuestion,
): Promise<UserError> {
  const { status, headers } = answer;
  const facts = await factsOf(refusing, {
    outcome: { kind: "http_error", status, message: said },
    callUrl: request.url,
    body: refusalText(answer),
    ...(headers === undefined ? {} : { headers }),
  });
  // What refuses every call is not cured by a name.
  const named = status < 400 || [401, 407, 429, 503].includes(status);
  return new UserError(
    `Cannot find out the model of ${refusing.target.baseUrl}: ${sentence(facts)}` +
      viaProxy({ kind: "http_error", status, message: said }, refusing) +
      (named ? "" : "; or give --model NAME, then the list is not asked for"),
    EXIT.unreachable,
  );
}

function viaProxy(outcome: Outcome, { proxy }: Refusing): string {
  const text = proxyRefusal(outcome, proxy);
  return text === undefined ? "" : `; ${text}`;
}

/** The beginning of a body that refuses. */
export function refusalText(
  { body, headers }: { readonly body: Uint8Array; readonly headers?: Exchange["headers"] },
): string {
  const coding = headers?.["content-encoding"];
  return bodyText(coding === undefined ? body.subarray(0, BODY_CHARS) : body, coding);
}

/** What came, what it means, what to do. */
function sentence(facts: RefusalFacts): string {
  const { kind, carrier, status, speaks } = facts;
  // Where we have looked ourselves, the transport's guess is of no use.
  const said = (speaks === undefined ? facts.said : facts.said.split(";")[0]!)
    .replace(/Other\(OtherError\((\w+)\)\)/, "$1")
    .replace(/(?<!\.)\.$|:$/, "");
  const { happened, cure } = explainRefusal(facts);
  const came = kind === "http_error"
    ? `${carrier === "grpc" ? "gRPC status" : "status"} ${status}, ${said || "no message"}`
    : kind === "connect_error" || kind === "timeout" || facts.question === true
    ? said
    : `${kind.replace("_", " ")}, ${said}`;
  return [came, [happened, cure].filter((text) => text !== "").join(": ")]
    .filter((text) => text !== "").join("; ");
}

async function factsOf(refusing: Refusing, refused: Refused): Promise<RefusalFacts> {
  const { protocol, target, caCert, dataset } = refusing;
  const { outcome, callUrl, request, body, headers, served } = refused;
  const said = "message" in outcome ? oneLine(outcome.message) : "";
  const facts: RefusalFacts = {
    kind: outcome.kind,
    status: outcome.kind === "http_error" ? outcome.status : 0,
    carrier: protocol.carrier,
    said,
    url: target.baseUrl,
    callUrl,
    path: request === undefined ? questionPath(callUrl, target) : protocol.path,
    sent: sentFacts(protocol, target, request),
    model: request?.model ?? "",
    caCert: caCert === true,
    question: request === undefined,
    ...(body === undefined ? {} : { body: body.slice(0, BODY_CHARS) }),
    ...(headers === undefined ? {} : { headers }),
    ...(served === undefined ? {} : { served }),
    ...(dataset === undefined ? {} : { dataset }),
  };
  // Behind a proxy the server may not be reachable in another way.
  if (refusing.proxy !== undefined || !leavesOpenWhatSpeaks(facts)) return facts;
  const speaks = await lookAtPort(target.baseUrl);
  return speaks === undefined ? facts : { ...facts, speaks };
}

/** The path of a question, without that of the base URL: `/v1/models`. */
function questionPath(callUrl: string, { baseUrl }: Target): string {
  const { pathname } = URL.parse(callUrl.replace(/^grpc/i, "http")) ?? { pathname: "" };
  const base = URL.parse(baseUrl.replace(/^grpc/i, "http"))?.pathname.replace(/\/+$/, "") ?? "";
  return pathname.startsWith(base) ? pathname.slice(base.length) : pathname;
}

const BODY_CHARS = 8192;

/** Whether it could be that another protocol is spoken there. */
function leavesOpenWhatSpeaks({ kind, said, url, carrier, status }: RefusalFacts): boolean {
  switch (kind) {
    case "protocol_error":
      return /not HTTP/.test(said);
    case "connect_error":
      return !/refused|not found|unreachable|certificate|CERT|blocked|InvalidContentType|too many/i
        .test(said);
    case "timeout":
      return /^(https|grpcs):/i.test(url);
    case "http_error":
      return carrier === "grpc" && status === 14;
    default:
      return false;
  }
}

/** What was sent: names only. */
function sentFacts(
  protocol: Protocol,
  target: Target,
  request: GenerationRequest | undefined,
): SentFacts {
  const credentials = [
    ...(target.apiKey === undefined ? [] : ["authorization (--api-key)"]),
    ...Object.keys(target.headers).filter((name) => /auth|key|token|cookie|secret/i.test(name))
      .map((name) => `${name.toLowerCase()} (--header)`),
  ];
  if (request === undefined || protocol.carrier !== "http") return { ...NOTHING_SENT, credentials };
  const fields = sentFields(protocol, target, request);
  const capped = new Set(sentFields(protocol, target, { ...request, length: "cap" }));
  return {
    fields,
    forced: request.length === "forced" ? fields.filter((path) => !capped.has(path)) : [],
    own: fieldPaths(request.extraBody),
    credentials,
  };
}

function sentFields(protocol: Protocol, target: Target, request: GenerationRequest): string[] {
  try {
    const { body } = protocol.buildRequest(request, target);
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
    if (!isObject(parsed)) return [];
    const { sampling_parameters: packed } = parsed;
    // Triton's vLLM backend takes JSON inside the JSON.
    if (typeof packed !== "string") return fieldPaths(parsed);
    return fieldPaths({ ...parsed, sampling_parameters: JSON.parse(packed) });
  } catch {
    return [];
  }
}
