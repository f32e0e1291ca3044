/**
 * `tokometer runs`: which results there are.
 *
 * @module
 */
import { formatCount, plural } from "../metrics/format.ts";
import { jsonText } from "../metrics/report_json.ts";
import { numberColumn, type TextColumn, textTable } from "../metrics/report_text_table.ts";
import { visibleLines } from "../metrics/visible_text.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { option } from "./option_table.ts";
import { type ListedRun, listRuns, type RunList } from "./results_list.ts";
import { resolveResults } from "./results_resolve.ts";
import { RESULTS_FOLDER } from "./run_results.ts";
import { EXIT } from "./user_error.ts";

/** Version of the JSON. */
const RUNS_SCHEMA = "tokometer.runs/1";

const OPTIONS = {
  folder: option.optionalArgument({
    value: "DIR",
    help: `folder that holds result folders, by default ${RESULTS_FOLDER}; latest or previous`,
  }),
  format: option.choice({
    default: "table",
    choices: ["table", "json"],
    help: "What is printed.",
  }),
};

export const command: Command = defineCommand({
  name: "runs",
  description:
    "Lists the result folders of a folder, the newest first: what each run was called, when it began, " +
    "its server, model and loads, how many requests completed, and whether the client was good " +
    "enough. `tokometer bench --name NAME --tag KEY=VALUE` gives a run its name and tags; report " +
    "and compare take the words latest and previous for the two newest.",
  options: OPTIONS,
  examples: {
    "tokometer runs": `the results in ${RESULTS_FOLDER}`,
    "tokometer runs nightly --format json": "those of another folder, for a program",
  },
  run: runRuns,
});

async function runRuns(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const list = await listOf(values.folder);
  if (values.format === "json") {
    host.print(jsonText(toJson(list)));
  } else {
    const { runs } = visibleLines(list);
    const lines = runs.length === 0
      ? [`No results in ${list.place}`]
      : table(runs, list.place, host);
    for (const line of lines) host.print(line);
  }
  for (const { folder, problem } of list.unreadable) {
    host.note(`warning: ${folder} is left out: ${problem}`);
  }
  return EXIT.ok;
}

/** The runs and where they are, as the user calls it. */
async function listOf(given: string | undefined): Promise<RunList & { readonly place: string }> {
  if (given === undefined) {
    const known = await isThere(RESULTS_FOLDER);
    const list = known ? await listRuns(RESULTS_FOLDER) : { runs: [], unreadable: [] };
    return { ...list, place: RESULTS_FOLDER };
  }
  if (await isThere(given)) return { ...await listRuns(given), place: given };
  // The words for results by age; what is neither is refused by their name.
  const path = (await resolveResults(given))[0]!.path;
  return { ...await listRuns(path), place: path };
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

function table(runs: readonly ListedRun[], place: string, { columns }: Host): readonly string[] {
  const prefix = `${place.replace(/\/+$/, "")}/`;
  const names = runs.map(({ folder }) =>
    folder.startsWith(prefix) ? folder.slice(prefix.length) : folder
  );
  const text = (heading: string, cells: readonly string[], dropOrder?: number): TextColumn => ({
    ...{ heading, cells, align: "left", dropOrder },
  });
  /** A column that is shown only where it says something. */
  const maybe = (heading: string, cells: readonly string[], dropOrder?: number) =>
    cells.some((cell) => cell !== "") ? [text(heading, cells, dropOrder)] : [];
  const lines = textTable([
    text("Folder", names),
    ...maybe("name", runs.map(({ name = "" }) => name)),
    text("began (UTC)", runs.map(({ startedAt }) => minute(startedAt)), 2),
    text("model", runs.map(({ model }) => model), 3),
    text("loads", runs.map(loadsText), 4),
    numberColumn("requests", runs.map(requestsText), 1),
    text("verdict", runs.map(verdictText)),
    text("server", runs.map(({ url, sides = [url] }) => sides.join(" and ")), 5),
    ...maybe("tags", runs.map(tagsText), 6),
  ], columns);
  return [...lines, "", `${plural(runs.length, "run")} in ${place}`];
}

/** `2026-01-02 03:04`. */
function minute(startedAt: string): string {
  return startedAt.slice(0, 16).replace("T", " ");
}

function loadsText({ loads, repeats = 1, sides }: ListedRun): string {
  const what = loads.length === 1 ? loads[0]! : plural(loads.length, "load");
  const times = repeats > 1 ? `, ${sides === undefined ? "" : "by turns "}${repeats} times` : "";
  return `${what}${times}`;
}

function requestsText({ requests }: ListedRun): string {
  if (requests === undefined) return "";
  const { completed, offered } = requests;
  return completed === offered
    ? formatCount(completed)
    : `${formatCount(completed)} of ${formatCount(offered)}`;
}

function verdictText({ requests, verdict, interrupted }: ListedRun): string {
  if (requests === undefined) return "no report";
  return [interrupted && "interrupted", verdict].filter((part) => part).join(", ");
}

function tagsText({ tags = {} }: ListedRun): string {
  return Object.entries(tags).map(([key, value]) => `${key}=${value}`).join(" ");
}

function toJson({ runs, unreadable }: RunList): object {
  return {
    schema: RUNS_SCHEMA,
    runs: runs.map((run) => ({
      ...{ folder: run.folder, name: run.name, tags: run.tags, startedAt: run.startedAt },
      ...{ url: run.url, sides: run.sides, model: run.model, loads: run.loads },
      ...{ repeats: run.repeats, requests: run.requests, verdict: run.verdict },
      interrupted: run.interrupted === true,
    })),
    unreadable,
  };
}
