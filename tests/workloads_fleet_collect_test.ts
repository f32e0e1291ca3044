import { assertEquals, assertStringIncludes } from "@std/assert";
import { MEASURE_OPTIONS } from "../workloads/bench_options.ts";
import { collectFleetRecords } from "../workloads/fleet_collect.ts";
import { dropFiles, fetchFiles, offerFiles } from "../workloads/fleet_files.ts";
import { connectBus } from "../workloads/fleet_nats.ts";
import { PIECE_BYTES } from "../workloads/fleet_pieces.ts";
import { storeRecords } from "../workloads/fleet_records.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { natsTest, withNats } from "./support/nats.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { writeParts } from "./support/write_parts.ts";

const MOVING = { signal: new AbortController().signal };

natsTest(
  "fleet collect brings what is stored, says what is not, and goes on another time",
  () =>
    inTempFolder((folder) =>
      withNats(async (server) => {
        const bus = await connectBus({ servers: server.url, fleet: "f", name: "agent" });
        const records = [0, 1, 2, 3].map((index) => createRecord({ index, sentMs: 10 * index }));
        const whole = createRun(records, { loads: [{ label: "2 users", users: 2 }] });
        const paths = await writeParts(`${folder}/far`, whole, { agents: 2 });
        const agents = paths.map((file, agent) => ({
          ...{ hostname: `n${agent}`, version: "0.1.0", transport: "fetch", workers: 1, file },
        }));
        const run = `${folder}/run`;
        await Deno.mkdir(run);
        const writer = startRecordFile(await openRecordFile(`${run}/records.jsonl`), {
          ...whole.header,
          fleet: { name: "f", run: "run-1", agents },
        });
        await writer.close();
        const collect = async () => await runCli(["fleet", "collect", run, "--nats", server.url]);
        await storeRecords(bus, { run: "run-1", agent: 1, path: paths[1]! }, MOVING);
        const first = await collect();
        assertEquals(first.code, 6, first.err);
        assertStringIncludes(first.err, "Collected the record files of 1 of 2 agents");
        assertStringIncludes(first.err, `agent 0 is not there: it has stored none; its own is n0:`);
        assertStringIncludes(first.err, `tokometer fleet collect ${run}`);
        await storeRecords(bus, { run: "run-1", agent: 0, path: paths[0]! }, MOVING);
        const second = await collect();
        assertEquals(second.code, 0, second.err);
        for (const [agent, path] of paths.entries()) {
          const collected = await Deno.readFile(`${run}/agents/${agent}/records.jsonl`);
          assertEquals(collected, await Deno.readFile(path));
        }
        const report = await runCli(["report", `${run}/agents`, "--format", "json"]);
        assertEquals(JSON.parse(report.out).loads[0].counts.completed, 4);

        // Larger than a message of the server may be.
        const datasetPath = `${folder}/large.jsonl`;
        await Deno.writeTextFile(datasetPath, "x".repeat(PIECE_BYTES + 17));
        const table = MEASURE_OPTIONS;
        const offered = await offerFiles(bus, { table, values: { datasetPath } }, MOVING);
        await Deno.remove(datasetPath);
        const cache = `${folder}/cache`;
        const own = await fetchFiles(bus, { table, ...offered, folder: cache }, MOVING);
        assertEquals((await Deno.stat(String(own.datasetPath))).size, PIECE_BYTES + 17);
        await dropFiles(bus, offered.files);
        assertEquals(await bus.load(offered.files[0]!.parts[0]!.sha256), undefined);
        await bus.close();

        const again = await collectFleetRecords(`${run}/records.jsonl`, { nats: server.url });
        assertEquals([again.files.length, again.missing], [2, []]);
        const other = await runCli(["fleet", "collect", `${run}/agents/0`, "--nats", server.url]);
        assertEquals(other.code, 2);
        assertStringIncludes(other.err, "name the result folder of one run of a fleet");
      })
    ),
);
