/**
 * What the simulated side of a protocol answers, as bytes and with their meaning, without a server.
 *
 * @module
 */
import { grpcFrame } from "../../backends/grpc_frames.ts";
import type { Ask, GenerationRequest, Protocol, WireRequest } from "../../backends/protocol.ts";
import type { SimProtocol, SimRequest, SimToken } from "../../backends/sim_protocol.ts";
import { type CannedBody, cannedRequest } from "./protocol_contract.ts";

const TOKENS: readonly SimToken[] = [
  { id: 300, text: " the", reasoning: false },
  { id: 301, text: " of", reasoning: false },
  { id: 302, text: " and", reasoning: false },
  { id: 303, text: " a", reasoning: false },
];
const TEXT = TOKENS.map(({ text }) => text).join("");

const encoder = new TextEncoder();

/** The request as the protocol wants it, prepared where that is the protocol's way. */
export async function preparedRequest(
  protocol: Protocol,
  sim: SimProtocol,
): Promise<Partial<GenerationRequest>> {
  const model = "";
  if (protocol.prepare === undefined) return { model };
  const { promptTokenIds, extraBody } = await protocol.prepare(
    cannedRequest({ model }),
    { baseUrl: baseUrlOf(protocol), headers: {} },
    askSimulated(protocol, sim),
  );
  return {
    model,
    ...(promptTokenIds !== undefined && { promptTokenIds }),
    ...(extraBody !== undefined && { extraBody }),
  };
}

/** Answers of four tokens: streamed, and whole where the protocol has that. */
export function simulatedBodies(
  protocol: Protocol,
  sim: SimProtocol,
  request: Partial<GenerationRequest>,
): CannedBody[] {
  const modes = protocol.carrier === "grpc" ? [true] : [true, false];
  return modes.map((stream) => simulatedBody(protocol, sim, { ...request, stream }));
}

/** The stream of a request before its first token, as the protocol's simulated side sees it. */
export function simulatedStream(
  protocol: Protocol,
  sim: SimProtocol,
  overrides: Partial<GenerationRequest> = {},
) {
  const wire = protocol.buildRequest(
    cannedRequest({ model: "", ...overrides, outputTokens: TOKENS.length }),
    { baseUrl: baseUrlOf(protocol), headers: {} },
  );
  const job = sim.accept(simRequestOf(wire), "m-1");
  if ("status" in job) throw new Error(`Refused: ${job.status} ${job.body}`);
  return {
    job,
    serial: 1,
    tokensSoFar: 0,
    reasoningSoFar: 0,
    textSoFar: "",
    cachedTokens: 0,
    quirks: new Set(["usage:asked", "role-chunk:with-first"]),
  };
}

/** The events of an answer of four tokens, framed; of a whole answer its single body. */
export function simulatedParts(
  protocol: Protocol,
  sim: SimProtocol,
  overrides: Partial<GenerationRequest> & { readonly stream: boolean },
): Uint8Array<ArrayBuffer>[] {
  const { stream } = overrides;
  const state = simulatedStream(protocol, sim, overrides);
  const parts = [stream ? sim.opening?.(state) ?? "" : ""];
  for (const [i, token] of TOKENS.entries()) {
    state.tokensSoFar++;
    state.textSoFar += token.text;
    if (stream) parts.push(sim.event(state, [token], i === TOKENS.length - 1, "length"));
  }
  parts.push(
    stream ? sim.closing?.(state, "length") ?? "" : sim.whole(state, TOKENS, "length").body,
  );
  return parts.filter((part) => part.length > 0)
    .map((part) => typeof part === "string" ? encoder.encode(part) : new Uint8Array(part))
    .map((part) => protocol.carrier === "grpc" ? grpcFrame(part) : part);
}

function simulatedBody(
  protocol: Protocol,
  sim: SimProtocol,
  overrides: Partial<GenerationRequest> & { readonly stream: boolean },
): CannedBody {
  const { stream } = overrides;
  const bytes = simulatedParts(protocol, sim, overrides);
  return {
    name: stream ? "a simulated stream" : "a simulated whole answer",
    body: Uint8Array.fromHex(bytes.map((part) => part.toHex()).join("")),
    stream,
    expected: {
      ...(protocol.carrier === "http" && { text: TEXT }),
      ...(stream && { tokens: TOKENS.length, source: protocol.tokenSource }),
    },
  };
}

function askSimulated(protocol: Protocol, sim: SimProtocol): Ask {
  return (wire) => {
    const reply = sim.accept(simRequestOf(wire), "m-1");
    if (!("status" in reply)) throw new Error(`Not an answer at once: ${wire.url}`);
    const { status, body } = reply;
    const bytes = typeof body === "string" ? encoder.encode(body) : body;
    const answered = protocol.carrier === "grpc" && status === 0 ? grpcFrame(bytes) : bytes;
    return Promise.resolve({ status, body: answered });
  };
}

function simRequestOf({ method, url, headers, body }: WireRequest): SimRequest {
  // The scheme decides how `URL` reads the rest.
  const { pathname, searchParams } = new URL(url.replace(/^[a-z]+:/, "http:"));
  return { method, path: pathname, query: searchParams, headers, body: body ?? new Uint8Array() };
}

function baseUrlOf({ carrier }: Protocol): string {
  return `${carrier}://127.0.0.1:9000`;
}
