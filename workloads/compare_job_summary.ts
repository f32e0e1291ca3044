/**
 * The summary of a GitHub job: a file that its environment names, which each step appends to.
 *
 * @module
 */
import type { Host } from "./command.ts";

const VARIABLE = "GITHUB_STEP_SUMMARY";

/**
 * Appends Markdown to the summary of the job that this runs in; elsewhere nothing happens, nor where
 * the environment may not be read. A file that cannot be written is a warning: the comparison stands.
 */
export async function appendJobSummary(
  markdown: () => string,
  host: Pick<Host, "note">,
): Promise<void> {
  // Nobody is asked for a permission for what was not asked for.
  const { state } = await Deno.permissions.query({ name: "env", variable: VARIABLE });
  const path = state === "granted" ? Deno.env.get(VARIABLE) : undefined;
  if (path === undefined || path === "") return;
  try {
    await Deno.writeTextFile(path, markdown(), { append: true });
    host.note(`Appended to the job's summary`);
  } catch (error) {
    host.note(`warning: Cannot write the job's summary ${path}: ${(error as Error).message}`);
  }
}
