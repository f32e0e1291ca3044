/**
 * What a prompt brings along from the request that it was: fields of its body, and its call.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Protocol } from "../backends/protocol.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { Dataset } from "./prompt.ts";
import { UserError } from "./user_error.ts";

/** Fields of one prompt; absent = it has none. */
export type OwnFields = Readonly<Record<string, unknown>> | undefined;

/**
 * The fields that each prompt brings along as a request of its own. Options that the user gave stand
 * above them.
 *
 * @throws {UserError} where the protocol cannot send them, or they are for another call.
 */
export function ownFieldsOf(
  { prompts, source }: Dataset,
  { model, sampling }: BenchPlan,
  protocol: Protocol,
): readonly OwnFields[] {
  const { temperature, topP: top_p, topK: top_k, seed, stop } = sampling;
  const given = Object.keys(defined({ model, temperature, top_p, top_k, seed, stop }));
  return prompts.map(({ id, ownFields, path }) => {
    if (path !== undefined && path !== protocol.path) {
      const right = PROTOCOLS.find((other) => other.takesOwnFields && other.path === path);
      throw new UserError(
        `Cannot send the requests of "${source}" over ${protocol.name}: prompt ${id} is for ${path}` +
          (right === undefined ? "" : `, add --protocol ${right.name}`),
      );
    }
    const kept = Object.entries(ownFields ?? {}).filter(([name]) => !given.includes(name));
    if (kept.length === 0) return undefined;
    if (protocol.takesOwnFields !== true) {
      throw new UserError(
        `Cannot send ${
          kept.map(([name]) => name).join(", ")
        } of prompt ${id} of "${source}" over ` +
          `${protocol.name}: only ${
            PROTOCOLS.filter(({ takesOwnFields }) => takesOwnFields).map(({ name }) => name)
              .join(" and ")
          } can; use one, or remove these fields from the file`,
      );
    }
    return Object.fromEntries(kept);
  });
}

/** The models that all requests name themselves; absent where one does not. */
export function modelOf(ownFields: readonly OwnFields[]): string | undefined {
  const models = new Set(ownFields.map((fields) => fields?.model));
  return [...models].every((model) => typeof model === "string")
    ? [...models].join(", ")
    : undefined;
}
