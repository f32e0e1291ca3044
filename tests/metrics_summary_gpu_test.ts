import { assertEquals } from "@std/assert";
import { summarizeGpu } from "../metrics/summary_gpu.ts";
import type { GpuSamples, GpuTrack } from "../metrics/run_gpu.ts";

/** Two seconds of a GPU. */
function track(fields: Partial<GpuTrack> = {}): GpuTrack {
  return {
    index: 0,
    name: "A",
    memoryTotalMiB: 1000,
    memoryStartMiB: 100,
    memoryMiB: [100, 500, 300],
    utilization: [0, 1, 0.5],
    powerW: [100, 200, 300],
    energyJ: 500,
    energyFrom: "counter",
    ...fields,
  };
}

function samples(...devices: readonly GpuTrack[]): GpuSamples {
  return { source: "nvml", timeMs: [0, 1000, 2000], devices };
}

Deno.test("summarizeGpu sums up one GPU", () => {
  const summary = summarizeGpu(
    samples(track({ ownMiB: [0, 350, 200], otherMiB: [100, 150, 100] })),
    1000,
  )!;
  assertEquals(summary.devices, [{
    index: 0,
    name: "A",
    memoryTotalMiB: 1000,
    memoryMaxMiB: 500,
    memoryRiseMiB: 400,
    ownMaxMiB: 350,
    otherMaxMiB: 150,
    utilizationMean: 0.5,
    // 500 J in 2 s; its samples say 200 W.
    powerMeanW: 250,
    energyJ: 500,
    energyFrom: "counter",
  }]);
  assertEquals(summary.total, {
    devices: [0],
    memoryMaxMiB: 500,
    memoryRiseMiB: 400,
    ownMaxMiB: 350,
    energyJ: 500,
    joulesPerOutputToken: 0.5,
  });
  assertEquals(summary.series.timeMs, [0, 1000, 2000]);
  assertEquals(summary.series.devices[0]!.memoryMiB, [100, 500, 300]);
});

Deno.test("summarizeGpu counts the energy of the GPUs that are used (T45)", () => {
  const ours = track({ ownMiB: [0, 350, 200] });
  const idle = track({ index: 1, ownMiB: [0, 0, 0], energyJ: 4000 });
  const { total } = summarizeGpu(samples(idle, ours), 100)!;
  assertEquals([total.devices, total.energyJ, total.joulesPerOutputToken], [[0], 500, 5]);
  // Where nobody tells whose the memory is, all of them count.
  const both = summarizeGpu(samples(track(), track({ index: 1 })), 100)!.total;
  assertEquals([both.devices, both.energyJ, both.memoryMaxMiB], [[0, 1], 1000, 1000]);
  assertEquals([both.memoryRiseMiB, both.ownMaxMiB], [800, undefined]);
});

Deno.test("summarizeGpu adds the memory of GPUs at one instant, not their peaks (T45)", () => {
  const early = track({ memoryMiB: [900, 100, 100] });
  const late = track({ index: 1, memoryMiB: [100, 100, 800] });
  const { total } = summarizeGpu(samples(early, late), 1)!;
  assertEquals(total.memoryMaxMiB, 1000);
});

Deno.test("summarizeGpu has no number for unknown values", () => {
  const { energyJ: _, energyFrom: _from, memoryStartMiB: _start, ...rest } = track();
  const silent = { ...rest, memoryMiB: [null, null, null], utilization: [null, null, null] };
  const { devices: [device], total } = summarizeGpu(samples(silent), 1000)!;
  assertEquals(
    [device!.memoryMaxMiB, device!.memoryRiseMiB, device!.utilizationMean, device!.energyJ],
    [undefined, undefined, undefined, undefined],
  );
  assertEquals(device!.powerMeanW, 200);
  assertEquals([total.energyJ, total.joulesPerOutputToken], [undefined, undefined]);
  assertEquals(
    summarizeGpu(samples(track()), 0)!.total.joulesPerOutputToken,
    undefined,
  );
  assertEquals(summarizeGpu(undefined, 1), undefined);
  assertEquals(
    summarizeGpu({ source: "nvml", timeMs: [], devices: [] }, 1),
    undefined,
  );
});

Deno.test("summarizeGpu keeps at most 120 points of a chart, with every peak of memory", () => {
  const timeMs = Array.from({ length: 600 }, (_, i) => i * 10);
  const { series } = summarizeGpu({
    source: "nvml",
    timeMs,
    devices: [track({
      memoryMiB: timeMs.map((_, i) => i === 7 ? 999 : 1),
      utilization: timeMs.map((_, i) => i % 5 / 4),
      powerW: timeMs.map(() => null),
    })],
  }, 1)!;
  assertEquals(series.timeMs.length, 120);
  assertEquals(series.timeMs.slice(0, 3), [0, 50, 100]);
  const [device] = series.devices;
  assertEquals(device!.memoryMiB.slice(0, 3), [1, 999, 1]);
  assertEquals(device!.utilization[0], 0.5);
  assertEquals(device!.powerW[0], null);
});
