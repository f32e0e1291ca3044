/**
 * A rehearsal with generated answers, which a thread runs before its first real request: through the
 * same runner, transport and parser, so that the JIT has compiled them when the load starts.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Transport } from "../backends/transport.ts";
import { runLoad } from "./load_runner.ts";

/**
 * Enough to have what runs for every read and request compiled once. More, until the JIT has optimized
 * it, costs a thread 50 ms and did not make the first tokens after the start any more exact.
 */
const REQUESTS = 32;
const USERS = 16;

/** Sends the requests over `transport`, then closes it. */
export async function rehearse(
  transport: Transport,
  request: WireRequest,
  { clock, nextTurn }: { readonly clock: Clock; readonly nextTurn: () => Promise<void> },
): Promise<void> {
  const never = new AbortController().signal;
  await runLoad({
    load: { kind: "closed", users: USERS, rampUpMs: 0, sequence: "rounds" },
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
