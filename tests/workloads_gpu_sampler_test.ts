import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { epochOriginMs, systemClock } from "../backends/clock.ts";
import { readProcess } from "../backends/process_tree.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { isThisMachine, isTrouble, openGpuSampler } from "../workloads/gpu_sampler.ts";
import { createGpuThread } from "../workloads/gpu_worker.ts";
import { HAS_GCC, TWO_GPUS, withFakeNvml, withFakeSmi } from "./support/fake_gpu.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const ROOT = new URL("..", import.meta.url).pathname;

function nowEpochMs(): number {
  return epochOriginMs() + systemClock.now();
}

Deno.test({
  name: "openGpuSampler looks at both ends of a load, and tells our memory from others' (gcc, T45)",
  ignore: !HAS_GCC,
  fn: () =>
    withFakeNvml(async (library) => {
      // Too long a period for a look between: the first is the one of opening.
      const sampler = await openGpuSampler("auto", { library, periodMs: 3_600_000 });
      assert(typeof sampler !== "string", String(sampler));
      try {
        assertEquals(sampler.source, "nvml");
        await sampler.begin();
        const { timeMs, devices } = (await sampler.finish(nowEpochMs()))!;
        assertEquals(timeMs.length, 2);
        const [first, second] = devices;
        assertEquals(first!.memoryStartMiB, 10 * 1024);
        assertEquals(first!.memoryMiB, [11 * 1024, 12 * 1024]);
        assertEquals(first!.ownMiB, [2 * 1024, 2 * 1024]);
        assertEquals(first!.otherMiB, [4 * 1024, 4 * 1024]);
        assertEquals([first!.energyJ, first!.energyFrom], [100, "counter"]);
        // Its 3 GiB are nobody's: the driver shows no processes, so it is not known whose.
        assertEquals(second!.memoryMiB, [3 * 1024, 3 * 1024]);
        assertEquals("ownMiB" in second!, false);
        // The next load begins anew, with a process that we have started meanwhile.
        const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
        Deno.env.set("FAKE_NVML_CHILD", `${child.pid}`);
        await sampler.begin();
        const next = (await sampler.finish(0))!.devices[0]!;
        child.kill();
        await child.status;
        assertEquals(next.memoryMiB, [13 * 1024, 14 * 1024]);
        assertEquals(next.ownMiB, [10 * 1024, 10 * 1024]);
        assertEquals(next.otherMiB, [4 * 1024, 4 * 1024]);
        // No process has this number: one outside of our container might, ours or not.
        Deno.env.set("FAKE_NVML_CHILD", "4194305");
        await sampler.begin();
        const hidden = (await sampler.finish(0))!.devices[0]!;
        assertEquals("ownMiB" in hidden, false);
      } finally {
        Deno.env.delete("FAKE_NVML_CHILD");
        await sampler.close();
      }
    }),
});

Deno.test({
  name: "createGpuThread looks again and again without being asked (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withFakeNvml(async (path) => {
      const memory: unknown[] = [];
      const third = Promise.withResolvers<void>();
      const handle = createGpuThread((message) => {
        if (message.kind !== "sample") return;
        memory.push(message.looks[0]?.memoryUsedBytes);
        if (memory.length === 3) third.resolve();
      });
      await handle({ kind: "open", source: "nvml", periodMs: 1, pid: Deno.pid, path });
      await third.promise;
      await handle({ kind: "close" });
      // The look of opening was the first.
      assertEquals(memory.slice(0, 3), [11, 12, 13].map((gib) => gib * 1024 ** 3));
    }),
});

Deno.test({
  name: "openGpuSampler falls back to nvidia-smi, which tells no processes",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFakeSmi(TWO_GPUS, async (command) => {
      const sampler = await openGpuSampler("auto", { library: "libno-such.so.1", command });
      assert(typeof sampler !== "string", String(sampler));
      try {
        assertEquals(sampler.source, "nvidia-smi");
        assertEquals(sampler.devices.map(({ name }) => name), ["NVIDIA H200", "Tesla K80"]);
        await sampler.begin();
        const { devices: [first, second] } = (await sampler.finish(nowEpochMs()))!;
        assertEquals(first!.memoryMiB[0], 1024);
        assertEquals(first!.energyFrom, "power");
        assertEquals(second!.powerW[0], null);
        assertEquals("ownMiB" in first!, false);
      } finally {
        await sampler.close();
      }
    }),
});

Deno.test({
  name: "openGpuSampler says why there is none",
  ignore: Deno.build.os === "windows",
  async fn() {
    const library = "libno-such.so.1";
    const command = "no-such-nvidia-smi";
    assertEquals(
      await openGpuSampler("auto", { library, command }),
      "there is no libno-such.so.1; there is no no-such-nvidia-smi",
    );
    assertEquals(await openGpuSampler("nvml", { library }), "there is no libno-such.so.1");
    assertEquals(await openGpuSampler("off"), "--gpu off");
    await withFakeSmi("echo No devices were found", async (command) => {
      assertEquals(
        await openGpuSampler("nvidia-smi", { command }),
        "nvidia-smi ended: No devices were found",
      );
    });
    // One that hangs does not hang the run.
    await withFakeSmi("exec sleep 30", async (command) => {
      assertEquals(
        await openGpuSampler("nvidia-smi", { command, timeoutMs: 50 }),
        "nvidia-smi does not answer",
      );
    });
  },
});

Deno.test({
  name: "openGpuSampler gives a nvidia-smi up that hangs, wherever it does, and ends it",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inTempFolder(async (folder) => {
      const command = `${folder}/nvidia-smi`;
      const deaf = `trap '' TERM\necho $$ >> ${folder}/pids\n`;
      // At once; after the first question; and while a child of its own holds the pipe.
      for (
        const script of [
          `${deaf}exec sleep 100`,
          `${deaf}[ "$1" = -L ] && exit 0\nexec sleep 100`,
          `${deaf}[ "$1" = -L ] && exit 0\n(sleep 3; :) & echo $! >> ${folder}/pids; wait`,
        ]
      ) {
        await Deno.writeTextFile(command, `#!/bin/sh\n${script}\n`);
        await Deno.chmod(command, 0o755);
        const opened = await openGpuSampler("nvidia-smi", { command, timeoutMs: 200 });
        assertEquals(opened, "nvidia-smi does not answer");
        assert(isTrouble(String(opened)));
        await Deno.remove(command);
      }
      assert(!isTrouble("there is no nvidia-smi"));
      const pids = (await Deno.readTextFile(`${folder}/pids`)).trim().split("\n").map(Number);
      // The last of them is not ours to end, and ends by itself.
      for (const pid of pids.slice(0, -1)) {
        // A process that was killed is still there until the system has taken it down.
        const ended = () => readProcess(pid)?.zombie ?? true;
        for (let i = 0; i < 100 && !ended(); i++) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert(ended(), String(pid));
      }
    }),
});

Deno.test({
  name: "openGpuSampler goes on without nvidia-smi when that ends",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFakeSmi("echo '0, 1, H, 100, 50, 1, 1'", async (command) => {
      const sampler = await openGpuSampler("nvidia-smi", { command });
      assert(typeof sampler !== "string", String(sampler));
      await sampler.begin();
      // Whether the last line could be used for the load is a matter of microseconds.
      const samples = await sampler.finish(0);
      assertEquals(samples?.devices[0]?.memoryMiB[0] ?? 50, 50);
      await sampler.close();
    }),
});

Deno.test({
  name: "openGpuSampler asks for no permission",
  permissions: { ffi: false, run: false, read: true },
  async fn() {
    assertEquals(
      await openGpuSampler("auto"),
      "NVML needs --allow-ffi; nvidia-smi needs --allow-run",
    );
  },
});

Deno.test("isThisMachine knows addresses of this machine", () => {
  for (
    const url of [
      "http://127.0.0.1:8000",
      "http://localhost",
      "grpc://127.0.0.53:1",
      "https://[::1]:1",
      "./model",
    ]
  ) assert(isThisMachine(url), url);
  for (const url of ["http://10.0.0.1:8000", "grpc://gpu-node:1", "http://localhost.example"]) {
    assert(!isThisMachine(url), url);
  }
});

const SHORT = ["--requests=4", "--concurrency=1", "--warmup=1", "--output-tokens=5", "--no-save"];

/** The program in a process whose loader and PATH know the folder. */
async function benchIn(folder: string, url: string, argv: readonly string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `${ROOT}cli.ts`, "bench", url, ...SHORT, ...argv],
    env: {
      NO_COLOR: "1",
      LD_LIBRARY_PATH: folder,
      PATH: `${folder}:${Deno.env.get("PATH") ?? ""}`,
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(success, text(stderr));
  return text(stdout);
}

/** The numbers that a pattern captures in a table. */
function numbersIn(pattern: RegExp, table: string): number[] {
  const [, ...texts] = pattern.exec(table) ?? [];
  assert(texts.length > 0, table);
  return texts.map((text) => Number(text.replaceAll(",", "")));
}

Deno.test({
  name: "bench shows the GPUs of its own machine (gcc)",
  ignore: !HAS_GCC,
  async fn() {
    const server = await startSimServer({ ttft: "1", itl: "0" });
    try {
      await withFakeNvml(async (_, folder) => {
        const table = await benchIn(folder, server.url, []);
        // How many looks there were depends on the machine: each adds 1 GiB and 100 J.
        const memory =
          /^GPU 0 +Fake A: at most ([\d.]+) GiB of 80\.0 GiB, ([\d.]+) GiB more than before,/m;
        const [most, more] = numbersIn(memory, table);
        assertEquals([most! - more!, more! % 1], [10, 0], table);
        assert(more! > 0, table);
        const energy = /^GPU energy +([\d,]+) J, ([\d,.]+) J per output token on GPU 0$/m;
        const [joules, each] = numbersIn(energy, table);
        assertEquals([joules! % 100, each], [0, joules! / 20], table);
        assert(joules! > 0, table);
        const device = /2\.00 GiB by this program, 4\.00 GiB by others, 37\.0 % busy, ([\d,.]+) W/;
        const [watts] = numbersIn(device, table.replace(/\s+/g, " "));
        // Of a load of 1 s and more it is the counter over that time.
        assert(watts === 412 || watts! <= joules!, table);
        const json = await benchIn(folder, server.url, ["--format=json"]);
        assertEquals(JSON.parse(json).loads[0].gpu.source, "nvml");
        const off = await benchIn(folder, server.url, ["--format=json", "--gpu=off"]);
        assertEquals(JSON.parse(off).loads[0].gpu, null);
      });
    } finally {
      await server.stop();
    }
  },
});

Deno.test("bench says that there is no GPU only to those who ask", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const argv = ["bench", server.url, ...SHORT];
    const silent = await runCli(argv);
    assertEquals(silent.code, 0, silent.err);
    assert(!silent.err.includes("GPU"), silent.err);
    if (await openGpuSampler("nvml") !== "there is no libnvidia-ml.so.1") return;
    const asked = await runCli([...argv, "--gpu=nvml"]);
    assertEquals(asked.code, 0, asked.err);
    assertStringIncludes(asked.err, "No GPU is watched: there is no libnvidia-ml.so.1");
    assert(!asked.out.includes("GPU"), asked.out);
  } finally {
    await server.stop();
  }
});
