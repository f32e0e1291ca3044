/**
 * The thread of the witness' engine whose event loop is ours, around `epoll`: it stamps a token within
 * microseconds of its leaving, and the kernel stamps what arrives.
 *
 * @module
 */
import {
  type EpollService,
  serveEpollThread,
  type ServiceTools,
} from "../backends/epoll_thread.ts";
import { inWorker } from "../backends/worker.ts";
import type { FromWitness, ToWitness, WitnessSetup } from "./witness_messages.ts";

/** This file, for `startWorker`. */
export const WITNESS_LOOP_WORKER: string = "workloads/witness_loop_worker.ts";

async function serve(
  setup: WitnessSetup,
  { loop, post }: ServiceTools<FromWitness>,
): Promise<EpollService<ToWitness>> {
  // Here, so that a thread which only starts this one loads none of it.
  const { epollSimLoop } = await import("../backends/sim_loop_epoll.ts");
  const { createWitnessService } = await import("./witness_service.ts");
  const answer = await createWitnessService(setup, epollSimLoop(loop));
  return {
    onMessage(question) {
      // Answers are made of promises alone: no event would wake the loop.
      void loop.hold(
        answer(question).then((said) => {
          // That one goes out when the loop has ended.
          if (question.kind === "stop") loop.end();
          else post(said);
        }),
      );
    },
    onEnd: () => post({ kind: "stopped" }),
  };
}

if (inWorker(WITNESS_LOOP_WORKER)) serveEpollThread(serve);
