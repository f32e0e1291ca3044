import { assertEquals, assertThrows } from "@std/assert";
import {
  collectSmi,
  maySmi,
  parseSmiLine,
  type SmiLine,
  type SmiSample,
  startSmi,
} from "../backends/telemetry_gpu_smi.ts";
import { TWO_GPUS, withFakeSmi } from "./support/fake_gpu.ts";

const MIB = 1024 ** 2;

Deno.test("parseSmiLine reads a line, and leaves out what is not reported", () => {
  assertEquals(parseSmiLine("0, 8, NVIDIA H200, 143771, 1024, 50, 300.25"), {
    device: { index: 0, name: "NVIDIA H200", memoryTotalBytes: 143771 * MIB },
    reading: { memoryUsedBytes: 1024 * MIB, utilization: 0.5, powerW: 300.25 },
    count: 8,
  });
  assertEquals(parseSmiLine("1, 8, Odd, Name, [N/A], [Unknown Error], N/A, [Not Supported]"), {
    device: { index: 1, name: "Odd, Name" },
    reading: {},
    count: 8,
  });
  for (const line of ["", "Unable to determine the device handle for GPU0", "No, devices"]) {
    assertEquals(parseSmiLine(line), undefined, line);
  }
});

Deno.test("collectSmi puts the lines of one look together, also when a GPU is lost", () => {
  const looks: number[][] = [];
  const take = collectSmi((lines: readonly SmiLine[]) =>
    looks.push(lines.map(({ device }) => device.index))
  );
  const line = (index: number) => `${index}, 3, G, 1, 1, 1, 1`;
  for (const index of [0, 1, 2, 0, 1, 2]) take(line(index));
  assertEquals(looks, [[0, 1, 2], [0, 1, 2]]);
  // GPU 1 is gone: the look is complete when the next begins.
  for (const index of [0, 2, 0, 2, 0]) take(line(index));
  assertEquals(looks.slice(2), [[0, 2], [0, 2]]);
});

Deno.test({
  name: "startSmi gives samples while the child runs, and ends it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFakeSmi(TWO_GPUS, async (command) => {
      const second = Promise.withResolvers<SmiSample>();
      const samples: SmiSample[] = [];
      const smi = startSmi({
        command,
        periodMs: 50,
        clock: { now: () => samples.length * 10, sleepUntil: () => Promise.resolve() },
        onSample(sample) {
          if (samples.push(sample) === 2) second.resolve(sample);
        },
      });
      const { atMs, devices, readings } = await second.promise;
      await smi.close();
      assertEquals(atMs, 10);
      assertEquals(devices.map(({ name }) => name), ["NVIDIA H200", "Tesla K80"]);
      assertEquals(readings, [
        { memoryUsedBytes: 1024 * MIB, utilization: 0.5, powerW: 300.25 },
        { memoryUsedBytes: 0 },
      ]);
    }),
});

Deno.test({
  name: "startSmi gives the child's last output when it ends by itself",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFakeSmi('echo "Failed to initialize NVML: Unknown Error"; exit 9', async (command) => {
      const smi = startSmi({ command, periodMs: 50, onSample: () => {} });
      assertEquals(await smi.ended, "Failed to initialize NVML: Unknown Error");
      await smi.close();
    }),
});

Deno.test("startSmi throws where there is no such program", () => {
  assertThrows(
    () => startSmi({ command: "no-such-nvidia-smi", periodMs: 50, onSample: () => {} }),
    Deno.errors.NotFound,
  );
});

Deno.test({
  name: "maySmi does not ask for the permission",
  permissions: { run: false },
  async fn() {
    assertEquals(await maySmi(), false);
  },
});
