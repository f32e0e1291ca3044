/**
 * The thread of the witness' engine on the platform's event loop: works everywhere, and has TLS and
 * gRPC.
 *
 * @module
 */
import { inWorker, workerScope } from "../backends/worker.ts";
import type { FromWitness, ToWitness, WitnessSetup } from "./witness_messages.ts";

/** This file, for `startWorker`. */
export const WITNESS_WORKER: string = "workloads/witness_worker.ts";

function serve(): void {
  const scope = workerScope<WitnessSetup | ToWitness, FromWitness>();
  const setup = Promise.withResolvers<WitnessSetup>();
  const service = load(setup.promise);
  let answering: Promise<unknown> = service;
  scope.onmessage = ({ data }) => {
    if (!("kind" in data)) return setup.resolve(data);
    answering = answering.then(async () => scope.postMessage(await (await service)(data)));
  };
}

/** Here, so that a thread which only starts this one loads none of it. */
async function load(setup: Promise<WitnessSetup>) {
  const { patientClock } = await import("../backends/clock.ts");
  const { platformLoop } = await import("../backends/sim_loop_platform.ts");
  const { createWitnessService } = await import("./witness_service.ts");
  // When a token leaves does not matter, only that the stamp says so: no thread need turn its loop.
  return await createWitnessService(await setup, platformLoop(patientClock));
}

if (inWorker(WITNESS_WORKER)) serve();
