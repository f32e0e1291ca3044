import { assertEquals } from "@std/assert";
import { keepGpu } from "../workloads/gpu_track.ts";

const GIB = 1024 ** 3;
const ONE = [{ index: 0, name: "A", memoryTotalBytes: 80 * GIB }];

Deno.test("keepGpu keeps each sample with times from the load's start", () => {
  const keeper = keepGpu(ONE, { source: "nvml", before: [{ memoryUsedBytes: GIB }] });
  // The look before the load is at its start.
  keeper.add(995, [{
    memoryUsedBytes: 2 * GIB,
    ownBytes: GIB,
    otherBytes: GIB,
    utilization: 0.5,
    powerW: 100,
    energyJ: 5000,
  }]);
  keeper.add(1500, [{}]);
  keeper.add(2000, [{ memoryUsedBytes: 3 * GIB, utilization: 1, powerW: 300, energyJ: 5210 }]);
  assertEquals(keeper.samples(1000), {
    source: "nvml",
    timeMs: [0, 500, 1000],
    devices: [{
      index: 0,
      name: "A",
      memoryTotalMiB: 81_920,
      memoryStartMiB: 1024,
      memoryMiB: [2048, null, 3072],
      ownMiB: [1024, null, null],
      otherMiB: [1024, null, null],
      utilization: [0.5, null, 1],
      powerW: [100, null, 300],
      energyJ: 210,
      energyFrom: "counter",
    }],
  });
});

Deno.test("keepGpu takes the energy from power over time where there is no counter, or it began anew", () => {
  for (const counters of [[undefined, undefined, undefined], [9000, 10, 20]]) {
    const keeper = keepGpu(ONE, { source: "nvidia-smi", before: [{}] });
    const powers = [100, 300, 200];
    for (const [i, powerW] of powers.entries()) {
      const energyJ = counters[i];
      keeper.add(i * 1000, [{ powerW, ...(energyJ === undefined ? {} : { energyJ }) }]);
    }
    const { energyJ, energyFrom } = keeper.samples(0).devices[0]!;
    // A second at 200 W on average, then one at 250 W.
    assertEquals([energyJ, energyFrom], [450, "power"]);
  }
});

Deno.test("keepGpu does not tell processes apart where nobody did", () => {
  const keeper = keepGpu(ONE, { source: "nvidia-smi", before: [{}] });
  keeper.add(0, [{ memoryUsedBytes: GIB }]);
  const device = keeper.samples(0).devices[0]!;
  assertEquals("ownMiB" in device, false);
  assertEquals("energyJ" in device, false);
});

Deno.test("keepGpu merges neighbors when it is full, and loses no peak of memory (T45)", () => {
  const keeper = keepGpu(ONE, { source: "nvml", before: [{}], maxPoints: 4 });
  for (let i = 0; i < 9; i++) {
    keeper.add(i, [{
      memoryUsedBytes: (i === 5 ? 70 : i) * GIB,
      utilization: i % 2,
      energyJ: 10 * i,
      powerW: i,
    }]);
  }
  // After four, and again after eight: each point stands for four samples, the last for one.
  const { timeMs, devices: [device] } = keeper.samples(0);
  assertEquals(timeMs, [0, 4, 8]);
  assertEquals(device!.memoryMiB, [3 * 1024, 70 * 1024, 8 * 1024]);
  assertEquals(device!.utilization, [0.5, 0.5, 0]);
  assertEquals(device!.powerW, [1.5, 5.5, 8]);
  assertEquals(device!.energyJ, 80);
  for (let i = 9; i < 10_000; i++) keeper.add(i, [{}]);
  assertEquals(keeper.samples(0).timeMs.length <= 4, true);
});
