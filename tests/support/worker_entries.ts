/**
 * The files that are entries of workers.
 *
 * @module
 */

/** Their paths from the package's root: all that end in `_worker.ts`. */
export async function* workerEntries(): AsyncGenerator<string> {
  for (const folder of ["backends", "workloads"]) {
    for await (const { name } of Deno.readDir(new URL(`../../${folder}`, import.meta.url))) {
      if (name.endsWith("_worker.ts")) yield `${folder}/${name}`;
    }
  }
}
