/**
 * Starts workers, and tells a worker which one it is: the same way in a checkout, from JSR, in a
 * compiled executable, and in a single file, which is its own worker.
 *
 * @module
 */
import { nodeModule } from "./node_module.ts";
import { bundleIsOurs, isBundled } from "./relaunch.ts";

/** Entries of workers by their paths; each is evaluated when it is loaded. */
export type WorkerEntries = Readonly<Record<string, () => Promise<unknown>>>;

/** What this one file holds; elsewhere a worker starts from its own file. */
let held: WorkerEntries = {};

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

/** A started worker; both kinds of Deno's are one. */
export interface StartedWorker {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  terminate(): void;
}

/** How a worker is started. */
export interface WorkerOptions {
  /**
   * Most memory for its new objects, in MiB; absent = up to 48, which a worker that keeps many objects
   * for a while grows to. A limit takes 50 ms of CPU and 8 MiB at the start.
   */
  readonly newObjectsMiB?: number | undefined;
}

/**
 * Starts the worker whose entry is at `path`, relative to the package's root, e.g.
 * `workloads/load_worker.ts`. The entry calls {@linkcode inWorker} with the same path.
 *
 * @throws {TypeError} in a bundle of another program, or in one without that worker, which would
 *   never answer.
 */
export function startWorker<From = never>(
  path: string,
  on: WorkerListener<From> = { message() {}, failure() {} },
  { newObjectsMiB }: WorkerOptions = {},
): StartedWorker {
  if (isBundled(import.meta.url) && !Object.hasOwn(held, path)) {
    throw new TypeError(
      `Cannot start ${path}: it is not part of this one file; run Tokometer with deno run instead`,
    );
  }
  if (newObjectsMiB !== undefined) return startLimited(path, on, newObjectsMiB);
  const worker = new Worker(workerUrl(path), { type: "module", name: path });
  worker.onmessage = (event: MessageEvent<From>) => on.message(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    on.failure(event.message);
  };
  return worker;
}

const workerThreads = nodeModule<typeof import("node:worker_threads")>("node:worker_threads");

/** The same worker by Node's way to start one, the only way to limit its memory. */
function startLimited<From>(
  path: string,
  on: WorkerListener<From>,
  maxYoungGenerationSizeMb: number,
): StartedWorker {
  const worker = new (workerThreads().Worker)(workerUrl(path), {
    name: path,
    resourceLimits: { maxYoungGenerationSizeMb },
  });
  worker.on("message", (message: From) => on.message(message));
  worker.on("error", (error: Error) => on.failure(error.message));
  return {
    postMessage: (message, transfer = []) => worker.postMessage(message, transfer as []),
    terminate: () => void worker.terminate(),
  };
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
 * Whether this is the worker that was started with that path; the main thread and other workers may
 * import the same file.
 */
export function inWorker(path: string): boolean {
  return workerName() === path;
}

/**
 * For the start of a program that everything is bundled into: says which workers it holds, and in one
 * of them evaluates its entry. What is sent to the worker meanwhile waits for it.
 */
export async function holdWorkers(entries: WorkerEntries): Promise<void> {
  held = entries;
  const name = workerName();
  if (name === undefined || !Object.hasOwn(held, name)) return;
  const scope = workerScope<unknown, unknown>();
  const early: MessageEvent[] = [];
  scope.onmessage = (event) => void early.push(event);
  await held[name]!();
  for (const event of early) scope.onmessage(event);
}

/** What this worker was started as; undefined in the main thread. */
function workerName(): string | undefined {
  return "DedicatedWorkerGlobalScope" in globalThis
    ? String((globalThis as { readonly name?: unknown }).name)
    : undefined;
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
