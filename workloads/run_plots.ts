/**
 * Charts of a run as files: `--plots DIR`.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import { plotsOf } from "../metrics/report_plots.ts";
import type { Summary } from "../metrics/summary.ts";
import type { Host } from "./command.ts";
import { makeNewFolder } from "./run_results.ts";
import { fileError } from "./user_error.ts";

/**
 * Writes every chart of the page as an SVG into a new folder.
 *
 * @throws {UserError} when the folder exists, or cannot be written to.
 */
export async function writePlots(
  summary: Summary,
  folder: string,
  { note }: Pick<Host, "note">,
): Promise<void> {
  await makeNewFolder(folder, "--plots");
  const plots = plotsOf(summary);
  for (const { name, svg } of plots) {
    const path = `${folder}/${name}`;
    try {
      await Deno.writeTextFile(path, svg, { createNew: true });
    } catch (error) {
      throw fileError(`Cannot write ${path}`, error);
    }
  }
  note(`Plots:   ${folder} (${plural(plots.length, "SVG file")})`);
}
