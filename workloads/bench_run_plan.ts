/**
 * From option values to the plan of a run: everything is checked and decided before anything is sent.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Sampling } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { plural } from "../metrics/format.ts";
import { MOST_LOADS } from "../metrics/run.ts";
import { planLength } from "./bench_length.ts";
import { clampUsers, inOneQueue, planLoads, planStop } from "./bench_loads.ts";
import { planMix, planModels, planSessionHeader } from "./bench_mix.ts";
import { checkModelFolder } from "./bench_model_folder.ts";
import { MEASURE_OPTIONS, type MeasureValues } from "./bench_options.ts";
import { planOrder } from "./bench_order.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import { checkResetCache } from "./bench_reset.ts";
import { planName } from "./bench_name.ts";
import { asksForPrefixes, checkPrefixes, checkRequestScope, planSaltScope } from "./bench_salt.ts";
import { applyScenario } from "./bench_scenarios.ts";
import { planSecrets } from "./bench_secrets.ts";
import { planServerMetrics } from "./bench_server_metrics.ts";
import { planServers } from "./bench_servers.ts";
import { differsText, hasSides, otherSide, repeatsOf } from "./bench_sides.ts";
import { planTransport } from "./bench_transport.ts";
import type { OptionValue, Values } from "./command.ts";
import { parseLengthSpec } from "./dataset_length.ts";
import { chooseDataset, datasetExtra, holdsRequests } from "./datasets.ts";
import { parseCancel } from "./load_cancel.ts";
import { sparePrompts } from "./load_sequence.ts";
import { withDefaults } from "./option_parse.ts";
import { readTextFile } from "./text_file.ts";
import { fileError, UserError } from "./user_error.ts";

/** Options that nobody gave. */
const USUAL_VALUES: Values = withDefaults(MEASURE_OPTIONS, {});
const POOL_FOR_DURATION = 1000;
/** Most prompts of a file that are sent once each without `--prompts`. */
const POOL_FOR_ONCE = 100_000;

/** What the values of the options leave open. */
export interface PlanSettings {
  /** Name of the command, for the record's header. */
  readonly command: string;
  /** Server, or for a model in process its folder or name; of several the first. */
  readonly url: string;
  /** The other servers. */
  readonly moreUrls?: readonly string[];
  /** Option values that repeat the run, without secrets. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Parts that the command decides itself; the pool of prompts is as large as these loads need. */
  readonly parts?: Partial<BenchPlan>;
  /** What differs on the second side besides what the values say. */
  readonly differs?: string | undefined;
  /** A change of sides is dear: all loads of a repeat follow each other on each. */
  readonly together?: boolean;
}

/**
 * Turns option values into a plan. Reads the files that options name.
 *
 * @throws {UserError} for combinations that cannot work, and files that cannot be read.
 */
export async function planRun(asked: MeasureValues, settings: PlanSettings): Promise<BenchPlan> {
  const plan = await planSide(asked, settings);
  const order = planOrder({
    loads: plan.loads.length,
    repeats: repeatsOf(asked),
    sides: hasSides(asked) ? 2 : 1,
    seed: plan.seed,
    ...defined({ together: settings.together }),
  });
  if (!hasSides(asked)) return { ...plan, ...defined({ order }) };
  const { url, moreUrls = [] } = settings;
  const other = otherSide(asked, [url, ...moreUrls]);
  const [first = "", ...more] = other.servers;
  const otherPlan = await planSide(other.values, { ...settings, url: first, moreUrls: more });
  // The same prompts: marks are those of the first side.
  const same = defined({ order, salt: plan.salt });
  return {
    ...plan,
    ...same,
    other: {
      plan: { ...otherPlan, ...same },
      ...defined({ differs: differsText(asked, settings.differs) }),
    },
  };
}

/** The plan of one side. */
async function planSide(
  asked: MeasureValues,
  { command, url: address, moreUrls = [], options, parts: given = {} }: PlanSettings,
): Promise<BenchPlan> {
  const { values, ruledBy } = applyScenario(asked, USUAL_VALUES);
  const { apiKey, headers } = await planSecrets(values, [address, ...moreUrls]);
  const protocol = findProtocol(values.protocol);
  const servers = planServers([address, ...moreUrls], protocol.carrier);
  const { url, query } = servers[0]!;
  const folder = protocol.carrier === "inprocess" ? await checkModelFolder(url, values) : undefined;
  const dataset = await chooseDataset(values.dataset, values.datasetPath, values);
  const mix = values.mix === undefined ? undefined : await planMix(values.mix, values);
  const extra = mix === undefined ? datasetExtra(dataset, values) : {};
  const parts = dataset.hasSessions === true
    ? { ...await replayParts(values, extra), ...given }
    : given;
  const wantedLoads = parts.loads ?? planLoads(values);
  checkLoads(wantedLoads.length, asked);
  const { models, modelAssignment } = values.models === undefined ? {} : planModels(values.models, {
    ...{ model: values.model, trace: parts.replay?.trace, assignment: values.modelAssignment },
  });
  const wholeFile = values.once === true && dataset.needsFile;
  const stops = parts.stops ?? wantedLoads.map((load) => planStop(load, values, wholeFile));
  const hasShares = mix !== undefined || models !== undefined || servers.length > 1;
  const loads = parts.loads ??
    wantedLoads.map((load, i) => inOneQueue(clampUsers(load, stops[i]!), hasShares));
  const warmups = parts.warmups ??
    loads.map(() => values.warmup ?? (values.once ? 0 : "short"));
  const { wanted, spare } = poolFor({ loads, stops, warmups }, { once: values.once, wholeFile });
  const saltScope = planSaltScope(values, dataset);
  if (saltScope === "request" && parts.replay === undefined) checkRequestScope(stops, extra);
  if (asksForPrefixes(values)) checkPrefixes(values, protocol);
  if (values.resetCache !== undefined) checkResetCache(values.resetCache, protocol);
  const endsByItself = parts.replay?.trace.history === "live" || mix?.holdsRequests === true ||
    await holdsRequests(dataset, values.datasetPath, extra);
  const { length, lengthField } = planLength(values, protocol, { endsByItself });
  const { datasetPath, outputTokens, extraBody, endpoint, systemPromptFile } = values;
  const transport = planTransport(protocol, values);
  return {
    scenario: command,
    url,
    protocol: protocol.name,
    transport,
    headers,
    insecure: values.insecure === true,
    proxyLocal: values.proxyLocal === true,
    timeoutMs: values.timeout * 1000,
    maxAnswerBytes: values.maxAnswer,
    loads,
    stops,
    warmups,
    graceMs: values.grace * 1000,
    workers: workersOf(values),
    dataset: mix === undefined ? dataset.name : "mix",
    prompts: values.prompts ?? wanted,
    sparePrompts: values.prompts === undefined ? spare : 0,
    allPrompts: wholeFile && values.prompts === undefined && values.requests === undefined,
    datasetExtra: extra,
    saltScope,
    warmPrefixes: asksForPrefixes(values) && values.warmup !== 0,
    // Without marks prompts are those of other runs, too.
    salt: values.saltScope === "none" ? "" : values.salt ?? randomSalt(),
    turns: values.numTurns,
    length,
    stream: values.stream,
    sampling: planSampling(values),
    seed: values.seed,
    saveText: values.saveText === true,
    gpu: values.gpu,
    witness: values.witness,
    called: planName(values),
    options,
    ...defined({
      ruledBy,
      query,
      urls: servers.length > 1 ? servers : undefined,
      waitMs: values.wait === undefined || values.wait === 0 ? undefined : values.wait * 1000,
      lengthField,
      calibration: values.noCalibration === true ? false as const : values.calibration,
      stopOnErrors: values.stopOnErrors,
      maxPrefill: values.maxPrefill,
      cancel: values.cancel === undefined ? undefined : parseCancel(values.cancel),
      resetCache: values.resetCache,
      endpoint,
      model: models?.[0]?.name ?? values.model,
      models,
      modelAssignment,
      sessionHeader: values.sessionHeader === undefined
        ? undefined
        : planSessionHeader(values.sessionHeader, headers),
      sessionMark: values.sessionHeader === undefined ? undefined : randomSalt(),
      classes: mix?.classes,
      apiKey,
      serverMetrics: planServerMetrics(values.serverMetrics),
      caCert: await readFile("--ca-cert", values.caCert),
      datasetPath,
      outputTokens: outputTokens === undefined
        ? undefined
        : parseLengthSpec(String(outputTokens), "--output-tokens"),
      systemPrompt: await readFile("--system-prompt-file", systemPromptFile),
      tokenizer: values.tokenizer ?? folder?.path,
      extraBody,
    }),
    ...parts,
  };
}

/** @throws {UserError} for more measurements than a run may have. */
function checkLoads(loads: number, values: MeasureValues): void {
  const repeats = repeatsOf(values);
  const all = loads * repeats * (hasSides(values) ? 2 : 1);
  if (all <= MOST_LOADS) return;
  const factors = [
    plural(loads, "load"),
    ...(repeats === 1 ? [] : [`${repeats} times`]),
    ...(hasSides(values) ? ["on two sides"] : []),
  ];
  throw new UserError(
    `Cannot measure ${all} loads in one run${
      factors.length === 1 ? "" : ` (${factors.join(", ")})`
    }: ${MOST_LOADS} is the most, run the others after it`,
  );
}

/** How many prompts the loads need, and how many of them only users that are faster than others. */
function poolFor(
  { loads, stops, warmups }: Pick<BenchPlan, "loads" | "stops" | "warmups">,
  { once = false, wholeFile }: {
    readonly once: boolean | undefined;
    readonly wholeFile: boolean;
  },
): { readonly wanted: number; readonly spare: number } {
  const unlimited = wholeFile ? POOL_FOR_ONCE : POOL_FOR_DURATION;
  const spares = stops.map((stop, i) => once ? 0 : sparePrompts(loads[i]!, stop));
  const sizes = stops.map((stop, i) => (stop.requests ?? unlimited) + spares[i]!);
  // With --once each load sends the whole pool.
  const measured = once ? Math.max(...sizes) : sizes.reduce((sum, size) => sum + size, 0);
  return {
    wanted: measured + poolOfWarmups(warmups),
    spare: spares.reduce((sum, one) => sum + one, 0),
  };
}

/** Each thread has a part of `--max-prefill`: there are no more threads than requests it lets through. */
function workersOf({ workers, maxPrefill = Infinity }: MeasureValues): number {
  return Math.min(workers, maxPrefill);
}

async function replayParts(
  values: MeasureValues,
  extra: Readonly<Record<string, unknown>>,
): Promise<Partial<BenchPlan>> {
  const { planReplayParts } = await import("./bench_replay.ts");
  return await planReplayParts(values, extra);
}

function planSampling(values: MeasureValues): Sampling {
  const { temperature, topP, topK, samplingSeed: seed, stop } = values;
  return defined({ temperature, topP, topK, seed, stop });
}

/** The text of a file to the byte, its last line end and a byte order mark included. */
async function readFile(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readTextFile(path);
  } catch (error) {
    throw fileError(`Cannot read ${option} ${path}`, error);
  }
}

function randomSalt(): string {
  return crypto.randomUUID().slice(0, 8);
}
