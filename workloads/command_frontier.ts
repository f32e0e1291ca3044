/**
 * `tokometer frontier`: what servers can do for all users and for each of them, in one chart.
 *
 * @module
 */
import { plural } from "../metrics/format.ts";
import { FRONTIER_PERCENTILE } from "../metrics/frontier.ts";
import { findFrontier } from "../metrics/frontier_sides.ts";
import type { ServerScale } from "../metrics/load_speed.ts";
import type { FrontierReport } from "../metrics/report_frontier.ts";
import { FRONTIER_REPORTS } from "../metrics/report_frontiers.ts";
import { DEFAULT_PERCENTILES } from "../metrics/summary.ts";
import { REPORT_OPTIONS } from "./bench_options_report.ts";
import { planReport } from "./bench_report_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { findSides, readSides } from "./compare_sides.ts";
import { group, option } from "./option_table.ts";
import { checkOutputs } from "./record_outputs.ts";
import { makeResultFolder } from "./run_results.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

const OPTIONS = {
  results: option.rest({
    help:
      "results of a server each: a result folder or its record file, a folder that holds several in " +
      "folders of their own, several by commas, latest or previous",
  }),
  ...group("Frontier", {
    percentile: option.number({
      value: "P",
      default: FRONTIER_PERCENTILE,
      min: 50,
      max: 99.9,
      help: "Percentile of E2E per token whose inverse is the speed of one user: the higher, the " +
        "slower the users that it speaks for.",
    }),
    gpus: option.integers({
      value: "N[,N…]",
      min: 1,
      defaultText: "as each run was told",
      help: "GPUs of each server, in their order, or of all: throughput is then that of one GPU.",
    }),
    costPerHour: option.numbers({
      value: "X[,X…]",
      min: 0,
      defaultText: "as each run was told",
      help: "What an hour of each whole server costs, in their order, or of all.",
    }),
  }),
  ...group("Report", {
    format: option.choice({
      default: "table",
      choices: FRONTIER_REPORTS.map(({ name }) => name),
      help: "Report on standard output.",
    }),
    out: option.text({
      value: "DIR",
      aliases: ["o"],
      help: `New folder for ${
        FRONTIER_REPORTS.filter(({ saved }) => saved).map(fileOf).join(", ")
      }.`,
    }),
    clientTolerance: REPORT_OPTIONS.clientTolerance,
    values: REPORT_OPTIONS.values,
  }),
};

export const command: Command = defineCommand({
  name: "frontier",
  description:
    "Puts throughput against interactivity: the output tokens per second of all users against those " +
    "that a slow user gets, one point for each load. A point is on the frontier of its server where no " +
    "other load of that server has more of both. Several servers share one chart, per GPU where all " +
    "say how many they have.\n\n" +
    "Points go from few users, each fast, to many, each slow: measure several loads, e.g. bench " +
    "--concurrency 1,2,4,8,16,32,64. Repeats of a load, in one run or in several, are one point.",
  options: OPTIONS,
  examples: {
    "tokometer frontier latest": "the frontier of the newest result",
    "tokometer frontier h100/ b200/ --gpus 8,4 --cost-per-hour 32,28 --out frontier":
      "two servers per GPU in one chart, with a page, a CSV and an SVG file",
  },
  run: runFrontier,
});

async function runFrontier(given: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  await checkOutputs(given);
  const { results: paths = [], percentile, clientTolerance, values, out } = given;
  const named = await findSides(paths, { least: 1 });
  const scales = scalesOf(given, named.map(({ name }) => name));
  const plan = planReport({
    percentiles: [...new Set([...DEFAULT_PERCENTILES, percentile])].sort((a, b) => a - b),
    ...{ clientTolerance, values, format: "table" },
  });
  const frontier = findFrontier(await readSides(named, { plan, host }), { percentile, scales });
  if (frontier.points.length === 0) {
    const [first] = frontier.sides.flatMap(({ leftOut }) => leftOut);
    throw new UserError(
      `Cannot draw a frontier: no load has both figures${
        first === undefined ? "" : `; ${first.label}: ${first.why}`
      }`,
    );
  }
  tellMixed(frontier.sides, host);
  const render = (report: FrontierReport, terminal = {}) =>
    report.render(frontier, { version: VERSION, ...terminal });
  const chosen = FRONTIER_REPORTS.find(({ name }) => name === given.format)!;
  const text = render(chosen, { color: host.color, width: host.columns });
  host.print(text.replace(/\r?\n$/, ""), { styled: true });
  if (out !== undefined) {
    const folder = await makeResultFolder(out);
    for (const report of FRONTIER_REPORTS.filter(({ saved }) => saved)) {
      const path = `${folder}/${fileOf(report)}`;
      try {
        await Deno.writeTextFile(path, render(report));
      } catch (error) {
        throw fileError(`Cannot write ${path}`, error);
      }
      host.note(`Wrote ${path}`);
    }
  }
  return EXIT.ok;
}

/** Size and price of each server. @throws {UserError} where their number does not fit. */
function scalesOf(
  { gpus, costPerHour }: Pick<ValuesOf<typeof OPTIONS>, "gpus" | "costPerHour">,
  names: readonly string[],
): readonly Partial<ServerScale>[] {
  const each = (list: readonly number[] | undefined, name: string) => {
    if (list === undefined || list.length <= 1) return names.map(() => list?.[0]);
    if (list.length === names.length) return list;
    throw new UserError(
      `Cannot use --${name} ${list.join(",")} for ${plural(names.length, "server")} (${
        names.join(", ")
      }): give one number for each, or one for all`,
    );
  };
  const [all, prices] = [each(gpus, "gpus"), each(costPerHour, "cost-per-hour")];
  return names.map((_, i) => ({
    ...(all[i] === undefined ? {} : { gpus: all[i] }),
    ...(prices[i] === undefined ? {} : { costPerHour: prices[i] }),
  }));
}

/** Throughput of one GPU and of a whole server are not put into one chart. */
function tellMixed(
  sides: readonly { readonly name: string; readonly scale: ServerScale | undefined }[],
  { note }: Pick<Host, "note">,
): void {
  const unknown = sides.filter(({ scale }) => scale?.gpus === undefined);
  if (unknown.length === 0 || unknown.length === sides.length) return;
  note(
    `warning: throughput is that of whole servers, since nothing says how many GPUs ${
      unknown.map(({ name }) => name).join(", ")
    } ${unknown.length === 1 ? "has" : "have"}; give --gpus`,
  );
}

function fileOf({ extension }: FrontierReport): string {
  return `frontier.${extension}`;
}
