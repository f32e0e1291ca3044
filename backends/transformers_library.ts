/**
 * The one file that loads `@huggingface/transformers`. The specifier is computed, so that no other
 * command downloads or embeds its 495 MB, and no lock file lists them.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";

/** Declared under `scopes` in `deno.json`, too; a test ties the two. */
const VERSION = "4.3.1";

/** The import specifier. */
export const TRANSFORMERS_SPECIFIER: string = `npm:@huggingface/transformers@${VERSION}`;

/** A tensor of whole numbers or floats. */
export interface LibraryTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

/** The parts of a tokenizer that we use. */
export interface LibraryTokenizer {
  readonly chat_template?: string | null;
  encode(text: string): number[];
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
  apply_chat_template(messages: readonly unknown[], options: Record<string, unknown>): string;
}

/** The arguments of `generate()` that we use. */
export interface GenerateArguments {
  readonly input_ids: LibraryTensor;
  readonly attention_mask: LibraryTensor;
  readonly max_new_tokens: number;
  readonly min_new_tokens?: number;
  readonly do_sample?: boolean;
  /** Called with the prompt first, then with each token. */
  readonly streamer: { put(ids: readonly (readonly bigint[])[]): void; end(): void };
  readonly logits_processor: readonly ((
    ids: readonly (readonly bigint[])[],
    logits: LibraryTensor,
  ) => LibraryTensor)[];
  /** `true` ends the generation after the current token. */
  readonly stopping_criteria: readonly (() => boolean[])[];
}

/** The parts of a model that we use. */
export interface LibraryModel {
  readonly config: Readonly<Record<string, unknown>>;
  readonly generation_config?: Readonly<Record<string, unknown>> | null;
  generate(options: GenerateArguments): Promise<unknown>;
  dispose(): Promise<unknown>;
}

/** The parts of the library that we use. */
export interface TransformersLibrary {
  readonly env: { allowRemoteModels: boolean; allowLocalModels: boolean };
  readonly AutoTokenizer: {
    from_pretrained(model: string, options: Record<string, unknown>): Promise<LibraryTokenizer>;
  };
  readonly AutoModelForCausalLM: {
    from_pretrained(model: string, options: Record<string, unknown>): Promise<LibraryModel>;
  };
  readonly Tensor: new (
    type: "int64",
    data: BigInt64Array,
    dims: readonly number[],
  ) => LibraryTensor;
}

/**
 * Imports the library, downloading it if necessary.
 *
 * @throws {TypeError} when that fails: no registry, no permission, a compiled executable.
 */
export async function loadTransformers(): Promise<TransformersLibrary> {
  // In a worker the library believes to run in a browser. It then uses `location.origin`, in Deno
  // the text "null", as a base URL, and its import fails with "Invalid URL"; and it chains all steps
  // in one promise, so that all requests after a failed one fail, too. These two names are therefore
  // hidden while it is imported.
  const restore = "DedicatedWorkerGlobalScope" in globalThis
    ? ["location", "self"].map(hideGlobal)
    : [];
  try {
    return await import(TRANSFORMERS_SPECIFIER);
  } catch (error) {
    const reason = messageOf(error).split("\n")[0];
    throw new TypeError(
      `Cannot load ${TRANSFORMERS_SPECIFIER}: ${reason}; it needs -A, the npm registry once, and in ` +
        "a checkout --no-lock; a compiled executable cannot load it",
    );
  } finally {
    for (const show of restore) show();
  }
}

/** Hides a global name; returns a function that restores it. */
function hideGlobal(name: string): () => void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value: undefined, configurable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(globalThis, name);
    else Object.defineProperty(globalThis, name, before);
  };
}
