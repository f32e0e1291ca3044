/**
 * One request before the load, which decides whether the server can be measured as planned.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { decodeSingle } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { whileWaiting } from "./live_waiting.ts";
import { overCheckingTransport } from "./run_auto_transport.ts";
import type { Prepared, PrepareHooks } from "./run_prepare.ts";
import { refuse } from "./server_target.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A longer answer would say no more about whether a length can be forced. */
const CHECK_TOKENS = 64;
const CHECK_ATTEMPTS = 3;
/** Some thousand events, decoded in about 20 ms. */
const WARM_UP_BYTES = 2e6;

/** What checking reports and obeys. */
export interface CheckHooks extends Pick<PrepareHooks, "onProgress"> {
  /** First Ctrl-C. */
  readonly stopSignal: AbortSignal;
}

/**
 * Sends the check request and returns its record. A server that fails now and then can be measured,
 * so a failure is tried twice more; without a connection there is no server.
 *
 * @throws {UserError} when the server cannot be measured, or when interrupted.
 */
export async function checkServer(
  plan: BenchPlan,
  { protocol, target, requests }: Prepared,
  { stopSignal, onProgress }: CheckHooks,
): Promise<RequestRecord> {
  const first = requests[0]!;
  const request = { ...first, outputTokens: Math.min(first.outputTokens, CHECK_TOKENS) };
  const limit = defined({ maxBytes: plan.maxAnswerBytes });
  return await overCheckingTransport(plan, async (transport) => {
    for (let attempt = 1;; attempt++) {
      const sent = transport.send(protocol.buildRequest(request, target), {
        timeoutMs: plan.timeoutMs,
        ...limit,
        // Nothing is measured yet that would be worth the wait.
        signal: stopSignal,
      });
      const exchange = await whileWaiting(sent, {
        clock: systemClock,
        label: "the server's first answer",
        onProgress,
      });
      refuseInterrupted(stopSignal);
      const decode = () =>
        decodeSingle(exchange, protocol, request, {
          promptId: "check",
          ...defined({ maxAnswerBytes: plan.maxAnswerBytes }),
        });
      const record = decode();
      const { outcome } = record;
      if (outcome.kind === "ok") {
        // Warm up the decoder: the JIT should have compiled it before the load starts.
        for (let bytes = 0; bytes < WARM_UP_BYTES; bytes += exchange.body.length + 1) decode();
        return record;
      }
      if (attempt === CHECK_ATTEMPTS || outcome.kind === "connect_error") {
        refuse(protocol, target, outcome, plan.length);
      }
    }
  });
}

/** @throws {UserError} when Ctrl-C came before anything was measured. */
export function refuseInterrupted(stopSignal: AbortSignal): void {
  if (stopSignal.aborted) {
    throw new UserError("Interrupted before the first request", EXIT.interrupted);
  }
}
