/**
 * How the results of a run are summarized and judged, by the report options.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { parseRequired } from "../metrics/check_limit.ts";
import type { Limit } from "../metrics/limit.ts";
import type { ValueKeeping } from "../metrics/summary.ts";
import { parseSlo, type Slo } from "../metrics/summary_slo.ts";
import type { ReportValues } from "./bench_options.ts";
import { UserError } from "./user_error.ts";

/** How results are summarized; needed again by `tokometer report`. */
export interface ReportPlan {
  /** Name in the registry of reports, e.g. `table`. */
  readonly format: string;
  /** Whether the table has the details of all loads also where an answer stands for them. */
  readonly details?: boolean;
  /** Whether the table has the server's metrics whose meaning is not known. */
  readonly allServerMetrics?: boolean;
  /** Which ones to show, each from 0 to 100. */
  readonly percentiles: readonly number[];
  /** Limits that a good request meets; absent = no goodput. */
  readonly slo?: Slo;
  /** Limits that every load has to keep; absent = none. */
  readonly require?: readonly Limit[];
  /** GPUs of the server; absent = as the run that is reported had it. */
  readonly gpus?: number;
  /** What an hour of it costs; absent = likewise. */
  readonly costPerHour?: number;
  /** How near both ends of a figure must be to it in a load that is `ok`, 0 to 100; default 5. */
  readonly clientTolerancePercent?: number;
  /** How values are kept; absent = as the run that is reported kept them, else `auto`. */
  readonly values?: ValueKeeping;
  /** Length of the slices in seconds; absent = as the run that is reported had them, else one. */
  readonly sliceS?: number;
  /** Share of failed requests, 0 to 100, above which the exit code is 1. */
  readonly maxFailuresPercent: number;
}

/** Turns the report options into a plan. @throws {UserError} for a bad `--slo`. */
export function planReport(
  values: Partial<ReportValues> & Pick<ReportValues, "format" | "percentiles">,
): ReportPlan {
  const { format, percentiles, clientTolerance, maxFailures, values: keeping } = values;
  const { gpus, costPerHour, slices, details, allServerMetrics } = values;
  const slo = readLimits(values.slo, parseSlo);
  const require = readLimits(values.require, parseRequired);
  if (percentiles.includes(100)) {
    throw new UserError(
      'Cannot use --percentiles 100: the largest value is always shown, as "max"',
    );
  }
  return {
    format,
    percentiles,
    maxFailuresPercent: maxFailures ?? (require?.some(limitsFailures) ? 100 : 0),
    ...defined({
      ...{
        details,
        allServerMetrics,
        slo,
        require,
        gpus,
        costPerHour,
        values: keeping,
        sliceS: slices,
      },
      clientTolerancePercent: clientTolerance,
    }),
  };
}

/** @throws {UserError} with the option's name. */
function readLimits<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch (error) {
    throw new UserError((error as Error).message.replace(/^Cannot use SLO/, "Cannot use --slo"));
  }
}

/** Whoever sets a limit on failures decides how many there may be. */
function limitsFailures({ name }: Limit): boolean {
  return ["failures", "errors", "success"].includes(name);
}
