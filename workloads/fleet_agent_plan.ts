/**
 * From the plan of a leader to one that is measured here. What it says was written by others: it can set what
 * is sent to which server, and nothing that starts, writes, or reads anything else on this machine.
 *
 * @module
 */
import { findProtocol } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { planReport, type ReportPlan } from "./bench_report_plan.ts";
import type { OptionTable, OptionValue } from "./command.ts";
import { AGENT_OPTIONS, JUDGING_OPTIONS } from "./fleet_agent_options.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { fetchFiles } from "./fleet_files.ts";
import type { FleetPlan, FleetSecrets } from "./fleet_messages.ts";
import type { MovingFiles } from "./fleet_moving.ts";
import { configValues } from "./option_config_file.ts";
import { completeValues } from "./option_parse.ts";
import { keepSecrets } from "./option_secret.ts";
import { kebabCase } from "./option_table.ts";
import { type BenchOptions, planBench } from "./run_bench.ts";
import { UserError } from "./user_error.ts";

/** What an agent measures, and how its own figures are judged. */
export interface AgentPlan {
  readonly bench: BenchPlan;
  readonly report: ReportPlan;
}

/** Refuses what a plan must not set. @throws {UserError} which names it. */
export function checkPlan({ options }: Pick<FleetPlan, "options">): void {
  for (const key of Object.keys(options)) {
    const known = Object.hasOwn(AGENT_OPTIONS, key) ? AGENT_OPTIONS[key] : undefined;
    if (known === undefined) {
      throw new UserError(
        `Cannot use the fleet's plan: it sets ${
          name(key)
        }, which an agent does not take from a plan`,
      );
    }
    if (known.secret) {
      throw new UserError(
        `Cannot use the fleet's plan: it holds ${name(key)}, and secrets travel apart from plans`,
      );
    }
  }
  for (const key of ["protocol", "againstProtocol"]) {
    const protocol = options[key];
    if (protocol === undefined) continue;
    if (findProtocol(String(protocol)).carrier === "inprocess") {
      throw new UserError(
        `Cannot use the fleet's plan: ${name(key)} ${protocol} runs a model in this process, and ` +
          "a fleet measures a server",
      );
    }
  }
}

/** As it is called on the command line, whoever wrote it. */
function name(key: string): string {
  return `--${kebabCase(key).slice(0, 40)}`;
}

/**
 * Plans a share: files are fetched, secrets are added.
 *
 * @throws {UserError} for what a plan must not set, files that cannot be had, and what `bench` would refuse.
 */
export async function planShare(
  bus: Pick<FleetBus, "load">,
  plan: FleetPlan,
  { secrets, folder, ...moving }: MovingFiles & {
    readonly secrets: FleetSecrets | undefined;
    /** Folder of fetched files. */
    readonly folder: string | undefined;
  },
): Promise<AgentPlan> {
  checkPlan(plan);
  for (const key of Object.keys(secrets?.options ?? {})) {
    if (!Object.hasOwn(AGENT_OPTIONS, key)) {
      throw new UserError(`Cannot use the fleet's secrets: ${name(key)} is none of a plan`);
    }
  }
  const urls = secrets?.urls ?? plan.urls;
  keepSecrets(AGENT_OPTIONS, secrets?.options ?? {});
  const options = await fetchFiles(bus, {
    ...{ table: AGENT_OPTIONS, options: { ...plan.options, ...secrets?.options } },
    ...{ files: plan.files, folder },
  }, moving);
  const isJudging = ([key]: readonly [string, OptionValue]) => Object.hasOwn(JUDGING_OPTIONS, key);
  const entries = Object.entries(options);
  const measuring = Object.fromEntries(entries.filter((entry) => !isJudging(entry)));
  return {
    bench: await planBench(urls, measuring as BenchOptions),
    report: reportOf(Object.fromEntries(entries.filter(isJudging))),
  };
}

function reportOf(options: Readonly<Record<string, OptionValue>>): ReportPlan {
  const table = { name: "agent", options: JUDGING_OPTIONS as OptionTable };
  const values = completeValues(table, configValues(table, options, "the fleet's plan"));
  // States are made of histograms.
  return planReport(
    { ...values, format: "table", values: "histogram" } as Parameters<
      typeof planReport
    >[0],
  );
}
