/**
 * A load of made-up answers, run by a thread before its first real request: through the same
 * runner, transport and parser, so that the compiler is done with them when it counts.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Transport } from "../backends/transport.ts";
import { runLoad } from "./load_runner.ts";

/** Enough that the compiler has optimized what runs for every read and request; about 0.1 s. */
const REQUESTS = 1000;
const USERS = 16;

/** Runs the load over `transport`, and closes it. */
export async function rehearse(
  transport: Transport,
  request: WireRequest,
  { clock, nextTurn }: { readonly clock: Clock; readonly nextTurn: () => Promise<void> },
): Promise<void> {
  const never = new AbortController().signal;
  await runLoad({
    load: { kind: "closed", users: USERS, rampUpMs: 0, sequence: "disjoint" },
    stop: { requests: REQUESTS },
    worker: 0,
    workers: 1,
    poolSize: 1,
    timeoutMs: 0,
    graceMs: 0,
  }, {
    clock,
    transport,
    nextTurn,
    originMs: clock.now(),
    requestOf: () => request,
    takeNext: () => 0,
    onExchange() {},
    onDropped() {},
    stopSignal: never,
    abortSignal: never,
  });
  await transport.close();
}
