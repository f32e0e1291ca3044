/**
 * Models that run in this program: their folders checked before anything is loaded.
 *
 * @module
 */
import { type ModelFolder, pathExists, readModelFolder } from "../backends/transformers_folder.ts";
import { UserError } from "./user_error.ts";

/**
 * The folder of a model to be run in process; nothing for a name on the hub.
 *
 * @throws {UserError} one sentence for a missing file, and for options that cannot work.
 */
export async function checkModelFolder(
  path: string,
  { workers, extraBody }: {
    readonly workers: number;
    readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
  },
): Promise<ModelFolder | undefined> {
  if (workers > 1) {
    throw new UserError(
      `Cannot use --workers ${workers} with a model in process: each would load it; leave it at 1`,
    );
  }
  if (path === "") throw new UserError("Cannot run a model in process without its folder");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    throw new UserError(
      `Cannot use "${path}" with --protocol transformers: give a model's folder, or for a server ` +
        "the protocol that it speaks",
    );
  }
  const hubName = /^[\w-][\w.-]*(\/[\w.-]+)?$/.test(path);
  if (hubName && !(await pathExists(path))) return undefined;
  const { dtype } = (extraBody as { engine?: { dtype?: unknown } } | undefined)?.engine ?? {};
  try {
    return await readModelFolder(path, typeof dtype === "string" ? dtype : undefined);
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(error.message);
    throw error;
  }
}
