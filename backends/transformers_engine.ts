/**
 * Generates with a loaded model: queues requests, stamps tokens, forces lengths, cancels. The library
 * is passed in, so that tests can replace it.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import type { Clock } from "./clock.ts";
import { defined } from "./defined.ts";
import type {
  EngineAnswer,
  EngineCall,
  EnginePrompt,
  EngineSettings,
  GenerationEvent,
} from "./inprocess_messages.ts";
import { createRandom } from "./random.ts";
import { type ModelFolder, pathExists, readModelFolder } from "./transformers_folder.ts";
import type {
  GenerateArguments,
  LibraryModel,
  LibraryTensor,
  LibraryTokenizer,
  TransformersLibrary,
} from "./transformers_library.ts";
import { isGreedy, pickToken } from "./transformers_sampling.ts";

/** What an engine is opened with. */
export interface EngineOptions {
  readonly library: TransformersLibrary;
  readonly clock: Clock;
  /** Folder, or a name on the hub. */
  readonly model: string;
  readonly settings: EngineSettings;
}

interface Job {
  readonly number: number;
  readonly call: EngineCall;
  readonly report: (event: GenerationEvent) => void;
  cancelled: boolean;
}

/** The ONNX runtime's number for `error`. */
const LOG_ERRORS = 3;

/** A tokenizer, a model that is loaded when first needed, and a queue. */
export class TransformersEngine {
  readonly #options: EngineOptions;
  readonly #folder: ModelFolder | undefined;
  readonly #tokenizer: LibraryTokenizer;
  #loading: Promise<LibraryModel> | undefined;
  readonly #waiting: Job[] = [];
  readonly #running = new Map<number, Job>();
  /** Called when nothing runs any more. */
  #idle: (() => void) | undefined;

  private constructor(
    options: EngineOptions,
    folder: ModelFolder | undefined,
    tokenizer: LibraryTokenizer,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#tokenizer = tokenizer;
  }

  /**
   * Checks the folder and loads the tokenizer; the weights come with {@linkcode warm}.
   *
   * @throws {TypeError} with one sentence about what is missing.
   */
  static async open(options: EngineOptions): Promise<TransformersEngine> {
    const { library, model, settings } = options;
    const local = await pathExists(model) || /^[./~]|\\/.test(model);
    const folder = local ? await readModelFolder(model, settings.dtype) : undefined;
    // Off by default in a worker, which the library takes for a browser.
    library.env.allowLocalModels = true;
    library.env.allowRemoteModels = !local;
    const tokenizer = await named(
      model,
      () =>
        library.AutoTokenizer.from_pretrained(folder?.path ?? model, { local_files_only: local }),
    );
    return new TransformersEngine(options, folder, tokenizer);
  }

  /** Loads the weights, once. @throws {TypeError} */
  async warm(): Promise<void> {
    await (this.#loading ??= this.#load());
  }

  /** Token ids of a prompt, with the chat template and special tokens as the model wants them. */
  tokenize(prompt: EnginePrompt): number[] {
    if (prompt.promptIds !== undefined) return [...prompt.promptIds];
    const messages = prompt.messages ?? [];
    const template = this.#tokenizer.chat_template ?? this.#folder?.chatTemplate;
    if (template === undefined || template === null) {
      return this.#tokenizer.encode(messages.map(({ content }) => content).join("\n"));
    }
    const text = this.#tokenizer.apply_chat_template(messages, {
      tokenize: false,
      add_generation_prompt: true,
      chat_template: template,
    });
    // The template has already written BOS and the like.
    return (this.#tokenizer.encode as (text: string, options: unknown) => number[]).call(
      this.#tokenizer,
      text,
      { add_special_tokens: false },
    );
  }

  /** Queues a generation; `report` is called until it ends or is cancelled. */
  generate(number: number, call: EngineCall, report: (event: GenerationEvent) => void): void {
    this.#waiting.push({ number, call, report, cancelled: false });
    this.#next();
  }

  /** Stops a generation after the current token; nothing more is reported. */
  cancel(number: number): void {
    const running = this.#running.get(number);
    if (running !== undefined) running.cancelled = true;
    const waiting = this.#waiting.findIndex((job) => job.number === number);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
  }

  /** Cancels everything and frees the weights. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    for (const job of this.#running.values()) job.cancelled = true;
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle = resolve);
    const model = await this.#loading?.catch(() => undefined);
    await model?.dispose();
  }

  #next(): void {
    const { maxBatch = Infinity } = this.#options.settings;
    while (this.#running.size < maxBatch) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running.set(job.number, job);
      this.#run(job).then(() => {
        this.#running.delete(job.number);
        this.#next();
        if (this.#running.size === 0) this.#idle?.();
      });
    }
  }

  async #run(job: Job): Promise<void> {
    const { clock } = this.#options;
    const report = (event: GenerationEvent) => {
      if (!job.cancelled) job.report(event);
    };
    try {
      await this.warm();
      report({ kind: "started", atMs: clock.now() });
      const answer = await this.#generate(job, report);
      report({ kind: "done", atMs: clock.now(), answer });
    } catch (error) {
      const message = messageOf(error);
      report({ kind: "error", atMs: clock.now(), message });
    }
  }

  async #generate(job: Job, report: (event: GenerationEvent) => void): Promise<EngineAnswer> {
    const { call } = job;
    const { clock, library } = this.#options;
    const model = await this.#loading!;
    const ids = this.tokenize(call);
    this.#checkLength(ids.length, call.maxNewTokens);

    const generated: number[] = [];
    let stopped = false;
    let promptSeen = false;
    const shape = [1, ids.length];
    await model.generate({
      input_ids: new library.Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
      attention_mask: new library.Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
      max_new_tokens: call.maxNewTokens,
      ...(call.minNewTokens !== undefined && { min_new_tokens: call.minNewTokens }),
      streamer: {
        put: (batch) => {
          const atMs = clock.now();
          if (!promptSeen) {
            promptSeen = true;
            return;
          }
          const token = Number(batch[0]?.[0]);
          generated.push(token);
          if (call.stream) report({ kind: "token", atMs, token });
          if (call.stop !== undefined) stopped = this.#stopAt(generated, call.stop) !== undefined;
        },
        end: () => {},
      },
      stopping_criteria: [() => [job.cancelled || stopped]],
      ...this.#sampling(call, job.number),
    });
    const text = this.#tokenizer.decode(generated, { skip_special_tokens: true });
    const cut = call.stop === undefined ? undefined : this.#stopAt(generated, call.stop);
    return {
      text: cut === undefined ? text : text.slice(0, cut),
      finishReason: stopped || generated.length < call.maxNewTokens ? "stop" : "length",
      promptTokens: ids.length,
      outputTokens: generated.length,
    };
  }

  /** Without sampling parameters the model's own `generation_config.json` decides. */
  #sampling(
    call: EngineCall,
    number: number,
  ): Pick<GenerateArguments, "do_sample" | "logits_processor"> {
    const { temperature, topP, topK, seed } = call;
    if (temperature === undefined && topP === undefined && topK === undefined) {
      return { logits_processor: [] };
    }
    const sampling = defined({ temperature, topP, topK });
    if (isGreedy(sampling)) return { do_sample: false, logits_processor: [] };
    const random = createRandom(seed ?? 0, seed === undefined ? `request/${number}` : "request");
    const choose = (_: unknown, logits: LibraryTensor): LibraryTensor => {
      const values = logits.data as Float32Array;
      const token = pickToken(values, sampling, random);
      // Greedy selection then finds the only token left.
      values.fill(-Infinity);
      values[token] = 0;
      return logits;
    };
    return { do_sample: false, logits_processor: [choose] };
  }

  #stopAt(ids: readonly number[], stops: readonly string[]): number | undefined {
    const text = this.#tokenizer.decode(ids, { skip_special_tokens: true });
    const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  #checkLength(promptTokens: number, outputTokens: number): void {
    if (promptTokens === 0) throw new RangeError("Cannot generate from an empty prompt");
    const context = this.#folder?.contextTokens ?? Infinity;
    if (promptTokens + outputTokens > context) {
      throw new RangeError(
        `Cannot generate ${outputTokens} tokens after ${promptTokens}: the model's context is ` +
          `${context} tokens`,
      );
    }
  }

  async #load(): Promise<LibraryModel> {
    const { library, model, settings } = this.#options;
    const { threads, device = "cpu", logSeverity = LOG_ERRORS } = settings;
    return await named(
      model,
      () =>
        library.AutoModelForCausalLM.from_pretrained(this.#folder?.path ?? model, {
          dtype: this.#folder?.dtype ?? settings.dtype ?? "fp32",
          device,
          local_files_only: this.#folder !== undefined,
          session_options: defined({ logSeverityLevel: logSeverity, intraOpNumThreads: threads }),
        }),
    );
  }
}

/** Errors of the library, with the model's name. */
async function named<T>(model: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const reason = messageOf(error).split("\n")[0];
    throw new TypeError(`Cannot load the model "${model}": ${reason}`);
  }
}
