/**
 * Messages between the transport `inprocess` and the thread of its engine.
 *
 * @module
 */
import type { TextMessage } from "./protocol.ts";

/** How the engine is started; from `extraBody.engine` of the first request. */
export interface EngineSettings {
  /** Number format of the weights, e.g. `q8`; absent = the first that the folder has. */
  readonly dtype?: string;
  /** Default `cpu`. */
  readonly device?: string;
  /** Threads of one step of the model. Default: the runtime's own choice. */
  readonly threads?: number;
  /** Requests generated at once; the others wait in order of arrival. Default: all. */
  readonly maxBatch?: number;
  /** 0 verbose … 4 fatal; default 3, errors. */
  readonly logSeverity?: number;
}

/** A prompt: ids, or messages for the chat template. */
export interface EnginePrompt {
  readonly promptIds?: readonly number[];
  readonly messages?: readonly TextMessage[];
}

export interface EngineCall extends EnginePrompt {
  readonly maxNewTokens: number;
  readonly minNewTokens?: number;
  /** Report each token as it is produced, or only the end. */
  readonly stream: boolean;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** How a generation ended. */
export interface EngineAnswer {
  readonly text: string;
  readonly finishReason: "length" | "stop";
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** To the engine; `number` identifies a request of the transport. */
export type ToEngine =
  | { readonly kind: "open"; readonly model: string; readonly settings: EngineSettings }
  /** Load the weights now. */
  | { readonly kind: "warm" }
  | { readonly kind: "tokenize"; readonly number: number; readonly prompt: EnginePrompt }
  | { readonly kind: "generate"; readonly number: number; readonly call: EngineCall }
  | { readonly kind: "cancel"; readonly number: number }
  | { readonly kind: "close" };

/** Progress of one generation; stamps are on the engine's clock and taken first. */
export type GenerationEvent =
  /** It left the queue. */
  | { readonly kind: "started"; readonly atMs: number }
  | { readonly kind: "token"; readonly atMs: number; readonly token: number }
  | { readonly kind: "done"; readonly atMs: number; readonly answer: EngineAnswer }
  | { readonly kind: "error"; readonly atMs: number; readonly message: string };

export type FromEngine =
  /** `originMs`: see `epochOriginMs()`. */
  | { readonly kind: "opened"; readonly originMs: number }
  | { readonly kind: "warmed" }
  /** The engine cannot be used: one sentence. */
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "tokenized"; readonly number: number; readonly ids: readonly number[] }
  | { readonly kind: "event"; readonly number: number; readonly event: GenerationEvent }
  | { readonly kind: "closed" };
