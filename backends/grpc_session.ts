/**
 * Gives the gRPC library sessions that end late (see `node_http2.ts`): it would crash Deno
 * when a server goes away. This changes `connect` of `node:http2` for the process; only the gRPC
 * library uses it here.
 *
 * @module
 */
import http2 from "node:http2";
import { endLate } from "./node_http2.ts";

const connect = http2.connect;

/** As `http2.connect`, with sessions that end late. */
function connectToEndLate(...args: Parameters<typeof connect>): http2.ClientHttp2Session {
  const session = connect(...args);
  endLate(session);
  return session;
}

Object.assign(http2, { connect: connectToEndLate });
