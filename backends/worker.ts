/**
 * How this program starts a worker, and how a worker finds out which one it is: the same for a
 * checkout, JSR, a compiled executable and a single file, which is its own worker.
 *
 * @module
 */
import { bundleIsOurs, isBundled } from "./relaunch.ts";

/** The entries that have been evaluated, in this thread. */
const entries = new Set<string>();

/** What {@linkcode workerUrl} rests on. */
export interface WorkerSurroundings {
  /** URL of a module in `backends/`, or of the one file that everything was bundled into. */
  readonly moduleUrl: string;
  /** That one file is Tokometer and not another program that uses it. */
  readonly ownBundle: boolean;
}

/** What a worker's starter listens to. */
export interface WorkerListener<From> {
  readonly message: (message: From) => void;
  /** The worker broke; an uncaught error of its. */
  readonly failure: (message: string) => void;
}

/**
 * Starts the worker whose entry is at `path`, counted from the package's root, e.g.
 * `workloads/load_worker.ts`. The entry asks {@linkcode inWorker} with the same path.
 *
 * @throws {TypeError} in a bundle of another program, or in one without that worker: nobody would
 *   ever answer.
 */
export function startWorker<From = never>(path: string, on?: WorkerListener<From>): Worker {
  if (isBundled(import.meta.url) && !entries.has(path)) {
    throw new TypeError(
      `Cannot start ${path}: it is not part of this one file; run Tokometer with deno run instead`,
    );
  }
  const worker = new Worker(workerUrl(path), { type: "module", name: path });
  if (on !== undefined) {
    worker.onmessage = (event: MessageEvent<From>) => on.message(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      on.failure(event.message);
    };
  }
  return worker;
}

/**
 * Whether this is the worker that was started with that path. Where everything is in one file, each
 * worker evaluates all entries, and only this tells them apart.
 */
export function inWorker(path: string): boolean {
  entries.add(path);
  return "DedicatedWorkerGlobalScope" in globalThis &&
    (globalThis as { readonly name?: unknown }).name === path;
}

/** The members of a worker's global scope that are used here; Deno's types give a window's. */
export interface WorkerScope<To, From> {
  onmessage: ((event: MessageEvent<To>) => void) | null;
  postMessage(message: From, transfer?: Transferable[]): void;
  close(): void;
}

/** The global scope of this worker, which is sent `To` and sends `From`. */
export function workerScope<To, From>(): WorkerScope<To, From> {
  return globalThis as unknown as WorkerScope<To, From>;
}

/**
 * Where the worker's entry is.
 *
 * @throws {TypeError} in a bundle of another program, which would start that program again.
 */
export function workerUrl(path: string, surroundings: WorkerSurroundings = here()): URL {
  const { moduleUrl, ownBundle } = surroundings;
  if (!isBundled(moduleUrl)) return new URL(`../${path}`, moduleUrl);
  if (ownBundle) return new URL(moduleUrl);
  throw new TypeError(
    `Cannot start a worker from ${moduleUrl}, a bundle of another program: ` +
      "send from the main thread (workers: 0), or leave @tokometer/tokometer out of the bundle",
  );
}

function here(): WorkerSurroundings {
  return { moduleUrl: import.meta.url, ownBundle: bundleIsOurs() };
}
