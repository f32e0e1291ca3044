/**
 * A thread whose only event loop is {@linkcode EpollLoop}. While that waits, the platform delivers no
 * messages: they stay in a port, and an eventfd wakes the loop to read them.
 *
 * @module
 */
import type { MessagePort as NodePort } from "node:worker_threads";
import { systemClock } from "./clock.ts";
import { openLibc } from "./epoll_libc.ts";
import { EpollLoop } from "./epoll_loop.ts";
import { LoopWaker } from "./epoll_wake.ts";
import {
  type StartedWorker,
  startWorker,
  type WorkerListener,
  type WorkerOptions,
  workerScope,
} from "./worker.ts";

interface ThreadStart<Setup> {
  readonly port: MessagePort;
  readonly wakeFd: number;
  readonly setup: Setup;
}

/** The thread, seen from the one that started it. */
export class EpollThread<Setup, To, From> {
  readonly #waker: LoopWaker;
  readonly #worker: StartedWorker;
  readonly #port: MessagePort;

  /**
   * Starts the thread whose entry is at `path`.
   *
   * @throws {TypeError} where there is no Linux, or no descriptor left.
   * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
   */
  constructor(path: string, setup: Setup, on: WorkerListener<From>, options: WorkerOptions = {}) {
    this.#waker = new LoopWaker();
    const channel = new MessageChannel();
    this.#port = channel.port1;
    try {
      this.#worker = startWorker(path, on, options);
    } catch (error) {
      this.#port.close();
      this.#waker.close();
      throw error;
    }
    const start: ThreadStart<Setup> = { port: channel.port2, wakeFd: this.#waker.fd, setup };
    this.#worker.postMessage(start, [channel.port2]);
  }

  /** Sends a message and interrupts the loop's waiting. */
  post(message: To, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
    this.#waker.wake();
  }

  /** Ends the thread, once its loop is over. */
  close(): void {
    this.#worker.terminate();
    this.#port.close();
    this.#waker.close();
  }
}

export interface EpollService<To> {
  readonly onMessage: (message: To) => void;
  /** Called once per batch; see `LoopOptions`. */
  readonly onSettled?: () => void;
  /** The loop is over; called last. */
  readonly onEnd: () => void;
}

export interface ServiceTools<From> {
  readonly loop: EpollLoop;
  /** Sends a message to the thread that started this one. */
  readonly post: (message: From, transfer?: Transferable[]) => void;
}

/**
 * The thread's own side, for its entry module, in that worker only. `loop.end()` ends it.
 *
 * @param nowOf the clock of the loop's stamps; default: the thread's own.
 */
export function serveEpollThread<Setup, To, From>(
  begin: (
    setup: Setup,
    tools: ServiceTools<From>,
  ) => EpollService<To> | Promise<EpollService<To>>,
  nowOf: (setup: Setup) => () => number = () => systemClock.now,
): void {
  const scope = workerScope<ThreadStart<Setup>, From>();
  scope.onmessage = async (event) => {
    const { wakeFd, setup } = event.data;
    // Not at the top, since the thread that leads needs none of it; and not by way of `process`, which
    // takes 10 ms more.
    const { receiveMessageOnPort } = await import("node:worker_threads");
    const port = event.data.port as unknown as NodePort;
    const libc = openLibc();
    const loop = new EpollLoop({
      libc,
      now: nowOf(setup),
      wakeFd,
      onWake() {
        for (;;) {
          const received: { message: To } | undefined = receiveMessageOnPort(port);
          if (received === undefined) return;
          service.onMessage(received.message);
        }
      },
      onSettled: () => service.onSettled?.(),
    });
    const service = await begin(setup, {
      loop,
      post: (message, transfer = []) => scope.postMessage(message, transfer),
    });
    await loop.run();
    service.onEnd();
    libc.close();
    port.close();
    scope.close();
  };
}
