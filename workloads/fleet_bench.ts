/**
 * `tokometer bench --fleet`: what is decided here goes to the agents, what they measured comes back into
 * the usual reports.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import type { Summary } from "../metrics/summary.ts";
import type { MeasureValues, ReportValues } from "./bench_options.ts";
import type { FleetValues } from "./bench_options_fleet.ts";
import type { Host } from "./command.ts";
import { AGENT_OPTIONS } from "./fleet_agent_options.ts";
import { placesOf, tellCollected } from "./fleet_collect.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { dropFiles, offerFiles } from "./fleet_files.ts";
import { measureFleet } from "./fleet_lead.ts";
import { openFleetBus } from "./fleet_open.ts";
import type { NatsLeadValues } from "./fleet_options.ts";
import { collectRecords } from "./fleet_records.ts";
import { tellPlan, type ToldPlan } from "./fleet_told_plan.ts";
import { type AfterReport, benchAndReport } from "./run_bench.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Values of a run that is measured over a fleet. */
type OverFleetValues = MeasureValues & FleetValues & NatsLeadValues & Pick<ReportValues, "values">;

/**
 * What measures over a fleet, keeps what was collected, prints and writes the reports, as `benchAndReport`
 * does with what this machine has measured.
 *
 * @param values from which the plan was made, and how to reach the agents.
 * @throws {UserError} for secrets that are not to be sent; what it returns, as `measureFleet`, and for files
 * that cannot be sent.
 */
export function overFleet(
  values: OverFleetValues,
  urls: readonly string[],
): typeof benchAndReport {
  if (values.values === "raw") {
    throw new UserError(
      "Cannot use --values raw with --fleet: agents send histograms, whose percentiles are within " +
        "0.1 %; their own record files have all values",
    );
  }
  return async (plan, report, host, options) => {
    const told = tellPlan(values, plan, { urls, sendKey: values.sendKey === true });
    const bus = await openFleetBus(values, {
      ...{ fleet: values.fleet!, name: "tokometer bench", signal: host.interrupted },
      note: (line) => host.note(line),
    });
    try {
      return await leadAndReport({ bus, values, told }, plan, report, host, options);
    } finally {
      host.progress("");
      await bus.close();
    }
  };
}

async function leadAndReport(
  { bus, values, told }: {
    readonly bus: FleetBus;
    readonly values: OverFleetValues;
    readonly told: ToldPlan;
  },
  ...[plan, report, host, options]: Parameters<typeof benchAndReport>
): Promise<number> {
  const offer = { table: AGENT_OPTIONS, values: told.options };
  const { options: offered, files } = await offerFiles(bus, offer, moving(host));
  const collecting = values.collect === true;
  let leads = false;
  const measure = measureFleet(bus, {
    ...{ fleet: values.fleet!, agents: values.agents!, urls: told.urls, options: offered, files },
    agentsWaitMs: values.agentsWait * 1000,
    lostMs: values.agentTimeout * 1000,
    secrets: told.secrets,
    collect: collecting,
    onLeads: () => leads = true,
  });
  const after: AfterReport = async (summary, place) => {
    const { folder } = place;
    if (collecting && folder !== undefined) await collect(bus, summary, { folder, host });
    return await options.after?.(summary, place) ?? EXIT.ok;
  };
  try {
    return await benchAndReport(plan, report, host, { ...options, measure, after });
  } finally {
    // Those of another leader's plan may be the same ones, and its agents may still fetch them.
    if (leads) await dropFiles(bus, files).catch(() => {});
  }
}

/** Fetches the record files of the agents, and says which are not there. */
async function collect(
  bus: FleetBus,
  { header: { fleet } }: Summary,
  { folder, host }: { readonly folder: string; readonly host: Host },
): Promise<void> {
  const { run, agents } = fleet!;
  try {
    const from = { run, agents: agents.length, folder, places: placesOf(agents) };
    const collected = await collectRecords(bus, from, moving(host));
    host.progress("");
    tellCollected(collected, folder, host);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    host.progress("");
    host.note(`error: ${messageOf(error)}; the reports are complete`);
  }
}

function moving(host: Host): Parameters<typeof offerFiles>[2] {
  return {
    // What is left of an interrupted run is fetched until the second Ctrl-C.
    signal: host.interrupted.aborted ? host.aborted : host.interrupted,
    onProgress: (text) => host.progress(text),
  };
}
