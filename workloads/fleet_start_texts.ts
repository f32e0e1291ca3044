/**
 * The texts that start a fleet, by the way of starting.
 *
 * @module
 */
import type { AnyStart, StartTexts } from "./fleet_start.ts";
import { startKubernetes } from "./fleet_start_k8s.ts";
import { startSlurm } from "./fleet_start_slurm.ts";
import { startSsh } from "./fleet_start_ssh.ts";

/**
 * What starts a fleet, and what ends it early. Nothing is run, read or asked. Values of the plan stand in
 * the texts so that a shell, Slurm and Kubernetes take them as they are.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { renderFleetStart } from "@tokometer/tokometer/workloads";
 *
 * const { start } = renderFleetStart({
 *   way: "slurm",
 *   name: "tokometer",
 *   agents: 4,
 *   bench: ["http://gpu-7:8000", "--rate", "100"],
 *   program: ["tokometer"],
 *   directives: ["partition=batch"],
 * });
 * assertStringIncludes(start, "#SBATCH --nodes=4");
 * ```
 */
export function renderFleetStart(start: AnyStart): StartTexts {
  switch (start.way) {
    case "slurm":
      return startSlurm(start);
    case "k8s":
      return startKubernetes(start);
    case "ssh":
      return startSsh(start);
  }
}
