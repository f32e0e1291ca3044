/**
 * Which server a command measures: one that runs already, or one that `--launch` starts for it.
 * Every command that measures a server goes through here.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LaunchEngine, LaunchSettings } from "../backends/launch_engines.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type LaunchPlan, planLaunch } from "./server_launch_plan.ts";
import { withLaunched } from "./server_launch.ts";
import { loadPrompts } from "./run_prompts.ts";
import { togetherMessage } from "./option_parse.ts";
import type { MeasureHooks } from "./run_hooks.ts";
import { checkOutputs, type OutputValues } from "./record_outputs.ts";
import { renderProgress } from "./live_progress.ts";
import type { Host } from "./command.ts";
import type { LaunchValues } from "./server_launch_options.ts";
import { targetOf } from "./server_target.ts";
import { UserError } from "./user_error.ts";

/** A server to be measured. */
export interface ChosenServer {
  /** As the user wrote it; of a launched server, where it will listen. */
  readonly url: string;
  /** What is started there; absent for a server that runs already. */
  readonly launched?: LaunchPlan;
}

/** A measurement with everything checked, before a server is there. */
export interface ServerRun {
  /** How requests are sent: the server counts as ready when it answers one. */
  readonly plan: BenchPlan;
  /** Measures; returns the exit code. The host is interrupted when the server ends by itself. */
  readonly run: (host: Host, onTurn?: MeasureHooks["onTurn"]) => Promise<number>;
}

/** Values that say which server, and where results go. */
type ChoiceValues = LaunchValues & OutputValues;

/** What differs between commands. */
interface ChooseOptions {
  /** The server's address as given; absent with `--launch`. */
  readonly address: string | undefined;
  /** How that option or argument is written, for messages. */
  readonly shown: string;
  /** The address may also be the path of the model to launch. */
  readonly orModel?: boolean;
  /** Settings of an engine to launch that nobody chose. */
  readonly launchDefaults?: LaunchSettings["defaults"] | undefined;
  /** The second side's server, started in place of the first for its turns; absent = there is none. */
  readonly other?: LaunchPlan | undefined;
  /** Starts nothing, and runs all the same: for `--dry-run`. */
  readonly dry?: boolean;
}

/**
 * Measures the server that the options choose.
 *
 * @param prepare checks everything else; a launched server is started only when it has returned.
 * @throws {UserError} for an address beside `--launch`, and as `prepare` and `withLaunched`.
 */
export async function measureChosen(
  values: ChoiceValues,
  host: Host,
  options: ChooseOptions,
  prepare: (server: ChosenServer) => Promise<ServerRun>,
): Promise<number> {
  const { address, shown, orModel = false, dry = false } = options;
  if (!dry) await checkOutputs(values);
  const launched = planLaunch(values, options.launchDefaults);
  if (launched === undefined) {
    const { run } = await prepare({ url: address ?? "" });
    return await run(host);
  }
  if (address !== undefined && (!orModel || isUrl(address))) {
    throw new UserError(togetherMessage(shown, address, "launch"));
  }
  const { plan, run } = await prepare({ url: launched.url, launched });
  if (dry) return await run(host);
  await tryPrompts(plan, host);
  const asked = askedAs(launched, plan);
  if (options.other === undefined || plan.other === undefined) {
    return await withLaunched(asked, host, (_, watched) => run(watched));
  }
  const both = [asked, askedAs(options.other, plan.other.plan)];
  const { withLaunchedByTurns } = await import("./server_turns.ts");
  return await withLaunchedByTurns(both, host, (ready, watched) => run(watched, ready));
}

/** The server is ready when it answers what the plan asks. */
function askedAs(launched: LaunchPlan, plan: BenchPlan): LaunchPlan {
  const { protocol, model } = plan;
  return { ...launched, protocol, target: targetOf(plan), ...defined({ model }) };
}

/** Loads the prompts in advance: a wrong file must not cost the start of an engine. */
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

/** Whether it is an address rather than a path. */
export function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(place) || /^[\w.-]+:\d+(\/|$)/.test(place) ||
    /^\[[\da-f:]+\]/i.test(place);
}
