/**
 * The entries of workers, for the one file that everything is bundled into: it is its own worker, and
 * loads the entry that it was started for. Elsewhere a worker starts from its own file.
 *
 * @module
 */
import type { WorkerEntries } from "../backends/worker.ts";

export { holdWorkers } from "../backends/worker.ts";

/** All but the one that runs models, whose packages no file carries. */
export const WORKERS: WorkerEntries = {
  "backends/ticker_worker.ts": () => import("../backends/ticker_worker.ts"),
  "backends/transport_epoll_worker.ts": () => import("../backends/transport_epoll_worker.ts"),
  "workloads/gpu_worker.ts": () => import("./gpu_worker.ts"),
  "workloads/load_loop_worker.ts": () => import("./load_loop_worker.ts"),
  "workloads/load_worker.ts": () => import("./load_worker.ts"),
  "workloads/scrape_worker.ts": () => import("./scrape_worker.ts"),
  "workloads/session_prompt_worker.ts": () => import("./session_prompt_worker.ts"),
  "workloads/witness_loop_worker.ts": () => import("./witness_loop_worker.ts"),
  "workloads/witness_worker.ts": () => import("./witness_worker.ts"),
};
