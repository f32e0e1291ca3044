/** What is only scanned must give what the tables give. */
import { assert, assertEquals } from "@std/assert";
import { modelStreamInferResponse } from "../backends/kserve_messages.ts";
import { readNumbers } from "../backends/kserve_tensors.ts";
import { decodePplEvent, readPplEvent, scanPplEvent } from "../backends/protocol_ppl_event.ts";
import { pplBatchedResponse, type PplResponse } from "../backends/protocol_ppl_messages.ts";
import type { Input } from "../backends/protobuf.ts";
import { WireScan } from "../backends/protobuf_scan.ts";
import { createRandom } from "../backends/random.ts";
import { readStreamEvent, scanSequenceLength } from "../backends/protocol_triton_event.ts";
import { cannedRequest } from "./support/protocol_contract.ts";

const request = cannedRequest();
const random = createRandom(11, "messages");
const below = (n: number) => Math.floor(random.next() * n);
const pick = <T>(values: readonly T[]) => values[below(values.length)]!;

function pplResponse(): Input<PplResponse> {
  return {
    status: pick([0, 0, 0, 1, 2, 7]),
    id: pick([0n, 1n, 2n ** 63n + 5n]),
    generated: pick([
      "",
      " a",
      "é",
      "日本語の長いテキストはここにあります",
      "\ufeffx",
      "x".repeat(40),
    ]),
    tokens: pick([undefined, { ids: [] }, { ids: [3] }, { ids: [1, 300, 2 ** 31] }]),
    detail: pick([
      undefined,
      { logprobs: -0.5, is_special: true, finish_reason: below(5) },
      { finish_reason: 0 },
    ]),
  };
}

/** A message with a byte changed, taken out or put in. */
function damaged(bytes: Uint8Array): Uint8Array {
  const list = [...bytes];
  const at = below(list.length);
  list.splice(at, below(2), ...(below(2) === 0 ? [] : [below(256)]));
  return Uint8Array.from(list);
}

Deno.test("a scanned PPL message is what the tables read", () => {
  let scanned = 0;
  for (let i = 0; i < 3000; i++) {
    const rsp = Array.from({ length: pick([0, 1, 1, 1, 1, 2]) }, pplResponse);
    const bytes = pplBatchedResponse.encode({ rsp });
    const expected = decodePplEvent(bytes, request);
    assertEquals(readPplEvent(bytes, request), expected, bytes.toHex());
    if (scanPplEvent(bytes) !== undefined) scanned++;
  }
  assert(scanned > 400, `${scanned} of 3000 are the usual kind`);
});

Deno.test("a PPL message in unusual order is read by the tables", () => {
  const rows: readonly (readonly [hex: string, scanned: boolean])[] = [
    // The reason is in the first of two parts, which are to be merged.
    ["0a0a" + "0801" + "2a021802" + "2a021001", false],
    // Last one wins; ids not packed; a field of the future.
    ["0a07" + "0801" + "0800" + "1a0161", true],
    ["0a06" + "2204" + "08010802", false],
    // Cut short.
    ["0a05" + "0801" + "7805", false],
    ["0a04" + "0801" + "7805", true],
    // A failure carries the request's number.
    ["0a02" + "0802", false],
    ["", false],
  ];
  for (const [hex, scanned] of rows) {
    const bytes = Uint8Array.fromHex(hex);
    let expected;
    try {
      expected = decodePplEvent(bytes, request);
    } catch {
      assertEquals(scanPplEvent(bytes), undefined, hex);
      continue;
    }
    assertEquals(readPplEvent(bytes, request), expected, hex);
    assertEquals(scanPplEvent(bytes) !== undefined, scanned, hex);
  }
});

Deno.test("a damaged PPL message is not scanned into something else", () => {
  let both = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = damaged(pplBatchedResponse.encode({ rsp: [pplResponse()] }));
    const event = scanPplEvent(bytes);
    if (event === undefined) continue;
    let expected;
    try {
      expected = decodePplEvent(bytes, request);
    } catch (error) {
      throw new Error(`the tables refuse ${bytes.toHex()}: ${error}`);
    }
    assertEquals(event, expected, bytes.toHex());
    both++;
  }
  assert(both > 300, `${both} of 5000 are still messages`);
});

function tritonMessage(): Uint8Array {
  const names = pick([
    ["output_ids", "sequence_length"],
    ["sequence_length"],
    ["output_ids"],
    ["sequence_length", "sequence_length"],
    [],
  ]);
  const inside = below(8) === 0;
  const raw = (name: string) =>
    new Uint8Array(name === "output_ids" ? 64 : pick([4, 4, 4, 8, 0, 3]));
  return modelStreamInferResponse.encode({
    error_message: below(10) === 0 ? "no" : "",
    infer_response: below(12) === 0 ? undefined : {
      model_name: "m",
      id: "7",
      parameters: new Map([["triton_final_response", { bool_param: false }]]),
      outputs: names.map((name) => ({
        name,
        datatype: "UINT32",
        shape: [1n, 1n],
        ...(inside && { contents: { uint_contents: [5] } }),
      })),
      raw_output_contents: inside ? [] : names.map((name) => raw(name).map(() => below(256))),
    },
  });
}

/** The count as the tables see it. */
function countOf(bytes: Uint8Array): number | undefined {
  const { error_message, infer_response } = modelStreamInferResponse.decode(bytes);
  if (error_message !== "" || infer_response === undefined) return undefined;
  const { outputs, raw_output_contents } = infer_response;
  return readNumbers(outputs, raw_output_contents, "sequence_length")?.[0];
}

Deno.test("a scanned TurboMind message is what the tables read", () => {
  let scanned = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = tritonMessage();
    const count = scanSequenceLength(bytes);
    if (count === undefined) continue;
    scanned++;
    assertEquals(count, countOf(bytes), bytes.toHex());
    assertEquals(readStreamEvent(bytes, request).totalTokens, count);
  }
  assert(scanned > 400, `${scanned} of 3000 are the usual kind`);
});

Deno.test("a damaged TurboMind message is not scanned into another count", () => {
  let both = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = damaged(tritonMessage());
    const count = scanSequenceLength(bytes);
    if (count === undefined) continue;
    try {
      assertEquals(count, countOf(bytes), bytes.toHex());
      both++;
    } catch (error) {
      // Fields that nobody reads are stepped over, not looked into.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  assert(both > 300, `${both} of 5000 are still messages`);
});

Deno.test("WireScan gives up what is cut short", () => {
  const scan = new WireScan();
  const rows: readonly [string, (scan: WireScan) => void][] = [
    ["80", (s) => s.small()],
    ["8080808001", (s) => s.small()],
    ["02ff", (s) => s.enter()],
    ["05616263", (s) => s.text()],
    ["80", (s) => s.varints()],
    ["ffffffffffffffffffffff01", (s) => s.varints()],
    ["01", (s) => s.skip(0)],
    ["", (s) => s.skip(8)],
    ["00000000000000", (s) => s.skip(9)],
    ["0301", (s) => s.skip(10)],
    ["00", (s) => s.skip(11)],
    ["000000", (s) => s.skip(13)],
  ];
  for (const [hex, step] of rows) {
    scan.start(Uint8Array.fromHex(hex));
    step(scan);
    assert(!scan.ok, hex);
    assert(!scan.more);
  }
});
