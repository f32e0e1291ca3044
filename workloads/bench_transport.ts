/**
 * Which transport carries a run's requests, as far as it is known before there is a server.
 *
 * @module
 */
import type { Protocol } from "../backends/protocol.ts";
import { TRANSPORTS } from "../backends/transports.ts";
import type { MeasureValues } from "./bench_options.ts";
import { UserError } from "./user_error.ts";

/**
 * The transport of a protocol; in process there is only one.
 *
 * @throws {UserError} when the one that was asked for carries something else, or lacks a switch.
 */
export function planTransport(protocol: Protocol, { transport, insecure }: MeasureValues): string {
  const chosen = carrying(protocol, transport);
  if (insecure === true && chosen === "fetch") {
    throw new UserError(
      "Cannot use --insecure with --transport fetch: it has no such switch, add --transport socket",
    );
  }
  return chosen;
}

/** @throws {UserError} when it carries something else. */
function carrying({ name, carrier }: Protocol, asked: string): string {
  const known = TRANSPORTS.find((kind) => kind.name === asked);
  // Not in the list: auto.
  if (known === undefined) return carrier === "inprocess" ? carrier : asked;
  if (known.carrier === carrier) return asked;
  const fitting = TRANSPORTS.filter((kind) => kind.carrier === carrier).map((kind) => kind.name);
  const instead = carrier === "inprocess" ? "leave it out" : `use ${fitting.join(" or ")}`;
  throw new UserError(
    `Cannot use --transport ${asked} with ${name}: it carries ${CARRIERS[known.carrier]}, and ` +
      `${name} is ${CARRIERS[carrier]}; ${instead}`,
  );
}

/** What a transport carries and how a protocol travels, as messages call it. */
const CARRIERS = { http: "HTTP", grpc: "gRPC", inprocess: "in process" } as const;
