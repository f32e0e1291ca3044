/**
 * What is checked beside the first request: other servers, models and classes of prompts.
 *
 * @module
 */
import type { GenerationRequest, Protocol, Target } from "../backends/protocol.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { Prompt } from "./prompt.ts";
import { UserError } from "./user_error.ts";

/** A request to be checked, and where it goes. */
export interface OtherFirst {
  readonly target: Target;
  readonly first: GenerationRequest;
}

/** @throws {UserError} where the call names no model: all would be the same request. */
export function refuseUnnamed(
  { models = [] }: BenchPlan,
  { protocol, target, first }: {
    readonly protocol: Protocol;
    readonly target: Target;
    readonly first: GenerationRequest;
  },
): void {
  const [one, other] = models.slice(0, 2).map(({ name: model }) => {
    const { url, body = new Uint8Array() } = protocol.buildRequest({ ...first, model }, target);
    return `${url} ${new TextDecoder().decode(body)}`;
  });
  if (one === undefined || one !== other) return;
  throw new UserError(
    `Cannot use --models over ${protocol.name}: its call names no model, so all requests would be alike`,
  );
}

/** Other servers with the first prompt, other models on each of them, other classes on the first. */
export function othersOf(
  { models = [] }: BenchPlan,
  { targets, first, prompts, requests }: {
    readonly targets: readonly Target[];
    readonly first: GenerationRequest;
    readonly prompts: readonly Prompt[];
    readonly requests: readonly GenerationRequest[];
  },
): readonly OtherFirst[] {
  const names = models.length === 0 ? [first.model] : models.map(({ name }) => name);
  const asked = targets.flatMap((target) =>
    names.map((model): OtherFirst => ({ target, first: { ...first, model } }))
  );
  const seen = new Set([prompts[0]?.class]);
  const classes = prompts.flatMap((prompt, i): OtherFirst[] => {
    if (seen.has(prompt.class)) return [];
    seen.add(prompt.class);
    return [{ target: targets[0]!, first: { ...requests[i]!, model: first.model } }];
  });
  return [...asked.slice(1), ...classes];
}
