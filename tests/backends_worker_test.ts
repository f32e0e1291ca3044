import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { inWorker, startWorker, workerUrl } from "../backends/worker.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { runDeno } from "./support/run_deno.ts";
import { scanCode } from "./support/source_scan.ts";
import { workerEntries } from "./support/worker_entries.ts";

const ROOT = new URL("..", import.meta.url);
const PATH = "workloads/load_worker.ts";

Deno.test("workerUrl finds the entry from a checkout, from JSR and in one file", () => {
  const cases: [string, boolean, string][] = [
    ["file:///home/me/t/backends/worker.ts", false, "file:///home/me/t/workloads/load_worker.ts"],
    [
      "https://jsr.io/@tokometer/tokometer/1.2.3/backends/worker.ts",
      false,
      "https://jsr.io/@tokometer/tokometer/1.2.3/workloads/load_worker.ts",
    ],
    [
      "file:///tmp/deno-compile-t/backends/worker.ts",
      false,
      "file:///tmp/deno-compile-t/workloads/load_worker.ts",
    ],
    ["file:///opt/tokometer.mjs", true, "file:///opt/tokometer.mjs"],
  ];
  for (const [moduleUrl, ownBundle, url] of cases) {
    assertEquals(workerUrl(PATH, { moduleUrl, ownBundle }).href, url);
  }
});

Deno.test("workerUrl refuses to start another program as a worker", () => {
  assertThrows(
    () => workerUrl(PATH, { moduleUrl: "file:///opt/app.mjs", ownBundle: false }),
    TypeError,
    "Cannot start a worker from file:///opt/app.mjs, a bundle of another program",
  );
});

Deno.test("inWorker is false outside of workers", () => {
  assert(!inWorker(PATH));
});

Deno.test("every worker's entry asks which one it is, by its own path", async () => {
  const entries = await Array.fromAsync(workerEntries());
  assert(entries.includes(PATH), entries.join());
  for (const entry of entries) {
    const source = await Deno.readTextFile(new URL(entry, ROOT));
    const code = scanCode(source);
    assertMatch(code, /^if \(inWorker\(/m, entry);
    assert(!code.includes("in globalThis"), `${entry} takes any worker for itself`);
    assert(source.includes(`"${entry}"`), `${entry} has another name`);
  }
});

Deno.test("startWorker is the only way to a worker", async () => {
  const wrong: string[] = [];
  for (const folder of ["backends", "workloads"]) {
    for (const { name } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (!name.endsWith(".ts") || name === "worker.ts") continue;
      const source = await Deno.readTextFile(new URL(`${folder}/${name}`, ROOT));
      if (/\bnew Worker\(/.test(scanCode(source))) wrong.push(`${folder}/${name}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("startWorker starts the sending thread of a checkout", { timeout: 20_000 }, async () => {
  const answer = Promise.withResolvers<unknown>();
  const worker = startWorker(PATH, { message: answer.resolve, failure: answer.reject });
  worker.postMessage({ kind: "close" });
  assertEquals(await answer.promise, { kind: "closed" });
  worker.terminate();
});

Deno.test("startWorker limits a worker's memory", { timeout: 20_000 }, async () => {
  const limited = (newObjectsMiB?: number) => {
    const answer = Promise.withResolvers<unknown>();
    const worker = startWorker(
      "tests/support/limits_worker.ts",
      { message: answer.resolve, failure: answer.reject },
      { newObjectsMiB },
    );
    worker.postMessage("ask");
    return answer.promise.finally(() => worker.terminate());
  };
  assertEquals(await limited(6), { asked: "ask", newObjectsMiB: 6 });
  assertEquals(await limited(), { asked: "ask", newObjectsMiB: undefined });
});

/** A program of two workers; a message that comes before a worker has loaded its entry waits. */
const TWO_ENTRIES = `
import { holdWorkers, startWorker } from "ROOT/backends/worker.ts";
await holdWorkers({
  "a/one_worker.ts": () => import("./one.ts"),
  "a/two_worker.ts": () => import("./two.ts"),
});
if (!("DedicatedWorkerGlobalScope" in globalThis)) {
  Deno.unrefTimer(setTimeout(() => Deno.exit(1), 20_000)); // a worker that stays silent
  for (const path of ["a/two_worker.ts", "a/one_worker.ts"]) {
    const worker = startWorker(path, {
      message: (data) => { console.log(path, data); worker.terminate(); },
      failure: console.log,
    });
    worker.postMessage("early");
  }
  try {
    startWorker("a/three_worker.ts");
  } catch (error) {
    console.log(error.message);
  }
}`;

/** One of its entries, which takes a while to load. */
const ENTRY = `
import { inWorker } from "ROOT/backends/worker.ts";
await new Promise((done) => setTimeout(done, 50));
if (inWorker("a/NAME_worker.ts")) onmessage = ({ data }) => postMessage("NAME " + data);`;

Deno.test("startWorker starts one of several entries in one file, or reports that it is missing", async () => {
  await inTempFolder(async (folder) => {
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${folder}/${name}.ts`, text.replace("ROOT", ROOT.href));
    await write("main", TWO_ENTRIES);
    for (const name of ["one", "two"]) await write(name, ENTRY.replaceAll("NAME", name));
    const bundled = await runDeno(["bundle", "-o", "app.mjs", "main.ts"], folder);
    assert(bundled.success, bundled.output);
    const run = async () => {
      const { output } = await runDeno(["run", "-A", "--no-config", "app.mjs"], folder);
      return output.trim().split("\n").toSorted();
    };
    assertMatch((await run()).join(), /a bundle of another program/);
    const source = await Deno.readTextFile(`${folder}/app.mjs`);
    const mark = 'globalThis[Symbol.for("tokometer.bundle")] = true;';
    await Deno.writeTextFile(`${folder}/app.mjs`, `${mark}\n${source}`);
    assertEquals(await run(), [
      "Cannot start a/three_worker.ts: it is not part of this one file; " +
      "run Tokometer with deno run instead",
      "a/one_worker.ts one early",
      "a/two_worker.ts two early",
    ]);
  });
});
