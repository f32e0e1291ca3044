/**
 * One thread that sends, seen from the thread that leads.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { EpollThread } from "../backends/epoll_thread.ts";
import { findProtocol } from "../backends/protocols.ts";
import { startWorker, type WorkerOptions } from "../backends/worker.ts";
import type { DecodeQueue } from "./load_decode_queue.ts";
import type { Desk } from "./load_desk.ts";
import { unpackExchanges } from "./load_exchange_pack.ts";
import type { Lease } from "./load_lease.ts";
import { LOAD_LOOP_WORKER, type LoopSetup } from "./load_loop_worker.ts";
import {
  COUNTER_SLOTS,
  type EndedMessage,
  type FromThread,
  type Pool,
  type RunMessage,
  type ThreadSetup,
  type ToThread,
} from "./load_messages.ts";
import { createLoadThread } from "./load_thread.ts";
import type { WitnessShare } from "./load_witness.ts";
import { LOAD_WORKER, platformRuntime } from "./load_worker.ts";
import type { Departure } from "./order.ts";

/** The other side of a thread. */
interface Connection {
  readonly send: (message: ToThread, transfer?: Transferable[]) => void;
  readonly end: () => void;
}

/** Starts a thread of one kind. */
export type Connect = (
  receive: (message: FromThread) => void,
  setup: ThreadSetup,
  memory: WorkerOptions,
) => Connection;

/** What a share is run with, on the thread that leads. */
export interface ShareHooks {
  readonly onDropped: (departure: Departure, reason: string) => void;
  readonly abortSignal: AbortSignal;
  /** Where orders come from. */
  readonly desk: Desk | undefined;
  /** Where numbers of requests come from; absent = from nowhere. */
  readonly lease: Lease | undefined;
}

/** One sending thread, whatever its kind. */
export class SendingThread {
  readonly counters = new Uint32Array(new SharedArrayBuffer(COUNTER_SLOTS * 4));
  readonly #connection: Connection;
  /** Handles what the thread reports; another one for each of our questions. */
  #receive: (message: FromThread) => void = () => {};

  constructor(connect: Connect, setup: ThreadSetup, memory: WorkerOptions) {
    this.#connection = connect((message) => this.#receive(message), setup, memory);
  }

  send(message: ToThread, transfer?: Transferable[]): void {
    this.#connection.send(message, transfer);
  }

  async open(setup: ThreadSetup): Promise<void> {
    await this.#ask({ kind: "open", ...setup, counters: this.counters.buffer }, "opened");
  }

  async take(pool: Pool): Promise<void> {
    await this.#ask({ kind: "pool", ...pool }, "pooled");
  }

  async connect(count: number, witness: WitnessShare | undefined): Promise<void> {
    await this.#ask({ kind: "connect", count, ...defined({ witness }) }, "connected");
  }

  /** Runs a share; what ends on the way goes to `answers`, which is empty in the end. */
  run(
    message: RunMessage,
    answers: DecodeQueue,
    { onDropped, abortSignal, desk, lease }: ShareHooks,
  ): Promise<EndedMessage> {
    return new Promise((resolve, reject) => {
      this.#receive = (message) => {
        switch (message.kind) {
          case "exchange":
            return answers.add(message);
          case "pack": {
            const unpacked = unpackExchanges(message.pack);
            const last = unpacked.length - 1;
            return unpacked.forEach((one, i) =>
              answers.add(one, i === last ? this.#giveBack : undefined)
            );
          }
          case "told":
            return desk?.told(message);
          case "low":
            return lease?.low();
          case "dropped":
            return onDropped(message.departure, message.reason);
          case "ended":
            return void answers.drain(abortSignal).then(() => resolve(message), reject);
          case "failed":
            return reject(new Error(message.message));
        }
      };
      this.send(message);
    });
  }

  async close(): Promise<void> {
    await this.#ask({ kind: "close" }, "closed").catch(() => {});
    this.end();
  }

  end(): void {
    this.#connection.end();
  }

  readonly #giveBack = (memory: ArrayBuffer): void => {
    this.send({ kind: "memory", memory }, [memory]);
  };

  #ask(message: ToThread, answer: FromThread["kind"]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#receive = (message) => {
        if (message.kind === answer) resolve();
        if (message.kind === "failed") reject(new Error(message.message));
      };
      this.send(message);
    });
  }
}

/** A worker with the loop of the platform. */
export const workerThread: Connect = (receive, _setup, memory) => {
  const worker = startWorker<FromThread>(LOAD_WORKER, {
    message: receive,
    failure: (message) => receive({ kind: "failed", message }),
  }, memory);
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    end: () => worker.terminate(),
  };
};

/** A worker with a loop of our own. */
export const loopThread: Connect = (receive, setup, memory) => {
  const { name, usesRequestId } = findProtocol(setup.protocol);
  const loopSetup = defined({ encodes: usesRequestId ? name : undefined });
  const thread = new EpollThread<LoopSetup, ToThread, FromThread>(LOAD_LOOP_WORKER, loopSetup, {
    message: receive,
    failure: (message) => receive({ kind: "failed", message }),
  }, memory);
  return {
    send: (message, transfer) => thread.post(message, transfer),
    end: () => thread.close(),
  };
};

/** This very thread. */
export const inlineThread: Connect = (receive) => {
  const handle = createLoadThread({ send: receive }, platformRuntime);
  return { send: (message) => void handle(message), end: () => {} };
};
