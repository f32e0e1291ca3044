/**
 * The messages between whoever wants requests of sessions and the thread that makes them.
 *
 * @module
 */
import type { Target, WireRequest } from "../backends/protocol.ts";
import type { PromptSpec } from "./session.ts";
import type {
  PromptForm,
  RequestDefaults,
  RequestParts,
  WrittenPrompt,
} from "./session_prompt_request.ts";

/** To the worker. */
export type ToPromptWorker =
  | {
    readonly kind: "open";
    readonly protocol: string;
    readonly targets: readonly Target[];
    readonly seed: number;
    readonly form: PromptForm;
    readonly defaults: RequestDefaults;
  }
  | {
    readonly kind: "make";
    readonly prompt: PromptSpec | WrittenPrompt;
    readonly parts: RequestParts;
  };

/** From the worker: answers to `make`, in order. */
export type FromPromptWorker =
  | { readonly kind: "made"; readonly wire: WireRequest }
  /** `refused`: by the protocol. */
  | { readonly kind: "refused" | "failed"; readonly message: string };

/** Answers to a `make`. */
export function answerOf(make: () => WireRequest): FromPromptWorker {
  try {
    return { kind: "made", wire: make() };
  } catch (error) {
    // Protocols refuse what they cannot express by a TypeError.
    const kind = error instanceof TypeError ? "refused" : "failed";
    return { kind, message: error instanceof Error ? error.message : String(error) };
  }
}
