/**
 * The header of a run from those that its agents prepared: all of them must be about to send the same.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { oneLine } from "../backends/error_message.ts";
import type { RunHeader } from "../metrics/run.ts";
import { RECORD_SCHEMA } from "../metrics/run.ts";
import type { FleetAgent } from "../metrics/run_fleet.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { Prepared } from "./fleet_messages.ts";
import { withoutSecrets, withoutSecretsIn } from "./secret.ts";
import { EXIT, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

/** What the leader adds. */
interface LeaderFacts {
  readonly fleet: string;
  readonly run: string;
  readonly plan: BenchPlan;
  readonly commandLine: readonly string[];
}

/** Machine by machine they may differ: where files lie, what sends, how many threads. */
const SAME: readonly (readonly [name: string, of: (header: RunHeader) => unknown])[] = [
  ["version", ({ version }) => version],
  ["protocol", ({ protocol }) => protocol],
  ["model", ({ model }) => model],
  ["models", ({ models }) => models],
  ["classes", ({ classes }) => classes],
  ["length", ({ length }) => length],
  ["stream", ({ stream }) => stream],
  ["seed", ({ seed }) => seed],
  ["salt scope", ({ saltScope }) => saltScope],
  ["dataset", ({ dataset: { kind, sha256 } }) => ({ kind, sha256 })],
  ["number of prompts", ({ dataset: { prompts } }) => prompts],
  [
    "parts of the dataset",
    ({ dataset: { parts } }) => parts?.map(({ source: _, ...part }) => part),
  ],
  ["recording", ({ replay }) => replay],
  ["tokenizer", ({ tokenizer: { source } }) => source],
  ["search", ({ find }) => find],
  ["loads", ({ loads }) => loads],
];

const SHOWN_CHARS = 120;

/**
 * One header of those of all agents.
 *
 * @throws {UserError} where two of them would not send the same load.
 */
export function mergePrepared(
  prepared: readonly Prepared[],
  { fleet, run, plan, commandLine }: LeaderFacts,
): RunHeader {
  const [first] = prepared;
  const { part: _, ...header } = first!.header;
  for (const one of prepared) refuseOther(first!, one);
  const { dataset, tokenizer } = header;
  return {
    ...header,
    schema: RECORD_SCHEMA,
    version: VERSION,
    startedAt: new Date(wallClockMs()).toISOString(),
    ...withoutSecretsIn(plan.called ?? {}),
    commandLine: withoutSecretsIn(commandLine),
    options: withoutSecretsIn(plan.options as Readonly<Record<string, unknown>>),
    // Each agent has its files where it likes.
    dataset: {
      ...dataset,
      ...defined({ source: sourceOf(plan) ?? dataset.source }),
    },
    tokenizer: {
      ...tokenizer,
      ...(plan.tokenizer === undefined ? {} : { name: withoutSecrets(plan.tokenizer) }),
    },
    fleet: { name: fleet, run, agents: prepared.map(describeAgent) },
  };
}

function sourceOf({ datasetPath, classes }: BenchPlan): string | undefined {
  return datasetPath === undefined || classes !== undefined
    ? undefined
    : withoutSecrets(datasetPath);
}

function describeAgent({ header, file }: Prepared): FleetAgent {
  const { environment: { hostname, cores, effectiveCores }, version, transport, workers } = header;
  return {
    ...defined({ hostname }),
    version,
    cores: effectiveCores ?? cores,
    ...{ transport, workers },
    ...defined({ file: file === undefined ? undefined : withoutSecrets(file) }),
  };
}

function refuseOther(first: Prepared, other: Prepared): void {
  for (const [name, of] of SAME) {
    const [ours, theirs] = [first, other].map(({ header }) => JSON.stringify(of(header)) ?? "none");
    if (ours === theirs) continue;
    const shown = (text: string) => visibleLine(oneLine(text, SHOWN_CHARS));
    throw new UserError(
      `Cannot measure with agents that would not send the same load: the ${name} of agent ` +
        `${other.agent} is ${shown(theirs!)}, of agent ${first.agent} ${shown(ours!)}`,
      EXIT.usage,
    );
  }
}
