import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { epollIsPermitted } from "../backends/sim_loop_epoll.ts";
import { startSimServer } from "../backends/sim_server.ts";
import type { CalibrationCell, Environment } from "../metrics/run.ts";
import {
  lookUpCalibration,
  machineOf,
  sameMachine,
  saveCalibration,
} from "../workloads/calibration_file.ts";
import { busyShare } from "../workloads/calibration_report.ts";
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
    const found = async (environment: Environment, workers: number) =>
      (await lookUpCalibration(environment, { transport: "fetch", workers, file }))?.cells
        .map(({ streams, cpuUsPerToken }) => [streams, cpuUsPerToken]);
    assertEquals(await found(HERE, 0), [[16, 50], [64, 2]]);
    assertEquals(await found(HERE, 1), [[64, 50]]);
    assertEquals(await found(other, 0), [[1, 50]]);
    assertEquals(await found({ ...HERE, cores: 3 }, 0), undefined);
    assertEquals(
      await lookUpCalibration(HERE, { transport: "socket", workers: 0, file }),
      undefined,
    );
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

Deno.test("lookUpCalibration takes the limits of all clients of the same carrier along", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/calibration.json`;
    const limits = [
      createLimit(),
      createLimit({ transport: "socket", workers: 2 }),
      createLimit({ transport: "grpc" }),
      createLimit({ transport: "of another version" }),
    ];
    await saveCalibration({ ...calibrationOf([createCell()]), limits }, file);
    const found = await lookUpCalibration(HERE, { transport: "fetch", workers: 0, file });
    assertEquals(found?.limits, limits.slice(0, 2));
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

Deno.test("lookUpCalibration refuses a named file that is none", async () => {
  await inTempFolder(async (folder) => {
    const look = (file: string) =>
      lookUpCalibration(HERE, { transport: "fetch", workers: 0, file: `${folder}/${file}` });
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

Deno.test("busyShare takes the quietest load for what the machine can do", () => {
  const cells = (...waits: (number | undefined)[]) =>
    waits.map((threadWait) => ({ client: threadWait === undefined ? {} : { threadWait } }));
  assertEquals(busyShare([]), undefined);
  assertEquals(busyShare(cells(undefined)), undefined);
  // Many streams make a client wait for a core without any stranger.
  assertEquals(busyShare(cells(0.02, 0.6)), undefined);
  assertEquals(busyShare(cells(0.2, 0.6, undefined)), 0.2);
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

Deno.test("calibrate: what it found is beside the results of a later run", async () => {
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
    ]);
    assertEquals(calibrated.code, 0, calibrated.err);
    assertMatch(calibrated.out, /^fetch × 0 +2\*? +\d/m);
    assertStringIncludes(calibrated.err, `Saved: ${file}`);
    const { machines: [machine] } = JSON.parse(await Deno.readTextFile(file));
    const [cell] = machine.cells;
    assertEquals([cell.transport, cell.streams, cell.failed], ["fetch", 2, 0]);
    // Two streams, three requests each, the first of which is not judged; nine gaps each.
    assertEquals([cell.error.matched, cell.error.unmatched], [4, 0]);
    assertEquals([cell.error.ttft.count, cell.error.itl.count], [4, 36]);
    const exact = epollIsPermitted();
    assertEquals(cell.engine.loop, exact ? "epoll" : "platform");
    assertMatch(
      calibrated.out,
      exact ? /engine ran on epoll: it took stamps/ : /ran on the platform's loop/,
    );
    assert(cell.engine.lateP50Ms >= 0 && cell.engine.lateP99Ms >= cell.engine.lateP50Ms);
    assert(cell.error.ttft.maxMs >= 0 && cell.error.e2e.maxMs < 60_000);

    // A busy machine may make the engine late; what matters here is that the cell is taken along.
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        schema: "tokometer.calibration/1",
        machines: [{
          ...machine,
          cells: [{ ...cell, tokensPerSec: 1e6, engine: { ...cell.engine, limited: false } }],
        }],
      }),
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
      assertMatch(ran.out, /^Verdict +(ok|suspect|client-bound): /m);
      const { header, ends } = await readRecordFile(`${out}/records.jsonl`);
      assertEquals(header.calibration?.cells.length, 1);
      assert(ends[0]!.client!.loopLagP99Ms !== undefined);
      const without = await runCli([...argv, "--no-calibration", "--no-save"]);
      assertEquals(without.code, 0, without.err);
      const missing = await runCli([...argv, "--calibration", `${folder}/none`, "--no-save"]);
      assertEquals(missing.code, 2);
      assertStringIncludes(missing.err, "there is no such file");
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
