/**
 * Starts workers, and tells a worker which one it is: the same way in a checkout, from JSR, in a
 * compiled executable, and in a single file, which is its own worker.
 *
 * @module
 */
import { bundleIsOurs, isBundled } from "./relaunch.ts";

/** The entries that have been evaluated, in this thread. */
const entries = new Set<string>();

/** What {@linkcode workerUrl} needs to know. */
export interface WorkerEnvironment {
  /** URL of a module in `backends/`, or of the one file that everything was bundled into. */
  readonly moduleUrl: string;
  /** The bundle is Tokometer's own and not that of a program that uses it. */
  readonly ownBundle: boolean;
}

/** Receives what a worker sends. */
export interface WorkerListener<From> {
  readonly message: (message: From) => void;
  /** Called for an uncaught error of the worker. */
  readonly failure: (message: string) => void;
}

/**
 * Starts the worker whose entry is at `path`, relative to the package's root, e.g.
 * `workloads/load_worker.ts`. The entry calls {@linkcode inWorker} with the same path.
 *
 * @throws {TypeError} in a bundle of another program, or in one without that worker, which would
 *   never answer.
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
 * Whether Deno lets the worker read its own code. Without this question a worker that is not necessary
 * would print an error, or stop the program at a prompt.
 */
export function mayReadWorker(path: string): boolean {
  const url = isBundled(import.meta.url) ? new URL(import.meta.url) : workerUrl(path);
  return url.protocol !== "file:" ||
    Deno.permissions.querySync({ name: "read", path: url }).state === "granted";
}

/**
 * Whether this is the worker that was started with that path. In a bundle every worker evaluates all
 * entries, and only this distinguishes them.
 */
export function inWorker(path: string): boolean {
  entries.add(path);
  return "DedicatedWorkerGlobalScope" in globalThis &&
    (globalThis as { readonly name?: unknown }).name === path;
}

/** The members of a worker's global scope that are used here; Deno's types are those of a window. */
export interface WorkerScope<To, From> {
  onmessage: ((event: MessageEvent<To>) => void) | null;
  postMessage(message: From, transfer?: Transferable[]): void;
  close(): void;
}

/** The global scope of this worker, which receives `To` and sends `From`. */
export function workerScope<To, From>(): WorkerScope<To, From> {
  return globalThis as unknown as WorkerScope<To, From>;
}

/**
 * Where the worker's entry is.
 *
 * @throws {TypeError} in a bundle of another program, which would start that program again.
 */
export function workerUrl(path: string, environment: WorkerEnvironment = here()): URL {
  const { moduleUrl, ownBundle } = environment;
  if (!isBundled(moduleUrl)) return new URL(`../${path}`, moduleUrl);
  if (ownBundle) return new URL(moduleUrl);
  throw new TypeError(
    `Cannot start a worker from ${moduleUrl}, a bundle of another program: ` +
      "send from the main thread (workers: 0), or leave @tokometer/tokometer out of the bundle",
  );
}

function here(): WorkerEnvironment {
  return { moduleUrl: import.meta.url, ownBundle: bundleIsOurs() };
}
