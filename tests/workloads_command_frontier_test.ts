/** `tokometer frontier` on record files. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { RunHeader } from "../metrics/run.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** A result folder of two loads of 12 requests, the second with slower users. */
async function writeRun(
  folder: string,
  { name, speed = 1, ...header }: Partial<RunHeader> & { name: string; speed?: number },
): Promise<string> {
  const records = [0, 1].flatMap((load) =>
    Array.from({ length: 12 }, (_, index) => {
      const ticks = [[10, 1], [100 * (load + 1) / speed, 10]] as [number, number][];
      return createRecord({ load, index, ticks });
    })
  );
  const run = createRun(records, {
    header,
    loads: [{ label: "1 user" }, { label: "8 users", users: 8 }],
  });
  const path = `${folder}/${name}`;
  await Deno.mkdir(path);
  const file = startRecordFile(await openRecordFile(`${path}/records.jsonl`), run.header);
  for (const record of run.records) file.add(record);
  for (const end of run.ends) file.end(end);
  await file.close();
  return path;
}

Deno.test("frontier prints the points of several servers and writes every file", async () => {
  await inTempFolder(async (folder) => {
    const one = await writeRun(folder, { name: "one", options: { gpus: 2, costPerHour: 4 } });
    const two = await writeRun(folder, { name: "two", speed: 2 });
    const out = `${folder}/out`;
    const ran = await runCli(["frontier", one, two, "--gpus", "2,4", "--out", out]);
    assertEquals(ran.code, 0, ran.err);
    assertStringIncludes(ran.out, "one: 2 GPUs, 4 an hour\ntwo: 4 GPUs\n");
    assertStringIncludes(ran.out, "tok/s/GPU");
    const files = [...Deno.readDirSync(out)].map(({ name }) => name).toSorted();
    const expected = ["csv", "html", "json", "svg"].map((extension) => `frontier.${extension}`);
    assertEquals(files, expected);
  });
});

Deno.test("frontier takes one number for all servers, and says which does not fit", async () => {
  await inTempFolder(async (folder) => {
    const one = await writeRun(folder, { name: "one" });
    const two = await writeRun(folder, { name: "two" });
    const all = await runCli(["frontier", one, two, "--gpus", "4", "--format", "csv"]);
    assertStringIncludes(all.out, "output_tokens_per_sec_per_gpu");
    const bad = await runCli(["frontier", one, two, "--gpus", "1,2,3"]);
    assertEquals(bad.code, 2);
    assertStringIncludes(bad.err, "Cannot use --gpus 1,2,3 for 2 servers (one, two)");
    const mixed = await writeRun(folder, { name: "known", options: { gpus: 2 } });
    const warned = await runCli(["frontier", one, mixed]);
    assertStringIncludes(warned.err, "nothing says how many GPUs one has; give --gpus");
  });
});

Deno.test("frontier takes another percentile, and names what has no point", async () => {
  await inTempFolder(async (folder) => {
    const one = await writeRun(folder, { name: "one" });
    const half = await runCli(["frontier", one, "--percentile", "75"]);
    assertStringIncludes(half.out, "one user p75");
    const none = await runCli(["frontier", one, "--percentile", "99"]);
    assertEquals(none.code, 2);
    assertStringIncludes(none.err, "no load has both figures; 1 user: too few completed requests");
    const missing = await runCli(["frontier", `${folder}/nothing`]);
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.err, "nothing");
  });
});
