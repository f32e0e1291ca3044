import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { epollIsPermitted } from "../backends/sim_loop_epoll.ts";
import { startSimServer } from "../backends/sim_server.ts";
import type { Environment } from "../metrics/run.ts";
import type { CalibrationCell, CalibrationLimit } from "../metrics/run_calibration.ts";
import {
  lookUpMachine,
  machineOf,
  sameMachine,
  saveCalibration,
} from "../workloads/calibration_file.ts";
import { errorSpread } from "../metrics/check_client_error.ts";
import { describeFindings } from "../workloads/calibration_report.ts";
import { busyMachine, watchStrangers } from "../workloads/calibration_strangers.ts";
import { measureMemory } from "../workloads/calibration_memory.ts";
import { findStreamLimit } from "../workloads/calibration_limit.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { createCell, createLimit } from "./support/create_calibration.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const HERE: Environment = {
  os: "linux",
  arch: "x86_64",
  cpu: "A processor",
  cores: 8,
  memoryMiB: 16_000,
  deno: "2.9.6",
  v8: "15.0",
};

function calibrationOf(cells: readonly CalibrationCell[], environment: Environment = HERE) {
  return {
    machine: machineOf(environment),
    savedAt: "2026-01-01T00:00:00.000Z",
    cells,
    limits: [],
  };
}

Deno.test("sameMachine compares what both sides know", () => {
  const here = machineOf(HERE);
  const rows: [Partial<typeof here>, boolean][] = [
    [{}, true],
    [{ memoryMiB: 15_000 }, true],
    [{ memoryMiB: 8000 }, false],
    [{ cores: 4 }, false],
    [{ effectiveCores: 8 }, true],
    [{ effectiveCores: 1 }, false],
    [{ cpu: "Another" }, false],
    [{ deno: "2.9.7" }, false],
    [{ version: "0.0.0" }, false],
  ];
  for (const [fields, same] of rows) {
    assertEquals(sameMachine(here, { ...here, ...fields }), same, JSON.stringify(fields));
  }
  const { cpu: _, memoryMiB: __, ...unknown } = here;
  assert(sameMachine(here, unknown) && sameMachine(unknown, here));
});

Deno.test("saveCalibration replaces equal loads and keeps all others", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/deep/in/calibration.json`;
    const other = { ...HERE, cores: 2 };
    await saveCalibration(calibrationOf([createCell({ streams: 1 })], other), file);
    await saveCalibration(
      calibrationOf([createCell({ streams: 16 }), createCell({ streams: 64, cpuUsPerToken: 1 })]),
      file,
    );
    await saveCalibration(
      calibrationOf([createCell({ streams: 64, cpuUsPerToken: 2 }), createCell({ workers: 1 })]),
      file,
    );
    const found = async (environment: Environment) =>
      (await lookUpMachine(environment, file)).found?.cells
        .map(({ workers, streams, cpuUsPerToken }) => [workers, streams, cpuUsPerToken]);
    assertEquals(await found(HERE), [[0, 16, 50], [0, 64, 2], [1, 64, 50]]);
    assertEquals(await found(other), [[0, 1, 50]]);
    assertEquals(await found({ ...HERE, cores: 3 }), undefined);
    assertEquals([...Deno.readDirSync(`${folder}/deep/in`)].length, 1);
  });
});

Deno.test("saveCalibration keeps what the engine can write when a quick one did not try", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/calibration.json`;
    const saved = async () => JSON.parse(await Deno.readTextFile(file)).machines[0].capacityPerSec;
    const found = calibrationOf([createCell()]);
    await saveCalibration(found, file);
    assertEquals(await saved(), undefined);
    await saveCalibration({ ...found, capacityPerSec: 70_000 }, file);
    await saveCalibration(found, file);
    assertEquals(await saved(), 70_000);
    await saveCalibration({ ...found, capacityPerSec: 80_000 }, file);
    assertEquals(await saved(), 80_000);
  });
});

Deno.test("lookUpMachine says in what the nearest calibration differs", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/calibration.json`;
    const two = { ...HERE, cores: 8, effectiveCores: 2 };
    await saveCalibration(calibrationOf([createCell()], two), file);
    await saveCalibration(calibrationOf([createCell()], { ...HERE, cpu: "B", deno: "1" }), file);
    const why = async (fields: Partial<Environment>) =>
      (await lookUpMachine({ ...two, ...fields }, file)).why;
    assertEquals(await why({}), undefined);
    const rows: [Partial<Environment>, string][] = [
      [{ effectiveCores: 1 }, "calibrated with 2 cores, this run may use 1"],
      [{ effectiveCores: 0.5 }, "calibrated with 2 cores, this run may use 0.5"],
      [{ cores: 4 }, "calibrated on 8 cores, this machine has 4"],
      [{ cpu: "Another" }, "calibrated on another machine (A processor)"],
      [{ deno: "2.9.7" }, "calibrated with Deno 2.9.6, this is 2.9.7"],
      [
        { memoryMiB: 8192 },
        "calibrated with 15.6 GiB of memory, this machine has 8.00 GiB",
      ],
    ];
    for (const [fields, says] of rows) assertEquals(await why(fields), says);
    await Deno.remove(file);
    await Deno.writeTextFile(file, `{"schema":"tokometer.calibration/1","machines":[]}`);
    assertEquals(await lookUpMachine(HERE, file), {});
  });
});

Deno.test("saveCalibration keeps one memory figure of each client", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/calibration.json`;
    const memory = {
      workers: 1,
      kibPerStream: 30,
      atMost: false,
      fewStreams: 32,
      manyStreams: 512,
    };
    const [older, newer] = [[{ ...memory, transport: "fetch" }], [{
      ...memory,
      transport: "epoll",
    }]];
    for (const memory of [older, newer, older]) {
      await saveCalibration({ ...calibrationOf([createCell()]), memory }, file);
    }
    const { machines } = JSON.parse(await Deno.readTextFile(file));
    assertEquals(machines[0].memory, [...newer, ...older]);
  });
});

Deno.test("lookUpMachine refuses a named file that is none", async () => {
  await inTempFolder(async (folder) => {
    const look = (file: string) => lookUpMachine(HERE, `${folder}/${file}`);
    await assertRejects(() => look("missing.json"), UserError, "there is no such file");
    for (const [name, text] of [["half.json", `{"schema":`], ["other.json", `{"a":1}`]] as const) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      await assertRejects(() => look(name), UserError, "written by");
      await assertRejects(
        () => saveCalibration(calibrationOf([createCell()]), `${folder}/${name}`),
        UserError,
      );
      assertEquals(await Deno.readTextFile(`${folder}/${name}`), text);
    }
  });
});

/** A client whose p99 error is `streams ÷ 20` ms. */
function linearCell(streams: number): CalibrationCell {
  const { error } = createCell();
  const itl = { count: 100, p50Ms: 0, p99Ms: streams / 20, maxMs: streams };
  return createCell({ streams, tokensPerSec: 50 * streams, error: { ...error, itl } });
}

Deno.test("measureMemory compares two runs that differ in their streams only", async () => {
  const tell = async (peaks: readonly [few: number | string, many: number | string]) => {
    const seen: (readonly string[])[] = [];
    const found = await measureMemory({
      transport: "grpc",
      workers: 2,
      simulator: { url: "http://127.0.0.1:1", grpcUrl: "grpc://127.0.0.1:2" },
      outputTokens: 8,
      abortSignal: new AbortController().signal,
      commandOf(args) {
        const peak = peaks[seen.push(args) - 1];
        const line = JSON.stringify({ loads: [{ client: { peakRssMiB: peak } }] });
        const code = typeof peak === "string" ? "Deno.exit(3)" : `console.log('${line}')`;
        return { command: Deno.execPath(), args: ["eval", code] };
      },
    });
    return { found, seen };
  };
  const { found, seen } = await tell([100, 115]);
  // 15 MiB for 480 streams.
  assertEquals(found, {
    ...{ transport: "grpc", workers: 2, kibPerStream: 32, atMost: false },
    ...{ fewStreams: 32, manyStreams: 512 },
  });
  const differing = (i: number) => seen[i]!.filter((arg) => !seen[1 - i]!.includes(arg));
  assertEquals(differing(0), ["--concurrency=32", "--requests=32"]);
  assertEquals(differing(1), ["--concurrency=512", "--requests=512"]);
  assertEquals(seen[0]!.slice(1, 5), [
    "grpc://127.0.0.1:2",
    "--protocol=ppl",
    "--transport=grpc",
    "--workers=2",
  ]);
  // Two runs of one load differ by that much.
  const equal = (await tell([100, 99])).found!;
  assertEquals([equal.atMost, equal.kibPerStream], [true, 2 * 1024 / 480]);
  assertEquals((await tell([100, "failed"])).found, undefined);
  assertEquals((await tell(["failed", 100])).found, undefined);
});

Deno.test("busyMachine: others are in the way only where no core is left for us", () => {
  const quiet = [{ client: { threadWait: 0.02 } }];
  const busy = (strangers: (number | undefined)[], cores: number, effectiveCores = cores) =>
    busyMachine(quiet, strangers, { cores, effectiveCores });
  assertEquals(busy([0.05, 0.1], 2), undefined);
  assertEquals(busy([1.05], 2), "other programs used 1.05 of its 2 cores");
  assertEquals(busy([0.55], 1), "other programs used 0.550 of its 1 core");
  assertEquals(busy([1], 4), undefined);
  assertEquals(busy([undefined], 2), undefined);
  // A moment is none: most of the loads count.
  assertEquals(busy([0.05, 0.05, 2], 2), undefined);
  assertStringIncludes(busy([0.05, 1.05, 1.05, undefined], 2)!, "1.05");
  // Pinned, nobody knows where they ran.
  assertStringIncludes(busy([1.05], 2, 1)!, "1.05");
  assertEquals(busy([1], 64, 1), undefined);
});

Deno.test("busyMachine takes the quietest load for what the machine can do", () => {
  const busy = (effectiveCores: number, ...waits: (number | undefined)[]) =>
    busyMachine(
      waits.map((threadWait) => ({ client: threadWait === undefined ? {} : { threadWait } })),
      [],
      { cores: 2, effectiveCores },
    );
  assertEquals(busy(2), undefined);
  assertEquals(busy(2, undefined), undefined);
  // Many streams make a client wait for a core without any stranger.
  assertEquals(busy(2, 0.02, 0.6), undefined);
  assertEquals(
    busy(2, 0.2, 0.6, undefined),
    "even at its best the client waited for a core for 20.0 % of the time",
  );
  // On one core it waits for the engine.
  assertEquals(busy(1, 0.6), undefined);
});

Deno.test("watchStrangers leaves out our own processes, and what is nobody's", () => {
  const stat = (pid: number | string, user: number, system: number) =>
    `${pid} (a (b) c) S 1 1 1 0 -1 4194304 1 0 0 0 ${user} ${system} 7 7 20 0 1 0 99`;
  const machine = (user: number, nice: number, system: number, idle: number, soft: number) =>
    `cpu  ${user} ${nice} ${system} ${idle} 0 0 ${soft} 0 0 0\ncpu0 1 1\ncpu1 1 1\nintr 5\n`;
  const files: Record<string, string> = {
    "/proc/stat": machine(1000, 0, 0, 1000, 0),
    "/proc/self/stat": stat(1, 100, 0),
    "/proc/7/stat": stat(7, 0, 50),
  };
  const read = (path: string): string | undefined => files[path];
  const watch = watchStrangers([7], read);
  const hidden = watchStrangers([8], read);
  assertEquals(watch.finish(), undefined);
  // 100 ticks of two cores: 60 by us, 10 by the engine, 30 by others.
  files["/proc/stat"] = machine(1080, 10, 10, 1080, 20);
  files["/proc/self/stat"] = stat(1, 150, 10);
  files["/proc/7/stat"] = stat(7, 5, 55);
  assertEquals(watch.finish(), 0.3);
  assertEquals(hidden.finish(), undefined);
});

Deno.test("describeFindings says what is usable, what is known, and what is not", () => {
  const describe = (
    cells: readonly CalibrationCell[],
    limits: readonly CalibrationLimit[] = [],
    { cores = 2, effectiveCores = 2, strangers = [0] }: {
      readonly cores?: number;
      readonly effectiveCores?: number;
      readonly strangers?: (number | undefined)[];
    } = {},
  ) =>
    describeFindings({
      cells: [...cells],
      limits: [...limits],
      strangers,
      memory: [],
      skipped: [],
      capacityPerSec: undefined,
    }, { columns: 400, cores: { cores, effectiveCores } }).join("\n").replace(/\n(?=\S)/g, " ");
  const { engine, error } = createCell();
  const late = createCell({ streams: 512, engine: { ...engine, limited: true } });
  const nothing = describe([late], [
    createLimit({ streams: 0, tokensPerSec: 0, endedBy: "engine" }),
  ]);
  assertStringIncludes(nothing, "Nothing usable: the engine was late in every load");
  assertStringIncludes(nothing, "fetch: no limit is known, beyond that the engine was the limit");
  assertFalse(nothing.includes("not even the fewest"));
  const untried = createLimit({ streams: 0, endedBy: "time", tooManyStreams: 128 });
  assertStringIncludes(
    describe([createCell()], [untried]),
    "fetch: 128 streams did not keep the p99 errors of TTFT and gap within 5.00 ms; fewer were not",
  );

  const small = { ...error, ttft: errorSpread([1, 2, 39.8]) };
  const few = describe([createCell({ error: small })]);
  assertStringIncludes(few, "n/a (3)");
  assertStringIncludes(few, "a p99 needs 100 values and there were N");
  assertStringIncludes(few, "No limit is known");
  assertFalse(describe([createCell()]).includes("n/a (N)"));

  const on = (loop: "epoll" | "platform") =>
    describe([createCell({ engine: { ...engine, loop } })]);
  assertStringIncludes(on("epoll"), "engine ran on epoll: it took stamps");
  assertStringIncludes(on("platform"), "engine ran on the platform's loop");

  const plan = (effectiveCores: number, fields = {}) =>
    describe([createCell()], [createLimit({ workers: 1, ...fields })], {
      cores: 4,
      effectiveCores,
    });
  const carries = "Plan: --transport fetch --workers 1 carries 64 streams with 3,200 tokens/s; ";
  assertStringIncludes(plan(4), `${carries}for more, --workers 2`);
  assertStringIncludes(plan(2), `${carries}for more, more client machines`);
  assertStringIncludes(plan(4, { endedBy: "time" }), `${carries}it may carry more`);
  assertStringIncludes(plan(2), "may use 2 of 4 cores: what was found holds for runs that may");
  assertFalse(plan(4).includes("may use"));
  assertFalse(plan(2).includes("less than two cores"));
  assertStringIncludes(plan(0.5), "less than two cores");
  assertStringIncludes(describe([], [], { strangers: [undefined] }), "busy cannot be seen here");
  assertFalse(plan(2).includes("cannot be seen"));
});

Deno.test("findStreamLimit doubles, then halves the distance", async () => {
  const rows: [known: number[], boundMs: number, most: number, streams: number, by: string][] = [
    // 100 streams are exactly 5 ms; found within a factor of 1.25.
    [[16, 64], 5, Infinity, 91, "error"],
    [[16, 256], 5, Infinity, 91, "error"],
    [[16, 64], 5, 80, 80, "descriptors"],
    [[256], 5, Infinity, 91, "error"],
    [[8], 0.01, Infinity, 0, "error"],
  ];
  for (const [known, boundMs, most, least, endedBy] of rows) {
    const tried: number[] = [];
    const limit = await findStreamLimit({
      known: known.map(linearCell),
      boundMs,
      most,
      timeIsLeft: () => true,
      run: (streams) => {
        tried.push(streams);
        return Promise.resolve(linearCell(streams));
      },
    });
    const { streams } = limit!;
    const name = `${known} → ${tried} → ${streams}`;
    assertEquals(limit!.endedBy, endedBy, name);
    assert(streams <= 20 * boundMs && streams * 1.25 >= Math.min(least, 100) - 0.01, name);
    assertEquals(limit!.tokensPerSec, 50 * streams, name);
    if (endedBy === "descriptors") assertEquals(streams, most, name);
    assert(tried.length < 10, name);
  }
});

Deno.test("findStreamLimit ends when the time is over, or the engine is the limit", async () => {
  const late = await findStreamLimit({
    known: [linearCell(16)],
    boundMs: 5,
    timeIsLeft: () => false,
    run: () => Promise.reject(new Error("no time was left")),
  });
  assertEquals([late!.streams, late!.endedBy, late!.tooManyStreams], [16, "time", undefined]);
  const between = await findStreamLimit({
    known: [linearCell(16), linearCell(256)],
    boundMs: 5,
    timeIsLeft: () => false,
    run: () => Promise.reject(new Error("no time was left")),
  });
  assertEquals([between!.streams, between!.endedBy, between!.tooManyStreams], [16, "time", 256]);
  const { engine } = createCell();
  const limited = await findStreamLimit({
    known: [linearCell(16)],
    boundMs: 5,
    timeIsLeft: () => true,
    run: (streams) =>
      Promise.resolve({ ...linearCell(streams), engine: { ...engine, limited: streams > 20 } }),
  });
  assertEquals([limited!.endedBy, limited!.tooManyStreams], ["engine", undefined]);
  assert(limited!.streams >= 16 && limited!.streams <= 20);
  const none = { boundMs: 5, timeIsLeft: () => true, run: () => Promise.reject() };
  assertEquals(await findStreamLimit({ known: [], ...none }), undefined);
});

Deno.test("calibrate: what it found decides for --transport auto, and no report", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/calibration.json`;
    const calibrated = await runCli([
      "calibrate",
      "--quick",
      "--requests=3",
      "--transport=fetch",
      "--concurrency=2",
      "--itl=5",
      "--output-tokens=10",
      "--workers=0",
      "--calibration",
      file,
      "--format=json",
    ]);
    assertEquals(calibrated.code, 0, calibrated.err);
    // Without a search there is no limit; on a busy machine nothing is kept, on a slow one neither.
    assertMatch(calibrated.err, /^(Saved: \S+; it has no limit|Not saved: (the|no) )/m);
    const { machine, cells: [cell] } = JSON.parse(calibrated.out);
    assertEquals([cell.transport, cell.streams, cell.failed], ["fetch", 2, 0]);
    // Two streams, three requests each, the first of which is not judged; nine gaps each.
    assertEquals([cell.error.matched, cell.error.unmatched], [4, 0]);
    assertEquals([cell.error.ttft.count, cell.error.itl.count], [4, 36]);
    const exact = epollIsPermitted();
    assertEquals(cell.engine.loop, exact ? "epoll" : "platform");
    assert(cell.engine.lateP50Ms >= 0 && cell.engine.lateP99Ms >= cell.engine.lateP50Ms);
    assert(cell.error.ttft.maxMs >= 0 && cell.error.e2e.maxMs < 60_000);

    await Deno.remove(file).catch(() => {});
    const limit = createLimit({ streams: 1, tokensPerSec: 10 });
    await saveCalibration(
      { machine, savedAt: "2026-01-01T00:00:00.000Z", cells: [createCell()], limits: [limit] },
      file,
    );
    const server = await startSimServer({ ttft: "1", itl: "2" });
    try {
      const argv = [
        "bench",
        server.url,
        "--requests=4",
        "--concurrency=2",
        "--workers=0",
        "--output-tokens=5",
      ];
      const out = `${folder}/out`;
      const ran = await runCli([...argv, "--calibration", file, "--out", out]);
      assertEquals(ran.code, 0, ran.err);
      assertMatch(ran.out, /^Verdict +(ok|suspect|client-bound)\b/m);
      assertMatch(
        ran.err,
        /^--transport auto takes (epoll|socket): .*calibrated here, fetch kept/m,
      );
      const { header, ends } = await readRecordFile(`${out}/records.jsonl`);
      assertEquals(header.calibration, undefined);
      assert(ends[0]!.client!.loopLagP99Ms !== undefined);
      const without = await runCli([...argv, "--no-calibration", "--no-save"]);
      assertEquals(without.code, 0, without.err);
      assertMatch(without.err, /^--transport auto takes (?!.*calibrat)/m);
      const missing = await runCli([...argv, "--calibration", `${folder}/none`, "--no-save"]);
      assertEquals(missing.code, 2);
      assertStringIncludes(missing.err, "there is no such file");
      await saveCalibration({
        machine: { ...machine, effectiveCores: 77 },
        savedAt: "2026-01-01T00:00:00.000Z",
        cells: [createCell()],
        limits: [limit],
      }, `${folder}/other`);
      const other = await runCli([...argv, "--calibration", `${folder}/other`, "--no-save"]);
      assertStringIncludes(other.err, "no calibration applies: calibrated with 77 cores, this run");
    } finally {
      await server.stop();
    }
  });
});

Deno.test("calibrate finds every request in the engine's log, whatever carries it", async (t) => {
  for (const transport of ["socket", "grpc", "grpc-socket"]) {
    await t.step(transport, async () => {
      const { code, out, err } = await runCli([
        "calibrate",
        "--quick",
        "--no-save",
        "--format=json",
        "--requests=3",
        "--concurrency=3",
        "--itl=2",
        "--output-tokens=6",
        "--workers=0",
        "--transport",
        transport,
      ]);
      assertEquals(code, 0, err);
      const { cells: [{ error, failed, ...cell }], skipped } = JSON.parse(out);
      assertEquals([cell.transport, cell.streams, failed, skipped], [transport, 3, 0, []]);
      assertEquals([error.matched, error.unmatched, error.itl.count], [6, 0, 30]);
      assert(error.e2e.maxMs < 60_000);
    });
  }
});

Deno.test("calibrate that is stopped before its first load says that, and prints no empty table", async () => {
  let stop = () => {};
  const { code, out, err } = await runCli(["calibrate", "--no-save", "--transport=socket"], {
    onSignal: (listener) => {
      stop = listener;
      return () => {};
    },
    stderr: (text) => {
      if (text.includes("how fast the engine can send")) stop();
    },
  });
  assertEquals([code, out], [130, ""], err);
});
