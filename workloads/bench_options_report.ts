/**
 * Options that say what is reported, and where results are kept.
 *
 * @module
 */
import { CLIENT_TOLERANCE } from "../metrics/check_figures.ts";
import { REPORTS } from "../metrics/reports.ts";
import { DEFAULT_PERCENTILES, VALUE_KEEPINGS } from "../metrics/summary.ts";
import type { Need } from "./command.ts";
import { GPU_CHOICES } from "./gpu_sampler.ts";
import { group, option } from "./option_table.ts";

const WITH_SAVE: Need = { key: "save", because: "nothing is kept, leave out one of them" };

/** What is reported, and where. */
export const REPORT_OPTIONS = group("Report", {
  format: option.choice({
    default: "table",
    choices: REPORTS.map((report) => report.name),
    help: "Report on standard output.",
  }),
  details: option.flag({
    needs: [{ key: "format", is: ["table"], because: "only the table leaves details out" }],
    help:
      "Print the details of every load, which the table of several loads leaves out; those of a " +
      "single load are there.",
  }),
  allServerMetrics: option.flag({
    needs: [{ key: "format", is: ["table"], because: "the other reports have them all" }],
    help:
      "Print, with the details of every load, also metrics of the server whose meaning is not " +
      "known, as it exposed them.",
    advanced: true,
  }),
  percentiles: option.numbers({
    value: "P[,P…]",
    default: DEFAULT_PERCENTILES,
    min: 0,
    max: 100,
    help: "Percentiles of every distribution; each needs enough samples or prints n/a.",
  }),
  slo: option.text({
    value: "LIMIT[,…]",
    help: "Service level objective, e.g. ttft:500,tpot:50: adds goodput and attainment. With a " +
      "percentile (ttft:p99<500) it is a limit on the load. Only reported, see --require.",
  }),
  require: option.text({
    value: "LIMIT[,…]",
    help: "Limits that every load has to keep, else the exit code is 5, e.g. " +
      '"ttft:p99<500,attainment>95%,failures<1%": a metric with a percentile, mean, median, min or ' +
      "max (without one, every value), or a figure such as throughput, goodput, success or errors; " +
      "in ms, s, %, tok/s, req/s. What was not measured is not kept.",
  }),
  gpus: option.integer({
    value: "N",
    min: 1,
    help: "GPUs of the server: adds output tokens/s per GPU.",
    advanced: true,
  }),
  costPerHour: option.number({
    value: "X",
    min: 0,
    help: "What an hour of the whole server costs, in any currency: adds the cost of a million " +
      "output tokens.",
    advanced: true,
  }),
  clientTolerance: option.number({
    value: "PERCENT",
    default: CLIENT_TOLERANCE * 100,
    min: 0,
    max: 100,
    help:
      "A load is ok where both ends of the median, p90 and p99 of TTFT, TPOT, ITL and E2E, and of " +
      "the throughput, are so near to what is printed, or within 1 ms (TPOT, ITL: 0.1 ms).",
    advanced: true,
  }),
  maxFailures: option.number({
    value: "PERCENT",
    defaultText: "0; with a limit of --require on failures, that one alone",
    min: 0,
    max: 100,
    help: "Allowed share of failed requests; beyond it the exit code is 1.",
  }),
  slices: option.number({
    value: "SECONDS",
    defaultText: "1; for a record file, as in its run",
    min: 0.01,
    max: 86_400,
    help: "Length of the slices of report.slices.csv and of the charts of latencies over time; " +
      "doubled until a load has at most 600.",
    advanced: true,
  }),
  values: option.choice({
    value: "HOW",
    defaultText: "auto; for a record file, as in its run",
    choices: VALUE_KEEPINGS,
    help:
      "raw: all values in memory, exact percentiles; histogram: bounded memory for soak runs, " +
      "percentiles within 0.1 %, counts and totals exact; auto: raw until 20 million ticks.",
  }),
});

/** Charts as files. */
export const PLOT_OPTIONS = group("Report", {
  plots: option.text({
    value: "DIR",
    help: "New folder for each chart of the page as an SVG file of its own, for slides and papers.",
  }),
});

/** What a run is called. */
export const NAME_OPTIONS = group("Report", {
  name: option.text({
    value: "TEXT",
    help: "Name of the run in reports, comparisons and tokometer runs.",
  }),
  tag: option.texts({
    value: "KEY=VALUE",
    repeat: true,
    help: "A tag of the run, e.g. commit=1a2b3c; may be repeated. Kept with the run, never sent.",
  }),
});

/** Where results are kept; only for commands that measure. */
export const SAVE_OPTIONS = group("Report", {
  out: option.text({
    value: "DIR",
    aliases: ["o"],
    needs: [WITH_SAVE],
    defaultText: "tokometer-results/<date and time>",
    help: "Folder for the record file and the reports; it must not exist yet.",
  }),
  save: option.flag({
    default: true,
    help: "Write the record file and reports; --no-save only prints.",
  }),
  gpu: option.choice({
    value: "HOW",
    default: "auto",
    choices: GPU_CHOICES,
    help: "Sample memory, utilization and power of this machine's GPUs: by NVML, else by " +
      "nvidia-smi; auto = whatever is available, if the server runs here too.",
    advanced: true,
  }),
  serverMetrics: option.text({
    value: "URL[,URL…]|auto|off",
    default: "auto",
    help: "Read what the server says of itself, in Prometheus's format, before, during and after " +
      "each load; auto = <server>/metrics of each --url, where it answers, and not of public HTTPS " +
      "hosts. Exporters by their URLs, e.g. auto,http://node:9400/metrics. Never sent the API key.",
  }),
  witness: option.flag({
    default: true,
    help: "While a load runs, a few streams from an engine in a thread of its own go through the " +
      "same threads as the load; its log shows how late the client's stamps are. --no-witness leaves them out.",
    advanced: true,
  }),
  calibration: option.file({
    defaultText: "in ~/.local/state/tokometer",
    needs: [{ key: "noCalibration", not: true, because: "give one of them" }],
    help: "Results of tokometer calibrate, by which --transport auto chooses.",
    advanced: true,
  }),
  noCalibration: option.flag({
    help: "Let --transport auto ignore what was calibrated.",
    advanced: true,
  }),
  saveText: option.flag({
    needs: [WITH_SAVE],
    help: "Keep the generated texts in the record file.",
    advanced: true,
  }),
});
