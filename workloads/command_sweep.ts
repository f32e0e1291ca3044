/**
 * `tokometer sweep`: num-clients over a list of cases, as api_bench_tools' `benchmark_all_cuda.sh`.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { clientsRow } from "../metrics/script_clients_row.ts";
import { groupFailures } from "../metrics/summary_outcomes.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type Command, defineCommand, type Host, type Values } from "./command.ts";
import { withDefaults } from "./option_parse.ts";
import { repeatableValues } from "./option_secret.ts";
import { pick } from "./option_table.ts";
import { measureChosen } from "./run_chosen_server.ts";
import { CLIENTS_OPTIONS, planClients } from "./script_clients.ts";
import { type KeepOptions, readVariables, runScript, type ScriptRun } from "./script_run.ts";
import { openSweepLog, type SweepFiles, sweepFiles } from "./sweep_archive.ts";
import { type SweepCase, sweepCases } from "./sweep_cases.ts";
import {
  type GivenSweepValues,
  MOST_SWEEP_WARMUPS,
  SWEEP_OPTIONS,
  SWEEP_VARIABLES,
  type SweepValues,
  sweepValues,
} from "./sweep_options.ts";
import { finishCase, freeName, resumeFiles, startFiles } from "./sweep_results.ts";
import { finishedCases, readSweepState, type SweepEnd, type SweepHeader } from "./sweep_state.ts";
import { EXIT, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

export const command: Command = defineCommand({
  name: "sweep",
  description:
    "What benchmark_all_cuda.sh does: runs num-clients with a growing number of users and appends " +
    "a row to result/benchmark_BACKEND_all_cuda_result.csv as each case ends. When a new sweep " +
    "starts, the results and the log of the previous one move to result/<date>/.\n\n" +
    "A case that fails is named with its reason and does not stop the sweep; the exit code is then " +
    "1. An interrupted sweep goes on with --resume. The environment variables of env_setup.sh are " +
    "honored: BACKEND, MODEL_SIZE, TP_SIZE, MODE, ENABLE_SYSTEM_PROMPT, SYSTEM_PROMPT_PATH, " +
    "DATASET_PATH, BENCHMARK_TOKENIZER_PATH, HF_MODEL_PATH (for the tokenizer), SERVER_URL, " +
    "VLLM_SERVER_URL and the like. Keys go into no file.",
  options: SWEEP_OPTIONS,
  examples: {
    "tokometer sweep --base-url http://127.0.0.1:8000 --model-size 7 --tp 1 --mode fp16 --clients 1,8,64 --stop-time 60 --dataset-path samples_1024.json":
      "three cases of a minute",
    "tokometer sweep --backend ppl --base-url 127.0.0.1:23333 --model-size 7 --tp 1 --mode fp16 --clients 100,1,5,10,20,30,40,50,100,200,300":
      "the script's own list, its first case being a warm-up whose row stays",
    "tokometer sweep --resume --base-url http://127.0.0.1:8000 --model-size 7 --tp 1 --mode fp16 --clients 1,8,64 --stop-time 60 --dataset-path samples_1024.json":
      "goes on where the first example was interrupted",
  },
  run: runSweep,
});

async function runSweep(given: GivenSweepValues, host: Host): Promise<number> {
  const values = await sweepValues(given, await readVariables(SWEEP_VARIABLES));
  const { launch, tp } = values;
  const server = { ...values, tp: launch === undefined ? 1 : gpusOf(tp) };
  const place = { address: values.baseUrl, shown: "--base-url" };
  return await measureChosen(server, host, place, async ({ url }) => {
    const planned = await planSweep(values, url, host);
    return { plan: planned.plans[0]!, run: (watched) => measureCases(planned, values, watched) };
  });
}

/** The label as a number, where a server is started by it. @throws {UserError} */
function gpusOf(tp: string): number {
  if (/^\d+$/.test(tp)) return Number(tp);
  throw new UserError(`Cannot use --tp ${tp} with --launch: give a power of two, 1, 2, 4, 8`);
}

/** A sweep with everything checked. */
interface PlannedSweep {
  readonly cases: readonly SweepCase[];
  /** One for each case. */
  readonly plans: readonly BenchPlan[];
  readonly files: SweepFiles;
  readonly header: SweepHeader;
  /** Of the sweep that is resumed; absent for a new one. */
  readonly finished?: ReadonlyMap<number, SweepEnd>;
}

async function planSweep(
  values: SweepValues,
  url: string,
  host: Host,
): Promise<PlannedSweep> {
  const cases = await sweepCases(values);
  const plans: BenchPlan[] = [];
  // All of them before the first starts: a mistake in the options is not a failed case.
  for (const one of cases) plans.push(await planCase(values, one, url));
  const files = sweepFiles(values.folder, values.backend);
  const header: SweepHeader = {
    schema: "tokometer.sweep/1",
    version: VERSION,
    startedAt: new Date(wallClockMs()).toISOString(),
    options: repeatableValues(SWEEP_OPTIONS, values),
    cases,
  };
  const state = values.resume
    ? await readSweepState(files.cases, (line) => host.note(line))
    : undefined;
  const finished = state === undefined ? undefined : finishedCases(state, header);
  // A resumed sweep keeps its first line, with the time and version of its start.
  const begun = state === undefined ? header : state.header;
  return { cases, plans, files, header: begun, ...defined({ finished }) };
}

async function measureCases(
  planned: PlannedSweep,
  values: SweepValues,
  host: Host,
): Promise<number> {
  const { cases, plans, files, header, finished = new Map<number, SweepEnd>() } = planned;
  if (planned.finished !== undefined) {
    await resumeFiles(files, header, [...finished.values()]);
  } else {
    if (values.resume) host.note("There is no sweep to resume; starting a new one");
    const archived = await startFiles(files, header);
    if (archived !== undefined) host.note(`The previous sweep is in ${archived}`);
  }
  const log = await openSweepLog(files, wallClockMs);
  if (values.resume) await log.write("INFO", `resumed, ${finished.size} cases are done`);

  let failures = 0;
  for (const [index, one] of cases.entries()) {
    if (finished.has(index)) continue;
    if (host.interrupted.aborted) break;
    const title = caseTitle(one, values);
    host.print(title);
    await log.write("INFO", title);
    const records = await freeName(`${files.records}/${index + 1}_${one.clients}clients`);
    const end = await runCase(plans[index]!, {
      recordFile: records,
      maxFailures: values.maxFailures,
    }, host);
    if (end === undefined) break;
    await finishCase(files, {
      index,
      case: one,
      endedAt: new Date(wallClockMs()).toISOString(),
      ...("failed" in end ? { failed: end.failed } : { row: [...labels(one, values), ...end.row] }),
      records: records.slice(files.resultFolder.length + 1),
    });
    if ("failed" in end || end.exceeded) failures++;
    if ("failed" in end) {
      host.print(`[FAILED] ${end.failed}`);
      await log.write("ERROR", `[FAILED] ${end.failed}`);
    } else {
      host.print(`[OK] ${end.row.join(",")}`);
      await log.write("INFO", `[OK] ${end.row.join(",")}`);
    }
  }
  if (host.interrupted.aborted) {
    await log.write("WARNING", "interrupted");
    host.note("Interrupted; the same command with --resume goes on from here");
    return EXIT.interrupted;
  }
  host.note(`Results: ${files.csv}`);
  if (failures > 0) host.note(`Failed, in part or whole: ${failures} of ${cases.length} cases`);
  return failures > 0 ? EXIT.failures : EXIT.ok;
}

/** The plan of a case: num-clients with the sweep's options. */
async function planCase(values: SweepValues, one: SweepCase, url: string): Promise<BenchPlan> {
  const { backend, warmup = Math.min(one.clients, MOST_SWEEP_WARMUPS) } = values;
  const known = Object.keys(CLIENTS_OPTIONS) as (keyof typeof CLIENTS_OPTIONS)[];
  const ofCase = withDefaults(CLIENTS_OPTIONS, {
    ...pick<Values, string>(values, known),
    baseUrl: url,
    numRequests: one.prompts,
    numTurns: one.turns,
    numClients: one.clients,
    rampUpTime: one.rampUpTime,
    stopTime: one.stopTime,
    warmup,
  });
  return await planClients(ofCase, { backend, url });
}

function caseTitle(one: SweepCase, values: SweepValues): string {
  const { modelSize: size, tp, mode, backend } = values;
  return `[BENCHMARK ${size}B TP${tp} TURNS${one.turns} CLIENTS${one.clients} ` +
    `RAMP_UP_TIME${one.rampUpTime} STOP_TIME${one.stopTime} ` +
    `${mode.toUpperCase()} BACKEND${backend}]`;
}

function labels(one: SweepCase, values: SweepValues): string[] {
  return [values.modelSize, values.tp, String(one.clients), values.mode];
}

type CaseEnd =
  | { readonly row: readonly string[]; readonly exceeded: boolean }
  | { readonly failed: string };

/** The row of a case, why it failed, or nothing when it was interrupted. */
async function runCase(
  plan: BenchPlan,
  keep: KeepOptions,
  host: Host,
): Promise<CaseEnd | undefined> {
  let ran: ScriptRun;
  try {
    ran = await runScript(plan, host, keep);
  } catch (error) {
    // A UserError is about the server or the case; anything else is a bug.
    if (!(error instanceof UserError)) throw error;
    return host.interrupted.aborted ? undefined : { failed: error.message };
  }
  if (host.interrupted.aborted) return undefined;
  if (ran.records.some(({ outcome }) => outcome.kind === "ok")) {
    const row = clientsRow(ran.records, ran.durationMs);
    return { row, exceeded: ran.exitCode !== EXIT.ok };
  }
  const [first] = groupFailures(ran.records);
  const cause = first === undefined
    ? ""
    : `, ${first.kind.replaceAll("_", " ")}: ${
      first.messages.map(({ message }) => message).join("; ")
    }`;
  return { failed: `none of ${ran.records.length} requests completed${cause}` };
}
