/**
 * One request of a protocol to a simulated server, over a real connection.
 *
 * @module
 */
import { systemClock } from "../../backends/clock.ts";
import { decodeExchange } from "../../backends/decode.ts";
import type { GenerationRequest, Protocol } from "../../backends/protocol.ts";
import { PROTOCOLS } from "../../backends/protocols.ts";
import type { RequestRecord } from "../../backends/record.ts";
import type { SimOptions } from "../../backends/sim_options.ts";
import { findSimProtocol, SIM_ENGINES } from "../../backends/sim_protocols.ts";
import { type SimServer, startSimServer } from "../../backends/sim_server.ts";
import { fetchTransport } from "../../backends/transport_fetch.ts";
import { cannedOptions, cannedRequest } from "./protocol_contract.ts";

/** Tokens that are asked for. */
export const TOKENS = 12;

/** The engine with a call of its own for the protocol, else the one without any calls of its own. */
function engineOf({ name }: Protocol): string {
  const sim = findSimProtocol(name);
  if (sim === undefined) throw new Error(`no engine plays ${name}`);
  return (SIM_ENGINES.find(({ protocols }) => protocols.includes(sim)) ?? SIM_ENGINES[0]!).name;
}

/** Protocols that a simulated engine answers over HTTP, each with the engine. */
export const PAIRS: readonly { readonly protocol: Protocol; readonly engine: string }[] = PROTOCOLS
  .filter(({ carrier }) => carrier === "http")
  .map((protocol) => ({ protocol, engine: engineOf(protocol) }));

/** The usual model, where the path of the call names one. */
export function modelInPath({ path }: Protocol): string | undefined {
  return /\/models\/([^/]+)\//.exec(path)?.[1];
}

/** One request to a server. */
export async function askServer(
  { url }: Pick<SimServer, "url">,
  protocol: Protocol,
  overrides: Partial<GenerationRequest> = {},
  { apiKey = "", headers = {} }: {
    readonly apiKey?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<RequestRecord> {
  const transport = fetchTransport.open({ clock: systemClock });
  try {
    const request = cannedRequest({
      model: modelInPath(protocol) === undefined ? "simulated" : "",
      outputTokens: TOKENS,
      length: protocol.forcesLength ? "forced" : "cap",
      ...overrides,
    });
    const wire = protocol.buildRequest(request, { baseUrl: url, apiKey, headers });
    const exchange = await transport.send(wire, { timeoutMs: 5000 });
    return decodeExchange(exchange, protocol, request, cannedOptions());
  } finally {
    await transport.close();
  }
}

/** One request to a fresh server; the server has stopped, but still knows what it sent. */
export async function answerOf(
  options: Partial<SimOptions>,
  protocol: Protocol,
  overrides: Partial<GenerationRequest> = {},
  apiKey = "",
): Promise<{ record: RequestRecord; server: SimServer }> {
  const server = await startSimServer({ ttft: "1", itl: "1", ...options });
  try {
    return { record: await askServer(server, protocol, overrides, { apiKey }), server };
  } finally {
    await server.stop();
  }
}
