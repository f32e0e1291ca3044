/**
 * What can be asked to empty a server's prefix cache before a load.
 *
 * @module
 */
import type { Protocol } from "../backends/protocol.ts";
import { withoutSecrets } from "./secret.ts";
import { withoutPassword } from "./secret_names.ts";
import { UserError } from "./user_error.ts";

/** How an engine is asked; each call is tried if the one before it failed. */
export interface EngineCalls {
  readonly paths: readonly string[];
  /** What a server that does not know the call lacks. */
  readonly hint: string;
}

/** Engines by the names that `--reset-cache` takes. */
export const RESET_ENGINES: Readonly<Record<string, EngineCalls>> = {
  // An engine without an external cache says that it failed to empty it.
  vllm: {
    paths: ["/reset_prefix_cache?reset_external=true", "/reset_prefix_cache"],
    hint: "vLLM has the call only with VLLM_SERVER_DEV_MODE=1",
  },
  sglang: { paths: ["/flush_cache"], hint: "is it SGLang itself that answers there?" },
};

/** @throws {UserError} for what is neither an engine nor a URL. */
export function checkResetCache(asked: string, { carrier, name }: Protocol): void {
  if (Object.hasOwn(RESET_ENGINES, asked)) {
    if (carrier === "http") return;
    throw new UserError(
      `Cannot use --reset-cache ${asked} with ${name}: the call goes over HTTP, give its URL`,
    );
  }
  if (!/^https?:\/\//i.test(asked) || URL.parse(asked) === null) {
    throw new UserError(
      `Cannot use --reset-cache "${shownReset(asked)}": give ${
        Object.keys(RESET_ENGINES).join(", ")
      }, or a URL that takes a POST`,
    );
  }
}

/** What is asked, for reports: without what may be a secret. */
export function shownReset(asked: string): string {
  return withoutSecrets(withoutPassword(asked.replace(/[?#][^]*/, "")));
}
