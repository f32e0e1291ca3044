/**
 * The thread of the witness' engine whose event loop is ours, around `epoll`: it stamps a token within
 * microseconds of its leaving, and the kernel stamps what arrives.
 *
 * @module
 */
import { inWorker, workerScope } from "../backends/worker.ts";
import type { FromWitness, ToWitness, WitnessSetup } from "./witness_messages.ts";

/** This file, for `startWorker`. */
export const WITNESS_LOOP_WORKER: string = "workloads/witness_loop_worker.ts";

/** The first message; the second one is a question. */
export interface WitnessLoopStart {
  readonly setup: WitnessSetup;
  /** Wakes the loop. */
  readonly wakeFd: number;
  /** While the loop runs the platform delivers no messages: further questions are counted here. */
  readonly asked: SharedArrayBuffer;
}

/** Positions of the counts. */
export const ASKED_TAKE = 0;
export const ASKED_STOP = 1;
export const ASKED_BYTES = 8;

async function serve(start: WitnessLoopStart, first: Promise<ToWitness>): Promise<void> {
  // Here, so that a thread which only starts this one loads none of it.
  const { systemClock } = await import("../backends/clock.ts");
  const { openLibc } = await import("../backends/epoll_libc.ts");
  const { EpollLoop } = await import("../backends/epoll_loop.ts");
  const { epollSimLoop } = await import("../backends/sim_loop_epoll.ts");
  const { createWitnessService } = await import("./witness_service.ts");
  const asked = new Int32Array(start.asked);
  const libc = openLibc();
  const loop = new EpollLoop({
    libc,
    now: systemClock.now,
    wakeFd: start.wakeFd,
    onWake() {
      for (let left = Atomics.exchange(asked, ASKED_TAKE, 0); left > 0; left--) {
        // Answers are made of promises alone: no event would wake the loop.
        void loop.hold(answer({ kind: "take" }).then(post));
      }
      if (Atomics.exchange(asked, ASKED_STOP, 0) === 0) return;
      void loop.hold(answer({ kind: "stop" }).then(() => loop.end()));
    },
    onSettled() {},
  });
  const answer = await createWitnessService(start.setup, epollSimLoop(loop));
  const question = await first;
  if (question.kind !== "stop") {
    post(await answer(question));
    await loop.run();
  }
  libc.close();
  post({ kind: "stopped" });
  scope.close();
}

const scope = workerScope<WitnessLoopStart | ToWitness, FromWitness>();

function post(said: FromWitness): void {
  scope.postMessage(said);
}

if (inWorker(WITNESS_LOOP_WORKER)) {
  const first = Promise.withResolvers<ToWitness>();
  scope.onmessage = ({ data }) => {
    if ("kind" in data) first.resolve(data);
    else void serve(data, first.promise);
  };
}
