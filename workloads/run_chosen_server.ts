/**
 * Where a command's requests go: to a server that somebody runs, or to one that `--launch` starts
 * for it. Every command that measures a server goes through here.
 *
 * @module
 */
import type { LaunchEngine } from "../backends/launch_engines.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type LaunchPlan, planLaunch, withLaunched } from "./server_launch.ts";
import { loadPrompts } from "./run_prepare.ts";
import { togetherMessage } from "./option_parse.ts";
import { checkOutputs } from "./record_outputs.ts";
import { renderProgress } from "./live_progress.ts";
import type { Host, Values } from "./command.ts";
import { targetOf } from "./server_target.ts";
import { UserError } from "./user_error.ts";

/** A server to be measured. */
export interface ChosenServer {
  /** As the user wrote it; of a launched server where it will listen. */
  readonly url: string;
  /** What is started there; absent where somebody else has. */
  readonly launched?: LaunchPlan;
}

/** A measurement with everything checked, before a server is there. */
export interface ServerRun {
  /** How the server is spoken to: it counts as ready when it answers this way. */
  readonly plan: BenchPlan;
  /** Measures; returns the exit code. The host is the given one, with an end if the server ends. */
  readonly run: (host: Host) => Promise<number>;
}

/** What differs between commands. */
export interface ChooseOptions {
  /** Name of the value that is the server's address. */
  readonly address: string;
  /** The same as it is written. Default: that of an argument. */
  readonly shown?: string;
  /** Options of `LAUNCH_OPTIONS` that mean something to the command without `--launch`, too. */
  readonly own?: readonly string[];
  /** Starts nothing, and measures all the same: for `--dry-run`. */
  readonly dry?: boolean;
}

/**
 * Measures the server that the options choose.
 *
 * @param prepare checks everything else; a launched server is started only when it has returned.
 * @throws {UserError} for an address beside `--launch`, and as `prepare` and `withLaunched`.
 */
export async function measureChosen(
  values: Values,
  host: Host,
  options: ChooseOptions,
  prepare: (server: ChosenServer) => Promise<ServerRun>,
): Promise<number> {
  const { address, own = [], dry = false } = options;
  if (!dry) await checkOutputs(values);
  const launched = planLaunch(values, own);
  const given = values[address] as string | undefined;
  if (launched === undefined) {
    const { run } = await prepare({ url: given ?? "" });
    return await run(host);
  }
  // In some commands the same argument is the model's path.
  if (given !== undefined && (!own.includes(address) || isUrl(given))) {
    throw new UserError(togetherMessage(options.shown ?? `<${address}>`, given, "launch"));
  }
  const { plan, run } = await prepare({ url: launched.url, launched });
  if (dry) return await run(host);
  await tryPrompts(plan, host);
  const asked = {
    ...launched,
    protocol: plan.protocol,
    target: targetOf(plan),
    ...(plan.model === undefined ? {} : { model: plan.model }),
  };
  return await withLaunched(asked, host, (_, watched) => run(watched));
}

/** Loads the prompts once more than needed: a wrong file must not cost the start of an engine. */
async function tryPrompts(plan: BenchPlan, host: Host): Promise<void> {
  try {
    await loadPrompts(plan, {
      onProgress: (state) => host.progress(renderProgress(state, host.columns)),
    });
  } finally {
    host.progress("");
  }
}

/** Protocol for prompts of given token ids, where the engine's usual one takes text only. */
export function idsProtocol({ protocol, idsProtocol = protocol }: LaunchEngine): string {
  return idsProtocol;
}

/** Is it an address, and no path? */
export function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place) || /^[\w.-]+:\d+(\/|$)/.test(place) ||
    /^\[[\da-f:]+\]/i.test(place);
}
