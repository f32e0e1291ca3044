/**
 * A sending thread whose event loop is ours, around `epoll`: departures, reads and the next requests
 * of users happen in one thread, with no message between the one that decides and the one that reads.
 *
 * @module
 */
import {
  type EpollService,
  serveEpollThread,
  type ServiceTools,
} from "../backends/epoll_thread.ts";
import { SocketTransport } from "../backends/socket_transport.ts";
import { inWorker } from "../backends/worker.ts";
import type { FromThread, ToThread } from "./load_messages.ts";
import { createOutbox } from "./load_outbox.ts";
import { createLoadThread } from "./load_thread.ts";

/** This file, for `startWorker`. */
export const LOAD_LOOP_WORKER: string = "workloads/load_loop_worker.ts";

/** What the thread is started with. */
export interface LoopSetup {
  /** Protocol whose requests must be encoded again when the pool is used twice; absent = none. */
  readonly encodes?: string;
}

async function serve(
  { encodes }: LoopSetup,
  { loop, post }: ServiceTools<FromThread>,
): Promise<EpollService<ToThread>> {
  // Now, since the platform loads nothing while the loop runs; most threads need none of it.
  const protocol = encodes === undefined
    ? undefined
    : (await import("../backends/protocols.ts")).findProtocol(encodes);
  const outbox = createOutbox(loop, post);
  const handle = createLoadThread(
    {
      ...outbox,
      send(message) {
        // The last message, which others wait for: it goes out when the loop has ended.
        if (message.kind === "closed") loop.end();
        else outbox.send(message);
      },
    },
    {
      clock: loop,
      nextTurn: loop.nextTurn,
      // The loop wakes on time by itself.
      startTicker: () =>
        Promise.resolve({
          now: loop.now,
          sleepUntil: (atMs, signal) => loop.sleepUntil(atMs, signal),
          close() {},
        }),
      open: (_name, options) => new SocketTransport({ ...options, clock: loop }, loop.openSocket),
      findProtocol: () => protocol!,
    },
  );
  return {
    onMessage(message) {
      const work = handle(message);
      // Opening is made of promises alone: no event would wake the loop.
      if (message.kind === "open" || message.kind === "pool") loop.hold(work);
    },
    onEnd: () => post({ kind: "closed" }),
  };
}

if (inWorker(LOAD_LOOP_WORKER)) serveEpollThread(serve);
