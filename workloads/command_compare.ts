/**
 * `tokometer compare`: whether runs differ, and whether a change is within limits.
 *
 * @module
 */
import { compareExitCode, parseGate } from "../metrics/compare_gate.ts";
import { comparePercentiles, compareRuns, DEFAULT_MARGIN } from "../metrics/compare.ts";
import type { CompareOptions, Comparison } from "../metrics/compare_result.ts";
import { HEADLINE_FIGURES } from "../metrics/figure.ts";
import { formatPercentile } from "../metrics/format.ts";
import type { ComparisonReport } from "../metrics/report_compare.ts";
import { COMPARISON_REPORTS } from "../metrics/report_comparisons.ts";
import { DEFAULT_PERCENTILES } from "../metrics/summary.ts";
import { REPORT_OPTIONS } from "./bench_options_report.ts";
import { planReport, type ReportPlan } from "./bench_report_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { appendJobSummary } from "./compare_job_summary.ts";
import { printPlan } from "./compare_plan.ts";
import { parseShare } from "./compare_share.ts";
import { findSides, readSides } from "./compare_sides.ts";
import { comparisonFile, writeComparison } from "./compare_write.ts";
import { group, option } from "./option_table.ts";
import { checkOutputs } from "./record_outputs.ts";
import { makeResultFolder } from "./run_results.ts";
import { EXIT, UserError } from "./user_error.ts";

const NOT_WITH_PLAN = { key: "plan", not: true, because: "a plan judges nothing" } as const;

const { clientTolerance, values } = REPORT_OPTIONS;

const OPTIONS = {
  side: option.rest({
    help:
      "results to compare with the first: a result folder or its record file, a folder that holds " +
      "repeats in folders of their own, repeats by commas, latest or previous; a single one where " +
      "it was measured with --against",
  }),
  ...group("Compare", {
    gate: option.text({
      value: "LIMIT[,…]",
      needs: [NOT_WITH_PLAN],
      help:
        'Limits on the change from the first, in quotes: "ttft:p99<+5%,throughput>-3%". Passed ' +
        "where the whole interval is within the limit, missed (exit code 5) where all of it is " +
        "beyond, else undecided (4).",
    }),
    margin: option.text({
      value: "SHARE",
      needs: [NOT_WITH_PLAN],
      defaultText: `${DEFAULT_MARGIN * 100}%`,
      help:
        "A change that does not matter: where the whole interval lies within it, the verdict is same.",
    }),
    singleRun: option.flag({
      needs: [{ key: "gate", because: "only a gate asks for repeats" }],
      help:
        "Let fewer than three repeats decide a gate, though they do not show how much runs differ.",
    }),
    undecided: option.choice({
      value: "HOW",
      default: "fail",
      choices: ["fail", "pass"],
      needs: [{ key: "gate", because: "only a gate can be undecided" }],
      help: "What the exit code says of a gate that is undecided: 4, or pass: 0.",
    }),
    figures: option.texts({
      value: "FIGURE[,…]",
      defaultText: "the rates, and mean, p50, p90 and p99 of TTFT, TPOT, ITL and E2E",
      help: "Figures to compare, e.g. throughput,ttft:p95,itl:mean.",
    }),
    percentiles: option.numbers({
      value: "P[,P…]",
      min: 0,
      max: 99.999,
      defaultText: "50,90,99",
      needs: [{ key: "figures", not: true, because: "each figure names its own percentile" }],
      help: "Percentiles of TTFT, TPOT, ITL and E2E to compare.",
    }),
    slo: option.text({
      value: "LIMIT[,…]",
      help: "Service level objective, e.g. ttft:500,tpot:50: compares goodput and attainment, too.",
    }),
    maxFailures: option.number({
      value: "PERCENT",
      default: 1,
      min: 0,
      max: 99,
      needs: [NOT_WITH_PLAN],
      help: "Share of failed requests beyond which a load gets no verdict.",
    }),
    plan: option.text({
      value: "EFFECT",
      help:
        "Tell how many repeats it takes to find a change so large, e.g. 5%, by how much these " +
        "results scatter. One side is enough.",
    }),
  }),
  ...group("Report", {
    format: option.choice({
      default: "table",
      choices: COMPARISON_REPORTS.map(({ name }) => name),
      help: "Report on standard output.",
    }),
    out: option.text({
      value: "DIR",
      aliases: ["o"],
      needs: [NOT_WITH_PLAN],
      help: `New folder for ${
        COMPARISON_REPORTS.filter(({ saved }) => saved).map(comparisonFile).join(", ")
      }.`,
    }),
    jobSummary: option.flag({
      default: true,
      needs: [NOT_WITH_PLAN],
      help: "Append the Markdown to the file that GITHUB_STEP_SUMMARY names, where it does.",
    }),
    clientTolerance,
    values,
  }),
};

export const command: Command = defineCommand({
  name: "compare",
  description:
    "Compares results with the first ones given. It tells what else differs, gives the answer in a " +
    "sentence, and then for each load and figure the change with what chance leaves open and a " +
    "verdict: better, worse, same or undecided. What makes a comparison meaningless (another " +
    "dataset, a client that was the limit) ends without a verdict and with exit code 2.\n\n" +
    "Loads are matched by name. Repeats of a load, in one run or in several, show how much runs " +
    "differ by themselves; without them that is not in the intervals, and a gate stays undecided. " +
    "A run that was measured with --against is compared within itself, pair by pair.",
  options: OPTIONS,
  examples: {
    "tokometer compare previous latest": "the two newest results",
    'tokometer compare before/ after/ --gate "ttft:p99<+5%,throughput>-3%" --out compared':
      "repeats in two folders, with limits and all reports",
    "tokometer compare a1,a2,a3 b1,b2,b3 --format markdown": "for a pull request",
    "tokometer compare before/ --plan 5%": "how many repeats it takes to find a change of 5 %",
  },
  run: runCompare,
});

async function runCompare(given: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const options = readOptions(given);
  const plan = reportPlan(given, options);
  await checkOutputs(given);
  const { side = [] } = given;
  if (given.plan !== undefined) {
    const effect = parseShare(given.plan, "--plan");
    if (given.format !== "table" && given.format !== "json") {
      throw new UserError(
        `Cannot use --format ${given.format} with --plan: table and json are there`,
      );
    }
    const sides = await readSides(await findSides(side, { least: 1 }), { plan, host });
    printPlan(sides, { effect, figures: options.figures, format: given.format }, host);
    return EXIT.ok;
  }
  const sides = await readSides(await findSides(side), { plan, host });
  const comparison = asked(() => compareRuns(sides, options));
  const undecidedPasses = given.undecided === "pass";
  const render = (report: ComparisonReport, width?: number) =>
    report.render(comparison, sides, {
      undecidedPasses,
      ...(width === undefined ? {} : { color: host.color, width }),
    });
  const chosen = COMPARISON_REPORTS.find(({ name }) => name === given.format)!;
  host.print(render(chosen, host.columns).replace(/\n$/, ""), { styled: true });
  if (given.out !== undefined) await writeReports(given.out, render, host);
  if (given.jobSummary) {
    const markdown = COMPARISON_REPORTS.find(({ name }) => name === "markdown")!;
    await appendJobSummary(() => render(markdown), host);
  }
  tellRefused(comparison, host);
  return compareExitCode(comparison, { undecided: undecidedPasses ? "pass" : "fail" });
}

/** @throws {UserError} for limits, figures and shares that are none. */
function readOptions(given: ValuesOf<typeof OPTIONS>): CompareOptions {
  const { gate, margin, figures, percentiles, singleRun, maxFailures } = given;
  const chosen = figures ?? (percentiles && figuresWith(percentiles));
  return {
    maxFailures: maxFailures / 100,
    singleRun: singleRun === true,
    ...(gate === undefined ? {} : { gate: asked(() => parseGate(gate)) }),
    ...(margin === undefined ? {} : { margin: parseShare(margin, "--margin") }),
    ...(chosen === undefined ? {} : { figures: chosen }),
  };
}

/** The headline figures with other percentiles. */
function figuresWith(percentiles: readonly number[]): readonly string[] {
  const names = HEADLINE_FIGURES.map(({ name }) => name);
  const means = names.filter((name) => name.endsWith(":mean"));
  return names.filter((name) => !name.includes(":")).concat(
    means.flatMap((mean) => [
      mean,
      ...percentiles.map((p) => mean.replace(/:mean$/, `:${formatPercentile(p)}`)),
    ]),
  );
}

/** How the runs are summarized: with every percentile that is compared. */
function reportPlan(given: ValuesOf<typeof OPTIONS>, options: CompareOptions): ReportPlan {
  const { percentiles = [], slo, clientTolerance, values } = given;
  return planReport({
    percentiles: [
      ...new Set([...DEFAULT_PERCENTILES, ...percentiles, ...comparePercentiles(options)]),
    ].sort((a, b) => a - b),
    ...{ slo, clientTolerance, values, require: undefined, maxFailures: undefined },
    format: "table",
  });
}

/** @throws {UserError} for what a pure function refuses. */
function asked<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) {
      throw new UserError(error.message);
    }
    throw error;
  }
}

async function writeReports(
  out: string,
  render: (report: ComparisonReport) => string,
  host: Host,
): Promise<void> {
  await writeComparison(await makeResultFolder(out), render, host);
}

/** The exit code is 2 without an error: what makes it so stands where errors do, too. */
function tellRefused({ refused }: Comparison, host: Host): void {
  if (refused !== undefined) host.note(`No verdict: ${refused}`);
}
