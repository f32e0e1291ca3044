/**
 * The number of an agent, from what started it.
 *
 * @module
 */

/**
 * The number that `srun`, or an Indexed Job of Kubernetes, gave this process; absent = none.
 *
 * @param read a variable of the environment; default: where it may be read.
 */
export function rankOfEnvironment(
  read: (variable: string) => string | undefined = readVariable,
): number | undefined {
  // In the script of a job the number is 0 for all that it starts without srun.
  const inStep = read("SLURM_STEP_ID") !== undefined;
  return (inStep ? rankIn(read("SLURM_PROCID")) : undefined) ??
    rankIn(read("JOB_COMPLETION_INDEX"));
}

function rankIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

function readVariable(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
