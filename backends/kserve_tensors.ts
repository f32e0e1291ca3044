/**
 * Tensors of the KServe v2 service as raw bytes: little-endian, row-major.
 *
 * @module
 */
import { defined } from "./defined.ts";
import type { InferTensor, ModelInferRequest, ModelInferResponse } from "./kserve_messages.ts";
import type { Input } from "./protobuf.ts";

/** Types that TurboMind's models use. */
export type TensorType = "BYTES" | "FP32" | "INT32" | "UINT32" | "UINT64";

/** An input or output with its values. */
export interface Tensor {
  readonly name: string;
  readonly datatype: TensorType;
  readonly shape: readonly number[];
  readonly raw: Uint8Array<ArrayBuffer>;
}

/** A tensor of numbers; without a shape it is one row, `[1, length]`. */
export function numberTensor(
  name: string,
  datatype: Exclude<TensorType, "BYTES">,
  { values, shape = [1, values.length] }: {
    readonly values: readonly (bigint | number)[];
    readonly shape?: readonly number[];
  },
): Tensor {
  const width = datatype === "UINT64" ? 8 : 4;
  const view = new DataView(new ArrayBuffer(values.length * width));
  values.forEach((value, i) => {
    const at = i * width;
    if (datatype === "UINT64") view.setBigUint64(at, BigInt(value), true);
    else if (datatype === "FP32") view.setFloat32(at, Number(value), true);
    else if (datatype === "INT32") view.setInt32(at, Number(value), true);
    else view.setUint32(at, Number(value), true);
  });
  return { name, datatype, shape, raw: new Uint8Array(view.buffer) };
}

/** A tensor of one text, `[1, 1]` without a shape: its length and its UTF-8 bytes. */
export function textTensor(
  name: string,
  text: string,
  shape: readonly number[] = [1, 1],
): Tensor {
  const bytes = new TextEncoder().encode(text);
  const raw = new Uint8Array(4 + bytes.length);
  new DataView(raw.buffer).setUint32(0, bytes.length, true);
  raw.set(bytes, 4);
  return { name, datatype: "BYTES", shape, raw };
}

/** Tensors as the inputs of a request, values in the raw list. */
export function rawInputs(
  tensors: readonly Tensor[],
): Pick<Input<ModelInferRequest>, "inputs" | "raw_input_contents"> {
  return { inputs: tensors.map(describe), raw_input_contents: tensors.map(({ raw }) => raw) };
}

/** Tensors as the outputs of a response, values in the raw list. */
export function rawOutputs(
  tensors: readonly Tensor[],
): Pick<Input<ModelInferResponse>, "outputs" | "raw_output_contents"> {
  return { outputs: tensors.map(describe), raw_output_contents: tensors.map(({ raw }) => raw) };
}

function describe({ name, datatype, shape }: Tensor): Input<InferTensor> {
  return { name, datatype, shape: shape.map(BigInt) };
}

/**
 * Values of a UINT32 or INT32 tensor, in the message or raw; `undefined` when there is no tensor of
 * that name.
 *
 * @throws {SyntaxError} when its bytes are missing or not a multiple of 4.
 */
export function readNumbers(
  tensors: readonly InferTensor[],
  raw: readonly Uint8Array[],
  name: string,
): Uint32Array | undefined {
  const found = findTensor(tensors, raw, name);
  if (found === undefined) return undefined;
  const { contents, bytes } = found;
  if (contents !== undefined) {
    return Uint32Array.from(
      contents.uint_contents.length > 0 ? contents.uint_contents : contents.int_contents,
    );
  }
  if (bytes === undefined || bytes.length % 4 !== 0) {
    throw new SyntaxError(
      `Cannot read the tensor ${name}: ${bytes?.length ?? "no"} bytes, expected a multiple of 4`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

/**
 * The texts of a BYTES tensor; `undefined` when there is no tensor of that name.
 *
 * @throws {SyntaxError} when a length does not fit.
 */
export function readTexts(
  tensors: readonly InferTensor[],
  raw: readonly Uint8Array[],
  name: string,
): string[] | undefined {
  const found = findTensor(tensors, raw, name);
  if (found === undefined) return undefined;
  const { contents, bytes = new Uint8Array(0) } = found;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (contents !== undefined) return contents.bytes_contents.map((text) => decoder.decode(text));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 <= bytes.length ? at + 4 + view.getUint32(at, true) : Infinity;
    if (end > bytes.length) {
      throw new SyntaxError(`Cannot read the tensor ${name}: element at byte ${at} is cut short`);
    }
    texts.push(decoder.decode(bytes.subarray(at + 4, end)));
    at = end;
  }
  return texts;
}

/** Where a tensor's values are: in its `contents` where no raw bytes were sent, else in `bytes`. */
function findTensor(
  tensors: readonly InferTensor[],
  raw: readonly Uint8Array[],
  name: string,
): { contents?: InferTensor["contents"]; bytes?: Uint8Array } | undefined {
  const index = tensors.findIndex((tensor) => tensor.name === name);
  if (index < 0) return undefined;
  return defined({
    contents: raw.length === 0 ? tensors[index]!.contents : undefined,
    bytes: raw[index],
  });
}
