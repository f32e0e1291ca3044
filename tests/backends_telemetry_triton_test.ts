import { assertEquals } from "@std/assert";
import { readTritonStatistics } from "../backends/telemetry_triton.ts";

const STATS = {
  model_stats: [{
    ...{ name: "vllm_model", version: "1", inference_count: 33, execution_count: 33 },
    inference_stats: {
      ...{ success: { count: 33, ns: 127_533_000 }, fail: { count: 2, ns: 5 } },
      ...{ queue: { count: 33, ns: 4_186_000 }, compute_infer: { count: 33, ns: "121714000" } },
    },
    ...{ response_stats: {}, batch_stats: [] },
  }],
};

const valuesOf = (text: string) =>
  readTritonStatistics(text)?.families.map(({ name, series }) => [name, series[0]!.value]);

Deno.test("Triton's statistics: the counters of its metrics port", () => {
  const text = JSON.stringify(STATS);
  assertEquals(valuesOf(text), [
    ["nv_inference_request_success", 33],
    ["nv_inference_request_failure", 2],
    ["nv_inference_request_duration_us", 127_533],
    ["nv_inference_queue_duration_us", 4186],
    ["nv_inference_compute_infer_duration_us", 121_714],
  ]);
  const [first] = readTritonStatistics(text)!.families;
  assertEquals([first!.type, first!.series[0]!.labels], ["counter", {
    ...{ model: "vllm_model", version: "1" },
  }]);
});

Deno.test("Triton's statistics: other answers are none, and rubbish has no values", () => {
  for (const text of ["", "# TYPE a gauge\na 1\n", "{", "{}", '{"model_stats":3}', "[]"]) {
    assertEquals(readTritonStatistics(text), undefined, text);
  }
  const wrong = {
    success: { count: -1 },
    fail: { count: "x" },
    queue: 3,
    compute_infer: { ns: null },
  };
  for (const inference_stats of [wrong, undefined, null, 3]) {
    assertEquals(valuesOf(JSON.stringify({ model_stats: [{ inference_stats }, 3] })), []);
  }
});
