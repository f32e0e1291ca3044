import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gpuChart } from "../metrics/chart_gpu.ts";
import { generationMemory } from "../metrics/script_generation_csv.ts";
import { summarizeGpu } from "../metrics/summary_gpu.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { renderTable } from "../metrics/report_table.ts";
import type { GpuSamples, GpuTrack } from "../metrics/run_gpu.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const A: GpuTrack = {
  index: 0,
  name: "NVIDIA <A>",
  memoryTotalMiB: 4096,
  memoryStartMiB: 1024,
  memoryMiB: [1024, 2048, null, 4096],
  ownMiB: [0, 1024, null, 1024],
  otherMiB: [1024, 1024, null, 2048],
  utilization: [0, 1, null, 0.5],
  powerW: [100, 200, null, 300],
  energyJ: 25,
  energyFrom: "counter",
};
const B: GpuTrack = {
  index: 1,
  name: "B",
  memoryMiB: [1024, 1024, 1024, 1024],
  utilization: [null, null, null, null],
  powerW: [null, null, null, null],
};

function samples(...devices: readonly GpuTrack[]): GpuSamples {
  return { source: "nvml", timeMs: [0, 25, 50, 100], devices };
}

function drawn(...devices: readonly GpuTrack[]): string {
  const gpu = summarizeGpu(samples(...devices), 5)!;
  return gpuChart({ id: "g", gpu, durationMs: 100 }).toString();
}

Deno.test("gpuChart draws a line for each GPU, with a gap where a value is unknown and a dot between gaps", () => {
  const paths = [...drawn(A, B).matchAll(/<path class="line" d="([^"]*)"/g)].map(([, d]) => d);
  assertEquals(paths, [
    // From 0 to 4 GiB in 76 pixels, downwards.
    "M0 57L250 38M1000 0h1",
    "M0 57L250 57L500 57L1000 57",
    "M0 76L250 0M1000 38h1",
    "M0 50.7L250 25.3M1000 0h1",
  ]);
});

Deno.test("gpuChart has no panel for unknown values", () => {
  const chart = drawn(B);
  assertStringIncludes(chart, "GPU memory in use, GiB");
  assert(!chart.includes("GPU power"), chart);
  assert(!chart.includes("GPU utilization"), chart);
});

Deno.test("reports show the GPUs where there are any", () => {
  const run = createRun([createRecord()], { ends: [{ gpu: samples(A, B) }] });
  const summary = summarize(run);
  const table = renderTable(summary);
  assertStringIncludes(
    table.replace(/\s+/g, " "),
    "GPU 0 NVIDIA <A>: at most 4.00 GiB of 4.00 GiB, 3.00 GiB more than before, 1.00 GiB by this program, " +
      "2.00 GiB by others, 50.0 % busy, 200 W " +
      "GPU 1 B: at most 1.00 GiB GPU energy 25 J, 5 J per output token on GPU 0",
  );
  const page = reportHtml.render(summary);
  assertStringIncludes(page, "GPU power, W");
  assert(!page.includes("<A>"), "a device's name is text");
  const without = summarize(createRun([createRecord()]));
  assert(!renderTable(without).includes("GPU"));
  assert(!reportHtml.render(without).includes("GPU"));
});

Deno.test("generationMemory is our own memory, else the rise since the start (T45)", () => {
  const memoryOf = (...devices: readonly GpuTrack[]) =>
    generationMemory(summarizeGpu(samples(...devices), undefined), 2);
  assertEquals(memoryOf(A), { total: 1, perGpu: 0.5 });
  const { ownMiB: _, otherMiB: _others, ...unknown } = A;
  assertEquals(memoryOf(unknown), { total: 3, perGpu: 1.5 });
  // Without a start there is no rise.
  assertEquals(memoryOf(B), undefined);
  assertEquals(generationMemory(undefined, 1), undefined);
});
