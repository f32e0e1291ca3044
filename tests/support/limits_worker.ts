/**
 * A worker that says how much memory its new objects may take.
 *
 * @module
 */
import { resourceLimits } from "node:worker_threads";
import { inWorker, workerScope } from "../../backends/worker.ts";

if (inWorker("tests/support/limits_worker.ts")) {
  const scope = workerScope<string, unknown>();
  scope.onmessage = ({ data }) =>
    scope.postMessage({ asked: data, newObjectsMiB: resourceLimits.maxYoungGenerationSizeMb });
}
