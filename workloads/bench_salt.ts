/**
 * What the options say of marks in front of prompts, and of prefixes that they have in common.
 *
 * @module
 */
import type { Protocol } from "../backends/protocol.ts";
import type { MeasureValues } from "./bench_options.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { Values } from "./command.ts";
import type { Stop } from "./load.ts";
import { kebabCase } from "./option_table.ts";
import type { DatasetKind } from "./prompt.ts";
import type { SaltScope } from "./session_salt.ts";
import { UserError } from "./user_error.ts";

/**
 * Why repeats of a load may find their prompts in a prefix cache, in a sentence without a period; absent =
 * they do not.
 */
export function warmRepeats(
  { order = [], saltScope, resetCache, replay }: Pick<
    BenchPlan,
    "order" | "saltScope" | "resetCache" | "replay"
  >,
  protocol: Protocol,
): string | undefined {
  if (resetCache !== undefined || !order.some(({ repeat = 1 }) => repeat > 1)) return undefined;
  const shared = replay?.trace.sessions.some(({ chains }) =>
    chains.some(({ systemTokens }) => systemTokens > 0)
  );
  if (saltScope === "session" && shared === true) {
    return "Repeats share the system prompts of their sessions, whose marks stand behind these: a " +
      "prefix cache may know them from the repeat before (--salt-scope load marks them, " +
      "--reset-cache empties it)";
  }
  const why = saltScope === "none"
    ? "without marks"
    : saltScope === "load" && protocol.prepare !== undefined
    ? "with the mark of the first one, for the server made the token ids before it"
    : undefined;
  return why && `Repeats send the same prompts ${why}: a prefix cache may know them from the ` +
      "repeat before (--reset-cache empties it)";
}

/** @throws {UserError} for a scope that the dataset does not have. */
export function planSaltScope({ saltScope, salt }: MeasureValues, dataset: DatasetKind): SaltScope {
  if (saltScope === "none" && salt !== undefined) {
    throw new UserError(
      "Cannot use --salt with --salt-scope none: then there are no marks, leave one of them out",
    );
  }
  if (salt === "none") {
    throw new UserError("Cannot use --salt none: --salt-scope none leaves the marks out");
  }
  if (saltScope === "session" && dataset.hasSessions !== true) {
    throw new UserError(
      `Cannot use --salt-scope session with --dataset ${dataset.name}: it has no sessions, use load or request`,
    );
  }
  return saltScope ?? (dataset.hasSessions === true ? "session" : "load");
}

/** Whether prompts are to have prefixes in common that are sent before each load. */
export function asksForPrefixes(values: MeasureValues): boolean {
  const { prefixPools, cachedShare } = values as Values;
  return prefixPools !== undefined || cachedShare !== undefined;
}

/** @throws {UserError} where a mark for each request cannot be had, or undoes what was asked for. */
export function checkRequestScope(
  stops: readonly Stop[],
  extra: Readonly<Record<string, unknown>>,
): void {
  const shared = ["prefixPools", "cachedShare", "prefixTokens"].find((key) => extra[key]);
  if (shared !== undefined) {
    throw new UserError(
      `Cannot use --salt-scope request with --${
        kebabCase(shared)
      }: with a mark of its own at the ` +
        "front no request has anything in common with another, use --salt-scope load",
    );
  }
  if (stops.some(({ requests, once }) => requests === undefined && once !== true)) {
    throw new UserError(
      "Cannot use --salt-scope request with --duration alone: the marks are made before the load, " +
        "add --requests N",
    );
  }
}

/** @throws {UserError} where prefixes cannot be sent before the load. */
export function checkPrefixes(values: MeasureValues, protocol: Protocol): void {
  const { warmup, mix, cachedShare, tokenIds } = values as Values;
  const name = cachedShare === undefined ? "prefix-pools" : "cached-share";
  if (mix !== undefined) {
    throw new UserError(
      `Cannot use --${name} with --mix: the prefixes of one dataset are sent before a load, run its ` +
        "classes one by one",
    );
  }
  if (cachedShare !== undefined && warmup === 0) {
    throw new UserError(
      `Cannot use --cached-share ${cachedShare} with --warmup 0: the prefixes are sent before each ` +
        "load, leave --warmup out",
    );
  }
  if (protocol.prepare !== undefined && tokenIds !== true) {
    throw new UserError(
      `Cannot use --${name} with ${protocol.name}: its server makes the token ids, add --token-ids`,
    );
  }
}
