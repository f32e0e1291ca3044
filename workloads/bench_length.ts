/**
 * How the length of the answers is asked for.
 *
 * @module
 */
import type { Protocol } from "../backends/protocol.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { MeasureValues } from "./bench_options.ts";
import { UserError } from "./user_error.ts";

/**
 * Exact lengths where they can be had, unless the prompts have answers that end by themselves.
 *
 * @throws {UserError} for what the protocol cannot ask for.
 */
export function planLength(
  values: MeasureValues,
  protocol: Protocol,
  { endsByItself }: { readonly endsByItself: boolean },
): Pick<BenchPlan, "length" | "lengthField"> {
  const length = values.length ?? (protocol.forcesLength && !endsByItself ? "forced" : "cap");
  if (length === "forced" && !protocol.forcesLength) {
    throw new UserError(
      `Cannot force a length over ${protocol.name}: the engine has no such switch, use --length cap`,
    );
  }
  if (values.maxCompletionTokens !== true) return { length };
  if (!takesLengthField(protocol)) {
    throw new UserError(
      `Cannot use --max-completion-tokens with ${protocol.name}: only OpenAI's calls have that field`,
    );
  }
  return { length, lengthField: "max_completion_tokens" };
}

/** Whether a protocol's calls have OpenAI's fields for the length. */
export function takesLengthField({ path, carrier }: Protocol): boolean {
  return carrier === "http" && path.endsWith("/completions");
}
