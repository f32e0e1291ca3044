/**
 * A language model small enough to be written by a test: GPT-2's architecture with a key-value
 * cache, random weights and a byte-level tokenizer, as the folder that `@huggingface/transformers`
 * reads. Nothing is downloaded, and no ONNX or protobuf package is needed.
 *
 * Its words mean nothing; its lengths, its cache and its determinism are real.
 *
 * @module
 */
import { createRandom, normal } from "../../backends/random.ts";

/** Shape of a tiny model. */
export interface TinyModelOptions {
  /** Width; a multiple of `heads`. */
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  /** Longest prompt and answer together. */
  readonly contextTokens?: number;
  readonly seed?: number;
  /** Names the ONNX file as this kind of numbers would be; the numbers are fp32 all the same. */
  readonly onnxFile?: string;
}

/** What was written. */
export interface TinyModel {
  readonly vocabulary: number;
  readonly endOfText: number;
  readonly contextTokens: number;
  readonly onnxBytes: number;
}

/** Writes the model's folder. */
export async function writeTinyModel(
  folder: string,
  options: TinyModelOptions = {},
): Promise<TinyModel> {
  const { width = 48, layers = 2, heads = 4, contextTokens = 1024, seed = 1 } = options;
  const { vocab, merges } = byteLevelVocabulary();
  const endOfText = Object.keys(vocab).length;
  const vocabulary = endOfText + 1;
  const onnx = decoderModel({ vocabulary, width, layers, heads, contextTokens, seed });
  const json = (name: string, value: unknown) =>
    Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value));

  await Deno.mkdir(`${folder}/onnx`, { recursive: true });
  await Deno.writeFile(`${folder}/onnx/${options.onnxFile ?? "model.onnx"}`, onnx);
  await json("config.json", {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: vocabulary,
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_positions: contextTokens,
    n_ctx: contextTokens,
    bos_token_id: endOfText,
    eos_token_id: endOfText,
  });
  await json("generation_config.json", { bos_token_id: endOfText, eos_token_id: endOfText });
  await json("tokenizer.json", {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{
      id: endOfText,
      content: END_OF_TEXT,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    }],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
    post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      vocab,
      merges,
    },
  });
  await json("tokenizer_config.json", {
    tokenizer_class: "GPT2Tokenizer",
    bos_token: END_OF_TEXT,
    eos_token: END_OF_TEXT,
    unk_token: END_OF_TEXT,
    model_max_length: contextTokens,
  });
  return { vocabulary, endOfText, contextTokens, onnxBytes: onnx.length };
}

const END_OF_TEXT = "<|endoftext|>";

/** Words that are one token behind a space; all other text falls into bytes and their beginnings. */
const WORDS =
  "the of and to in is that it was for on are as with his they at be this have from or one had by " +
  "word but not what all were we when your can said there use an each which she do how their if";

/** The 256 bytes as printable characters (byte-level BPE has no other way to name them). */
function byteCharacters(): string[] {
  const printable = (byte: number) =>
    byte >= 33 && byte <= 126 || byte >= 161 && byte <= 172 || byte >= 174;
  let next = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++),
  );
}

function byteLevelVocabulary(): { vocab: Record<string, number>; merges: string[] } {
  const characters = byteCharacters();
  const vocab: Record<string, number> = Object.create(null);
  let id = 0;
  for (const character of characters) vocab[character] = id++;
  const merges: string[] = [];
  for (const word of WORDS.split(" ")) {
    let left = characters[32]!;
    for (const letter of word) {
      const joined = left + letter;
      if (!(joined in vocab)) {
        merges.push(`${left} ${letter}`);
        vocab[joined] = id++;
      }
      left = joined;
    }
  }
  return { vocab, merges };
}

/** Protocol buffers, as far as ONNX needs them: field by field, in order. */
class Message {
  readonly #parts: Uint8Array[] = [];

  /** A varint field. */
  int(field: number, value: number): this {
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field << 3 | 5);
    this.#parts.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** A text, bytes or another message. */
  put(field: number, value: string | Uint8Array | Message): this {
    const bytes = typeof value === "string"
      ? new TextEncoder().encode(value)
      : value instanceof Message
      ? value.bytes()
      : value;
    this.#varint(field << 3 | 2);
    this.#varint(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  bytes(): Uint8Array {
    const whole = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #varint(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      bytes.push(rest === 0n ? low : low | 0x80);
    } while (rest !== 0n);
    this.#parts.push(Uint8Array.from(bytes));
  }
}

/** `TensorProto.DataType`. */
const FLOAT = 1;
const INT64 = 7;
const BOOL = 9;

type Attribute = number | readonly number[] | { readonly float: number };

/** An ONNX graph that grows node by node; values are known by their names. */
class Graph {
  readonly #nodes: Message[] = [];
  readonly #constants: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  #names = 0;

  input(name: string, type: number, shape: readonly (number | string)[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, type: number, shape: readonly (number | string)[]): void {
    this.#outputs.push(valueInfo(name, type, shape));
  }

  tensor(values: Float32Array, shape: readonly number[]): string {
    return this.#constant(FLOAT, shape, new Uint8Array(values.buffer));
  }

  scalar(value: number): string {
    return this.tensor(Float32Array.of(value), []);
  }

  /** Whole numbers: a list, or a single one of rank 0. */
  ints(value: number | readonly number[]): string {
    const list = typeof value === "number" ? [value] : value;
    const bytes = new Uint8Array(BigInt64Array.from(list.map(BigInt)).buffer);
    return this.#constant(INT64, typeof value === "number" ? [] : [list.length], bytes);
  }

  node(
    operator: string,
    inputs: readonly string[],
    options: { readonly attributes?: Record<string, Attribute>; readonly output?: string } = {},
  ): string {
    const output = options.output ?? this.#name();
    const node = new Message();
    for (const input of inputs) node.put(1, input);
    node.put(2, output).put(3, `${output}/${operator}`).put(4, operator);
    for (const [name, value] of Object.entries(options.attributes ?? {})) {
      const attribute = new Message().put(1, name);
      if (typeof value === "number") attribute.int(3, value).int(20, 2);
      else if ("float" in value) attribute.float(2, value.float).int(20, 1);
      else {
        for (const part of value) attribute.int(8, part);
        attribute.int(20, 7);
      }
      node.put(5, attribute);
    }
    this.#nodes.push(node);
    return output;
  }

  /** The whole file: IR version 8, operator set 17. */
  bytes(): Uint8Array {
    const graph = new Message();
    for (const node of this.#nodes) graph.put(1, node);
    graph.put(2, "decoder");
    for (const constant of this.#constants) graph.put(5, constant);
    for (const input of this.#inputs) graph.put(11, input);
    for (const output of this.#outputs) graph.put(12, output);
    return new Message().int(1, 8).put(2, "tiny_model").put(7, graph)
      .put(8, new Message().put(1, "").int(2, 17)).bytes();
  }

  #constant(type: number, shape: readonly number[], bytes: Uint8Array): string {
    const name = this.#name();
    const tensor = new Message();
    for (const size of shape) tensor.int(1, size);
    this.#constants.push(tensor.int(2, type).put(8, name).put(9, bytes));
    return name;
  }

  #name(): string {
    return `v${this.#names++}`;
  }
}

function valueInfo(name: string, type: number, shape: readonly (number | string)[]): Message {
  const dimensions = new Message();
  for (const size of shape) {
    dimensions.put(
      1,
      typeof size === "number" ? new Message().int(1, size) : new Message().put(2, size),
    );
  }
  const tensor = new Message().int(1, type).put(2, dimensions);
  return new Message().put(1, name).put(2, new Message().put(1, tensor));
}

interface DecoderShape {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly contextTokens: number;
  readonly seed: number;
}

/** Pre-norm transformer with learned positions. */
function decoderModel(shape: DecoderShape): Uint8Array {
  const { vocabulary, width, layers, heads, contextTokens, seed } = shape;
  const head = width / heads;
  const random = createRandom(seed, "tiny_model");
  const graph = new Graph();
  const weights = (rows: number, columns: number, scale: number) =>
    graph.tensor(
      Float32Array.from({ length: rows * columns }, () => normal(random, { mean: 0, std: scale })),
      [rows, columns],
    );
  const norm = (x: string) =>
    graph.node("LayerNormalization", [
      x,
      graph.tensor(new Float32Array(width).fill(1), [width]),
      graph.tensor(new Float32Array(width), [width]),
    ], { attributes: { axis: -1, epsilon: { float: 1e-5 } } });
  const perHead = (x: string) =>
    graph.node("Transpose", [graph.node("Reshape", [x, graph.ints([0, 0, heads, head])])], {
      attributes: { perm: [0, 2, 1, 3] },
    });

  const ids = graph.input("input_ids", INT64, ["batch", "new"]);
  const attended = graph.input("attention_mask", INT64, ["batch", "total"]);
  const positions = graph.input("position_ids", INT64, ["batch", "new"]);
  const cacheShape = (length: string) => ["batch", heads, length, head];
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ["key", "value"]) {
      graph.input(`past_key_values.${layer}.${part}`, FLOAT, cacheShape("past"));
    }
  }

  const words = weights(vocabulary, width, 0.5);
  const places = weights(contextTokens, width, 0.2);
  let x = graph.node("Add", [
    graph.node("Gather", [words, ids]),
    graph.node("Gather", [places, positions]),
  ]);

  // Token q sees key k when k ≤ past + q and k is no padding.
  const lengthOf = (value: string) =>
    graph.node("Gather", [graph.node("Shape", [value]), graph.ints(1)]);
  const total = lengthOf(attended);
  const fresh = lengthOf(ids);
  const range = (end: string) => graph.node("Range", [graph.ints(0), end, graph.ints(1)]);
  const queries = graph.node("Add", [range(fresh), graph.node("Sub", [total, fresh])]);
  const causal = graph.node("LessOrEqual", [
    graph.node("Unsqueeze", [range(total), graph.ints([0])]),
    graph.node("Unsqueeze", [queries, graph.ints([1])]),
  ]);
  const real = graph.node("Unsqueeze", [
    graph.node("Cast", [attended], { attributes: { to: BOOL } }),
    graph.ints([1, 2]),
  ]);
  const bias = graph.node("Where", [
    graph.node("And", [causal, real]),
    graph.scalar(0),
    graph.scalar(-1e9),
  ]);

  for (let layer = 0; layer < layers; layer++) {
    const normed = norm(x);
    const project = () => perHead(graph.node("MatMul", [normed, weights(width, width, 0.15)]));
    const joined = (part: "key" | "value") =>
      graph.node("Concat", [`past_key_values.${layer}.${part}`, project()], {
        attributes: { axis: 2 },
        output: `present.${layer}.${part}`,
      });
    const query = project();
    const keys = graph.node("Transpose", [joined("key")], { attributes: { perm: [0, 1, 3, 2] } });
    const scores = graph.node("Add", [
      graph.node("Mul", [
        graph.node("MatMul", [query, keys]),
        graph.scalar(1 / Math.sqrt(head)),
      ]),
      bias,
    ]);
    const mixed = graph.node("MatMul", [
      graph.node("Softmax", [scores], { attributes: { axis: -1 } }),
      joined("value"),
    ]);
    const merged = graph.node("Reshape", [
      graph.node("Transpose", [mixed], { attributes: { perm: [0, 2, 1, 3] } }),
      graph.ints([0, 0, width]),
    ]);
    x = graph.node("Add", [x, graph.node("MatMul", [merged, weights(width, width, 0.15)])]);
    const inner = graph.node("MatMul", [norm(x), weights(width, 4 * width, 0.15)]);
    const outer = graph.node("MatMul", [
      graph.node("Relu", [inner]),
      weights(4 * width, width, 0.1),
    ]);
    x = graph.node("Add", [x, outer]);
  }

  // Not the embeddings again: the same token would win at every step.
  const unembed = weights(width, vocabulary, 0.5);
  graph.node("MatMul", [norm(x), unembed], { output: "logits" });
  graph.output("logits", FLOAT, ["batch", "new", vocabulary]);
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ["key", "value"]) {
      graph.output(`present.${layer}.${part}`, FLOAT, cacheShape("total"));
    }
  }
  return graph.bytes();
}
