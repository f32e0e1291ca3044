import { assert, assertEquals, assertThrows } from "@std/assert";
import { nvmlAbsence, nvmlLibrary, openNvml } from "../backends/telemetry_gpu_nvml.ts";
import { HAS_GCC, withFakeNvml } from "./support/fake_gpu.ts";

const GIB = 1024 ** 3;

/** Environment variables of the fake library, set for as long as `use` takes. */
function withVariable(name: string, value: string, use: () => void): void {
  Deno.env.set(name, value);
  try {
    use();
  } finally {
    Deno.env.delete(name);
  }
}

Deno.test({
  name: "openNvml reads devices, and each look's numbers (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withFakeNvml((library) => {
      const nvml = openNvml(library);
      try {
        // The third may not be used, the first two can.
        assertEquals(nvml.devices, [
          { index: 0, name: "Fake A", memoryTotalBytes: 80 * GIB },
          { index: 1, name: "Fake B", memoryTotalBytes: 80 * GIB },
        ]);
        const [first, other] = nvml.read();
        const { processes, ...numbers } = first!;
        assertEquals(numbers, {
          memoryUsedBytes: 10 * GIB,
          utilization: 0.37,
          powerW: 412.345,
          energyJ: 123_456_000,
        });
        assertEquals(processes?.length, 100);
        assertEquals(processes?.slice(0, 3), [
          { pid: Deno.pid, bytes: 2 * GIB },
          { pid: 1, bytes: 4 * GIB },
          { pid: 1, bytes: 0 },
        ]);
        assertEquals(other, { memoryUsedBytes: 3 * GIB, processes: [] });
        const again = nvml.read()[0]!;
        assertEquals([again.memoryUsedBytes, again.energyJ], [11 * GIB, 123_456_100]);
        withVariable("FAKE_NVML_UNTOLD", "1", () => {
          assertEquals(nvml.read()[0]!.processes?.[2], { pid: 1 });
        });
      } finally {
        nvml.close();
        nvml.close();
      }
      return Promise.resolve();
    }),
});

Deno.test({
  name: "openNvml leaves out what an old driver does not have (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withFakeNvml((library) => {
      const nvml = openNvml(library);
      try {
        // Its memory counts the driver's own GiB.
        assertEquals(nvml.read()[0], {
          memoryUsedBytes: 11 * GIB,
          utilization: 0.37,
          powerW: 412.345,
        });
      } finally {
        nvml.close();
      }
      return Promise.resolve();
    }, "OLD_DRIVER"),
});

Deno.test({
  name: "openNvml reports why it cannot start (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withFakeNvml((library) => {
      withVariable("FAKE_NVML_INIT", "9", () => {
        assertThrows(
          () => openNvml(library),
          TypeError,
          "Cannot start NVML: the NVIDIA driver is not loaded",
        );
      });
      withVariable("FAKE_NVML_INIT", "77", () => {
        assertThrows(() => openNvml(library), TypeError, "Cannot start NVML: error 77");
      });
      return Promise.resolve();
    }),
});

Deno.test("openNvml and nvmlAbsence report a missing library", () => {
  assertThrows(() => openNvml("libno-such-thing.so.9"), TypeError, "Cannot open libno-such-thing");
  assertEquals(nvmlAbsence("libno-such-thing.so.9"), "there is no libno-such-thing.so.9");
  assertEquals(nvmlLibrary("darwin"), undefined);
  assertEquals(nvmlLibrary("windows"), "nvml.dll");
});

Deno.test({
  name: "nvmlAbsence and openNvml without --allow-ffi do not ask for it",
  permissions: { ffi: false },
  fn() {
    assertEquals(nvmlAbsence("libnvidia-ml.so.1"), "NVML needs --allow-ffi");
    let error: unknown;
    try {
      openNvml("libnvidia-ml.so.1");
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof Deno.errors.NotCapable);
  },
});
