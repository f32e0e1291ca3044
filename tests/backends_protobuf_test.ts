import {
  assertAlmostEquals,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  modelConfigResponse,
  modelInferRequest,
  modelQuery,
  modelStreamInferResponse,
} from "../backends/kserve_messages.ts";
import {
  numberTensor,
  rawInputs,
  rawOutputs,
  readTexts,
  textTensor,
} from "../backends/kserve_tensors.ts";
import { pplBatch, pplBatchedResponse, pplBatchV1 } from "../backends/protocol_ppl_messages.ts";
import { type Decoded, message } from "../backends/protobuf.ts";
import { createRandom } from "../backends/random.ts";

const inner = message({ a: [1, "uint32"], b: [2, "uint32"] });
const everything = message({
  flag: [1, "bool"],
  raw: [2, "bytes"],
  fine: [3, "double"],
  kind: [4, "enum"],
  coarse: [5, "float"],
  small: [6, "int32"],
  large: [7, "int64"],
  text: [8, "string"],
  positive: [9, "uint32"],
  id: [10, "uint64"],
  list: [11, "uint32", "repeated"],
  names: [12, "string", "repeated"],
  map: [13, "uint32", "map"],
  maybe: [14, "uint32", "optional"],
  inner: [1000, inner],
});
type Everything = Decoded<typeof everything>;

function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

function unhex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

/** Bytes that other implementations of the format made of the same messages. */
const GOLDEN: readonly {
  name: string;
  bytes: string;
  encode: () => Uint8Array;
  decode: (bytes: Uint8Array) => void;
}[] = [
  {
    name: "PPL v2 request, greedy",
    bytes: "0a19088508120548656c6c6f220710013d0000803f2a0408101801",
    encode: () =>
      pplBatch.encode({
        req: [{
          id: 1029n,
          prompt: "Hello",
          choosing_parameters: { top_k: 1, repetition_penalty: 1 },
          stopping_parameters: { max_new_tokens: 16, ignore_eos_token: true },
        }],
      }),
    decode: (bytes: Uint8Array) => {
      const [request] = pplBatch.decode(bytes).req;
      assertEquals(request?.id, 1029n);
      assertEquals(request?.prompt, "Hello");
      assertEquals(request?.tokens, undefined);
      assertEquals(request?.choosing_parameters?.top_k, 1);
      assertEquals(request?.stopping_parameters?.ignore_eos_token, true);
    },
  },
  {
    name: "PPL v2 request, sampled",
    bytes: "0a25088508120548656c6c6f22130dcdcc4c3f10281d3333333f28013d6666863f2a0408101801",
    encode: () =>
      pplBatch.encode({
        req: [{
          id: 1029n,
          prompt: "Hello",
          choosing_parameters: {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.7,
            do_sample: true,
            repetition_penalty: 1.05,
          },
          stopping_parameters: { max_new_tokens: 16, ignore_eos_token: true },
        }],
      }),
    decode: (bytes: Uint8Array) => {
      const choosing = pplBatch.decode(bytes).req[0]?.choosing_parameters;
      assertAlmostEquals(choosing?.temperature ?? 0, 0.8, 1e-7);
      assertEquals(choosing?.do_sample, true);
    },
  },
  {
    name: "PPL v1 request",
    bytes: "0a100885081a0548656c6c6f2a0408101801",
    encode: () =>
      pplBatchV1.encode({
        req: [{
          id: 1029n,
          temperature: 0,
          prompt: "Hello",
          stopping_parameters: { max_new_tokens: 16, ignore_eos_token: true },
        }],
      }),
    decode: (bytes: Uint8Array) => assertEquals(pplBatchV1.decode(bytes).req[0]?.prompt, "Hello"),
  },
  {
    name: "PPL v2 response, PROCESSING",
    bytes: "0a101085081a0420776f722a050d000000bf",
    encode: () =>
      pplBatchedResponse.encode({
        rsp: [{ id: 1029n, generated: " wor", detail: { logprobs: -0.5 } }],
      }),
    decode: (bytes: Uint8Array) =>
      assertEquals(pplBatchedResponse.decode(bytes).rsp, [{
        status: 0,
        id: 1029n,
        generated: " wor",
        tokens: undefined,
        detail: { logprobs: -0.5, is_special: false, finish_reason: 0 },
      }] as never),
  },
  {
    name: "PPL v2 response, empty text",
    bytes: "0a0c10850822050a03afe9012a00",
    encode: () =>
      pplBatchedResponse.encode({ rsp: [{ id: 1029n, tokens: { ids: [29871] }, detail: {} }] }),
    decode: (bytes: Uint8Array) => {
      const [response] = pplBatchedResponse.decode(bytes).rsp;
      assertEquals([response?.generated, response?.tokens?.ids], ["", [29871]]);
    },
  },
  {
    name: "PPL v2 response, FINISHED",
    bytes: "0a1008011085081a026c642a050d000080be",
    encode: () =>
      pplBatchedResponse.encode({
        rsp: [{ status: 1, id: 1029n, generated: "ld", detail: { logprobs: -0.25 } }],
      }),
    decode: (bytes: Uint8Array) => assertEquals(pplBatchedResponse.decode(bytes).rsp[0]?.status, 1),
  },
  {
    name: "PPL v2 response, FAILED",
    bytes: "0a050802108508",
    encode: () => pplBatchedResponse.encode({ rsp: [{ status: 2, id: 1029n }] }),
    decode: (bytes: Uint8Array) => assertEquals(pplBatchedResponse.decode(bytes).rsp[0]?.status, 2),
  },
  {
    name: "KServe ModelConfigRequest",
    bytes: "0a09747572626f6d696e64",
    encode: () => modelQuery.encode({ name: "turbomind" }),
    decode: (bytes: Uint8Array) =>
      assertEquals(modelQuery.decode(bytes), { name: "turbomind", version: "" }),
  },
  {
    name: "KServe preprocessing request",
    bytes: "0a0d70726570726f63657373696e672a120a055155455259120542595445531a0201013a06020000006869",
    encode: () =>
      modelInferRequest.encode({
        model_name: "preprocessing",
        ...rawInputs([textTensor("QUERY", "hi")]),
      }),
    decode: (bytes: Uint8Array) => {
      const { inputs, raw_input_contents } = modelInferRequest.decode(bytes);
      assertEquals(inputs[0]?.shape, [1n, 1n]);
      assertEquals(readTexts(inputs, raw_input_contents, "QUERY"), ["hi"]);
    },
  },
  {
    name: "KServe stream request",
    bytes: "0a09747572626f6d696e641a013722110a0b73657175656e63655f6964120210032a170a09696e707574" +
      "5f696473120655494e5433321a0201032a1b0a0d696e7075745f6c656e67746873120655494e5433321a0201" +
      "013a0c010000000f000000100000003a0403000000",
    encode: () =>
      modelInferRequest.encode({
        model_name: "turbomind",
        id: "7",
        parameters: new Map([["sequence_id", { int64_param: 3n }]]),
        ...rawInputs([
          numberTensor("input_ids", "UINT32", { values: [1, 15, 16] }),
          numberTensor("input_lengths", "UINT32", { values: [3] }),
        ]),
      }),
    decode: (bytes: Uint8Array) => {
      const { parameters, raw_input_contents } = modelInferRequest.decode(bytes);
      assertEquals(parameters.get("sequence_id")?.int64_param, 3n);
      assertEquals(raw_input_contents.map((raw) => raw.length), [12, 4]);
    },
  },
  {
    name: "KServe stream response",
    bytes: "1284010a09747572626f6d696e641201311a0137221b0a15747269746f6e5f66696e616c5f726573706f" +
      "6e7365120208002a190a0a6f75747075745f696473120655494e5433321a030101052a1d0a0f73657175656e" +
      "63655f6c656e677468120655494e5433321a0201013214010000000f00000010000000110000000000000032" +
      "0404000000",
    encode: () =>
      modelStreamInferResponse.encode({
        infer_response: {
          model_name: "turbomind",
          model_version: "1",
          id: "7",
          parameters: new Map([["triton_final_response", { bool_param: false }]]),
          ...rawOutputs([
            numberTensor("output_ids", "UINT32", {
              values: [1, 15, 16, 17, 0],
              shape: [1, 1, 5],
            }),
            numberTensor("sequence_length", "UINT32", { values: [4] }),
          ]),
        },
      }),
    decode: (bytes: Uint8Array) => {
      const { infer_response } = modelStreamInferResponse.decode(bytes);
      const flag = infer_response?.parameters.get("triton_final_response");
      // In a oneof, a false that was sent differs from an absent one.
      assertEquals([flag?.bool_param, flag?.int64_param], [false, undefined]);
      assertEquals(infer_response?.outputs.map((each) => each.name), [
        "output_ids",
        "sequence_length",
      ]);
    },
  },
  {
    name: "KServe final empty response",
    bytes: "122e0a09747572626f6d696e641201311a0137221b0a15747269746f6e5f66696e616c5f726573706f6e" +
      "736512020801",
    encode: () =>
      modelStreamInferResponse.encode({
        infer_response: {
          model_name: "turbomind",
          model_version: "1",
          id: "7",
          parameters: new Map([["triton_final_response", { bool_param: true }]]),
        },
      }),
    decode: (bytes: Uint8Array) =>
      assertEquals(modelStreamInferResponse.decode(bytes).infer_response?.outputs, []),
  },
  {
    name: "KServe stream error",
    bytes: "0a04626f6f6d",
    encode: () => modelStreamInferResponse.encode({ error_message: "boom" }),
    decode: (bytes: Uint8Array) =>
      assertEquals(modelStreamInferResponse.decode(bytes).error_message, "boom"),
  },
  {
    name: "KServe ModelConfigResponse",
    bytes: "0a380a09747572626f6d696e64200172180a0a6d6f64656c5f6e616d65120a0a08696e7465726e6c6d8a" +
      "0109747572626f6d696e649a01020801",
    encode: () =>
      modelConfigResponse.encode({
        config: {
          name: "turbomind",
          max_batch_size: 1,
          parameters: new Map([["model_name", { string_value: "internlm" }]]),
          backend: "turbomind",
          model_transaction_policy: { decoupled: true },
        },
      }),
    decode: (bytes: Uint8Array) => {
      const { config } = modelConfigResponse.decode(bytes);
      assertEquals(config?.parameters.get("model_name")?.string_value, "internlm");
      assertEquals(config?.model_transaction_policy?.decoupled, true);
    },
  },
];

for (const { name, bytes, encode, decode } of GOLDEN) {
  Deno.test(`message() writes and reads the golden bytes: ${name}`, () => {
    assertEquals(hex(encode()), bytes);
    decode(unhex(bytes));
  });
}

Deno.test("message() writes each scalar as the format defines it", () => {
  const rows: readonly [Parameters<typeof everything.encode>[0], string][] = [
    [{}, ""],
    [{ flag: true }, "0801"],
    [{ flag: false, raw: new Uint8Array(0), text: "", small: 0, id: 0n, list: [] }, ""],
    [{ raw: Uint8Array.of(0, 255) }, "120200ff"],
    [{ fine: 1 }, "19000000000000f03f"],
    [{ coarse: 1 }, "2d0000803f"],
    [{ coarse: -0 }, "2d00000080"],
    [{ kind: -1 }, "20ffffffffffffffffff01"],
    [{ small: -1 }, "30ffffffffffffffffff01"],
    [{ small: 300 }, "30ac02"],
    [{ large: -1n }, "38ffffffffffffffffff01"],
    [{ text: "é" }, "4202c3a9"],
    [{ positive: 4294967295 }, "48ffffffff0f"],
    [{ id: 18446744073709551615n }, "50ffffffffffffffffff01"],
    [{ id: 4294967296n }, "508080808010"],
    [{ list: [1, 300] }, "5a0301ac02"],
    [{ names: ["a", ""] }, "620161 6200"],
    [{ map: new Map([["k", 0]]) }, "6a05 0a016b 1000"],
    [{ maybe: 0 }, "7000"],
    [{ inner: {} }, "c23e00"],
  ];
  for (const [value, bytes] of rows) {
    assertEquals(hex(everything.encode(value)), bytes.replaceAll(" ", ""), bytes);
  }
});

Deno.test("message() reads what it wrote, for any values", () => {
  const random = createRandom(7, "protobuf");
  const int = (below: number) => Math.floor(random.next() * below);
  for (let round = 0; round < 300; round++) {
    const value: Everything = {
      flag: int(2) === 1,
      raw: Uint8Array.from({ length: int(70) }, () => int(256)),
      fine: random.next() * 1e300,
      kind: int(5),
      coarse: int(1000) / 8,
      small: int(2 ** 32) - 2 ** 31,
      large: BigInt.asIntN(64, BigInt(int(2 ** 32)) << BigInt(int(34))),
      text: "\u{feff}a漢😀\0".slice(0, [0, 1, 2, 3, 5, 6][int(6)]).repeat(int(20)),
      positive: int(2 ** 32),
      id: BigInt.asUintN(64, BigInt(int(2 ** 32)) * BigInt(int(2 ** 32))),
      list: Array.from({ length: int(5) }, () => int(2 ** int(33))),
      names: Array.from({ length: int(3) }, () => "x".repeat(int(3))),
      map: new Map([["__proto__", int(9)], ["", int(9)]]),
      ...(int(2) === 1 && { maybe: int(2) }),
      ...(int(2) === 1 && { inner: { a: int(2), b: 1 } }),
    };
    const read = everything.decode(everything.encode(value));
    assertEquals(read, { maybe: undefined, inner: undefined, ...value } as Everything);
  }
});

Deno.test("message() reads defaults where there is nothing", () => {
  assertEquals(everything.decode(new Uint8Array(0)), {
    flag: false,
    raw: new Uint8Array(0),
    fine: 0,
    kind: 0,
    coarse: 0,
    small: 0,
    large: 0n,
    text: "",
    positive: 0,
    id: 0n,
    list: [],
    names: [],
    map: new Map(),
    maybe: undefined,
    inner: undefined,
  } as unknown as Everything);
});

Deno.test("message() accepts what other writers may send", () => {
  const rows: readonly [string, string, Partial<Everything>][] = [
    ["lists that are not packed", "5801 5802", { list: [1, 2] }],
    ["packed and unpacked parts of one list", "5801 5a020203", { list: [1, 2, 3] }],
    ["a later value wins", "4801 4802", { positive: 2 }],
    ["a message in parts is merged", "c23e020801 c23e021002", { inner: { a: 1, b: 2 } }],
    [
      "unknown fields of every wire type",
      "a00601 a9060000000000000000 b2060161 bd0600000000 4803",
      {
        positive: 3,
      },
    ],
    ["a known number with another wire type", "4a0161 4803", { positive: 3 }],
    ["a varint longer than needed", "48818000", { positive: 1 }],
    ["more than 32 bits for uint32 are cut", "48ffffffffff01", { positive: 4294967295 }],
    ["any non-zero bool", "088080808010", { flag: true }],
    ["bytes that are no UTF-8", "4201ff", { text: "\ufffd" }],
    ["a map entry without a value", "6a030a016b", { map: new Map([["k", 0]]) }],
  ];
  for (const [name, bytes, expected] of rows) {
    const read = everything.decode(unhex(bytes));
    for (const key of Object.keys(expected) as (keyof Everything)[]) {
      assertEquals(read[key], expected[key], name);
    }
  }
});

Deno.test("message() refuses bytes that are no message", () => {
  const rows: readonly [string, string][] = [
    ["0800 01", "field number 0 before byte 3"],
    ["48", "message ends at byte 1"],
    ["4880", "message ends at byte 2"],
    ["48ffffffffffffffffffff01", "more than 10 bytes"],
    ["420561", "Cannot read 5 bytes at byte 2: 1 are left"],
    ["2d0000", "Cannot read 4 bytes at byte 1: 2 are left"],
    ["a90600", "Cannot read 8 bytes at byte 2: 1 are left"],
    ["00", "field number 0"],
    ["4b", "wire type 3"],
    ["4f", "wire type 7"],
    ["c23e0208", "Cannot read 2 bytes at byte 3: 1 are left"],
  ];
  for (const [bytes, part] of rows) {
    const error = assertThrows(() => everything.decode(unhex(bytes)), SyntaxError);
    assertStringIncludes(error.message, part, bytes);
  }
});

Deno.test("message() refuses every golden message that is cut inside its only field", () => {
  for (const { name, bytes } of GOLDEN.filter(({ name }) => name.startsWith("PPL"))) {
    const whole = unhex(bytes);
    for (let length = 1; length < whole.length; length++) {
      assertThrows(() => pplBatch.decode(whole.subarray(0, length)), SyntaxError, "", name);
    }
  }
});

Deno.test("encode() refuses values that do not fit, naming the field", () => {
  const rows: readonly [Record<string, unknown>, string][] = [
    [{ positive: -1 }, "positive: Cannot encode -1 as uint32"],
    [{ positive: 1.5 }, "positive: Cannot encode 1.5 as uint32"],
    [{ small: 2 ** 31 }, "small: Cannot encode 2147483648 as int32"],
    [{ id: -1n }, "id: Cannot encode -1 as uint64"],
    [{ id: 1n << 64n }, "id: Cannot encode 18446744073709551616 as uint64"],
    [{ text: 7 }, "text: Cannot encode 7 as string"],
    [{ flag: "yes" }, 'flag: Cannot encode "yes" as bool'],
    [{ list: 3 }, "list: Cannot encode 3 as a list"],
    [{ inner: { a: -1 } }, "inner: a: Cannot encode -1 as uint32"],
    [{ inner: "x" }, 'inner: Cannot encode "x" as a message'],
  ];
  for (const [value, expected] of rows) {
    const error = assertThrows(() => everything.encode(value as never));
    assertInstanceOf(error, Error);
    assertStringIncludes(error.message, expected);
  }
});

Deno.test("encode() takes a safe whole number for a 64-bit field, as JSON gives it", () => {
  assertEquals(hex(everything.encode({ id: 300 as never })), "50ac02");
});
