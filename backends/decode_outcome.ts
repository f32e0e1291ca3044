/**
 * Decides how a request ended: from its status, from the end of its exchange, and from what its body
 * held.
 *
 * @module
 */
import { type BodyReader, serverMessage } from "./decode_body.ts";
import { bodyText, oneLine } from "./error_message.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import type { GenerationRequest, Protocol } from "./protocol.ts";
import type { Outcome, TokenCount } from "./record.ts";
import type { Exchange } from "./transport.ts";

/** What a refusal says stands at its beginning. */
const MOST_READ_BYTES: number = 2 ** 20;
/**
 * Finish reasons in engines' words that mean a failure: the engine, its host or its queue gave up.
 * `context_length_exceeded` and the like end an answer early, which a forced length finds.
 */
const FAILED =
  /^(finish_?reason_?)?(abort(ed)?|error(ed)?|.*_error|cancel(l)?ed|fail(ed|ure)?|time_?d?_?out|disconnect(ed)?|malformed_.*|overloaded|insufficient_system_resources?|preempted|unknown_error|eviction|evicted|unload(ed)?)$/i;

/** Those that mean that the answer was withheld; a failure where a length was forced. */
const WITHHELD =
  /^(finish_?reason_?)?(content_?filter(ed)?|safety|recitation|blocklist|prohibited_content|spii|image_safety|sensitive|refusal|guardrail.*|moderation)$/i;

/** The outcome of a request that was refused: its status says so, whatever became of the body. */
export function refusedOutcome(exchange: Exchange, protocol: Protocol): Outcome {
  const { body, end, headers } = exchange;
  const text = bodyText(body.subarray(0, MOST_READ_BYTES), headers?.["content-encoding"]);
  const said = serverMessage(protocol, text);
  const message = body.length === 0 && end.kind === "malformed" ? oneLine(end.message) : said;
  return { kind: "http_error", status: exchange.status, message };
}

/** The outcome of a request whose body was read. */
export function bodyOutcome(
  exchange: Exchange,
  protocol: Protocol,
  request: GenerationRequest,
  body: BodyReader,
  outputTokens: TokenCount | undefined,
): Outcome {
  const { end } = exchange;
  // What the engine reports is the cause; everything else may be its consequence.
  if (body.error !== undefined) return { kind: "engine_error", message: body.error };
  if (body.malformed !== undefined) return { kind: "protocol_error", message: body.malformed };
  if (end.kind === "grpc_status") return grpcOutcome(end.status, end.message, body.events);
  // After the end mark the answer is whole: how the connection ends no longer matters.
  if (body.endMarkMs === undefined) {
    switch (end.kind) {
      case "cancelled":
        return {
          kind: end.planned ? "cancelled_as_planned" : "cancelled",
          message: oneLine(end.message),
        };
      case "connect_error":
      case "timeout":
        return { kind: end.kind, message: oneLine(end.message) };
      case "malformed":
        return { kind: "protocol_error", message: oneLine(end.message) };
      case "cut":
        return { kind: "truncated", message: oneLine(end.message) };
      case "complete":
        if (body.torn) {
          return { kind: "truncated", message: "the body ended inside an event" };
        }
        if (
          body.finishReason === undefined && protocol.endMark !== "eof" &&
          !(body.tokens.whole && body.events > 0)
        ) {
          return { kind: "truncated", message: "the body ended without an end mark" };
        }
    }
  }
  const { finishReason = "" } = body;
  if (FAILED.test(finishReason) || request.length === "forced" && WITHHELD.test(finishReason)) {
    return {
      kind: "engine_error",
      message: `the engine ended the answer with "${oneLine(finishReason, 80)}"`,
    };
  }
  return lengthOutcome(request, protocol, outputTokens);
}

function lengthOutcome(
  request: GenerationRequest,
  protocol: Protocol,
  outputTokens: TokenCount | undefined,
): Outcome {
  const { tokens, source } = outputTokens ?? { tokens: 0, source: "event" };
  const wanted = request.outputTokens;
  if (tokens === 0) {
    return { kind: "wrong_length", message: `0 tokens delivered, ${wanted} requested` };
  }
  // Events are not tokens, and a text need not encode to the ids it came from: neither proves that
  // a length was missed.
  const exact = source === "counter" || source === "ids" || source === "usage";
  if (request.length === "forced" && exact) {
    if (tokens < wanted || tokens > wanted + protocol.lengthTolerance) {
      return {
        kind: "wrong_length",
        message: `${tokens} tokens delivered (by ${source}), ${wanted} forced`,
      };
    }
  }
  return { kind: "ok" };
}

function grpcOutcome(status: number, said: string, events: number): Outcome {
  const message = oneLine(`gRPC status ${status}${said === "" ? "" : `: ${said}`}`);
  if (status === GRPC_STATUS.DEADLINE_EXCEEDED) return { kind: "timeout", message };
  if (events === 0) return { kind: "http_error", status, message };
  // CANCELLED is also what a client reports when the server's process is killed.
  return status === GRPC_STATUS.CANCELLED || status === GRPC_STATUS.UNAVAILABLE
    ? { kind: "truncated", message }
    : { kind: "engine_error", message };
}
