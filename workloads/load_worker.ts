/**
 * A sending thread on the platform's event loop: a worker's, or the one of the thread that leads.
 *
 * @module
 */
import { nextTurn, patientClock } from "../backends/clock.ts";
import { startTicker } from "../backends/ticker.ts";
import { openTransport } from "../backends/transports.ts";
import { inWorker, workerScope } from "../backends/worker.ts";
import type { FromThread, ToThread } from "./load_messages.ts";
import { createOutbox } from "./load_outbox.ts";
import { createLoadThread, type ThreadRuntime } from "./load_thread.ts";

/** This file, for `startWorker`. */
export const LOAD_WORKER: string = "workloads/load_worker.ts";

/** For a thread without a loop of its own. */
export const platformRuntime: ThreadRuntime = {
  clock: patientClock,
  nextTurn,
  startTicker,
  open: openTransport,
  findProtocol: async (name) => (await import("../backends/protocols.ts")).findProtocol(name),
};

if (inWorker(LOAD_WORKER)) {
  const scope = workerScope<ToThread, FromThread>();
  const outbox = createOutbox(
    patientClock,
    (message, transfer) => scope.postMessage(message, transfer),
  );
  const handle = createLoadThread(outbox, platformRuntime);
  scope.onmessage = (event) => void handle(event.data);
}
