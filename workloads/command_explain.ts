/**
 * `tokometer explain`: why another tool prints another number for the same events.
 *
 * @module
 */
import { DIALECTS } from "../metrics/dialects.ts";
import { REPORT_OPTIONS } from "./bench_options_report.ts";
import { planReport } from "./bench_report_plan.ts";
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { option } from "./option_table.ts";
import { resolveResult } from "./results_resolve.ts";
import { UserError } from "./user_error.ts";

const { percentiles, slo } = REPORT_OPTIONS;

const OPTIONS = {
  file: option.argument({
    help: "a result folder or its record file, latest or previous (of tokometer-results)",
  }),
  as: option.choice({
    value: "TOOL",
    choices: DIALECTS.map(({ name }) => name),
    help: "Tool whose figures are explained.",
  }),
  format: option.choice({
    default: "table",
    choices: ["table", "json"],
    help: "How it is printed.",
  }),
  percentiles,
  slo,
};

export const command: Command = defineCommand({
  name: "explain",
  description:
    "Says why another benchmark's figures differ from those of tokometer for the very same events. " +
    "Definitions are switched from ours to theirs one at a time, and each is charged with what it " +
    "changes: the sizes of a figure's causes add up to the difference.\n\n" +
    "The figures and files of that tool: tokometer report RUN --as TOOL. Versions, and how each was " +
    "checked: docs/dialects.md.",
  options: OPTIONS,
  examples: {
    "tokometer explain latest --as vllm": "the latest run beside vllm bench serve",
    "tokometer explain results/ --as vllm --format json": "the same for a program",
  },
  run: runExplain,
});

async function runExplain(values: ValuesOf<typeof OPTIONS>, host: Host): Promise<number> {
  const { as, file, format } = values;
  if (as === undefined) {
    throw new UserError(
      `Cannot explain without --as: name a tool, ${DIALECTS.map(({ name }) => name).join(", ")}`,
    );
  }
  const plan = planReport(values);
  const { explainAs } = await import("./results_dialect.ts");
  const files = await resolveResult(file);
  return await explainAs({ ...plan, as, files, format }, host);
}
