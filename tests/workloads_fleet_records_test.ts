import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { createRandom, uniformInteger } from "../backends/random.ts";
import { PIECE_BYTES } from "../workloads/fleet_pieces.ts";
import { collectRecords, storeRecords } from "../workloads/fleet_records.ts";
import { UserError } from "../workloads/user_error.ts";
import { MemoryServer } from "./support/memory_bus.ts";
import { inTempFolder } from "./support/run_cli.ts";

const MOVING = { signal: new AbortController().signal };

/** Random bytes do not get smaller, text does. */
function content(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = createRandom(seed, "records");
  const block = Uint8Array.from(
    { length: 4096 },
    () => uniformInteger(random, { low: 0, high: 255 }),
  );
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += block.length) {
    all.set(block.subarray(0, bytes - at), at);
    all[at] = at / block.length;
  }
  return all;
}

Deno.test("record files come as they were, pieces that are there are neither stored nor fetched again", () =>
  inTempFolder(async (folder) => {
    const server = new MemoryServer(systemClock);
    const bus = server.connect();
    // Two whole pieces and a part; just two; nothing; the third agent was killed.
    const files = [content(2 * PIECE_BYTES + 1000, 1), content(2 * PIECE_BYTES, 2), content(0, 3)];
    const stores: string[] = [];
    let failures = 0;
    const cut = {
      store(name: string, content: ReadableStream<Uint8Array>) {
        stores.push(name);
        // The first agent is cut off for good after its second piece, and tries again by itself later.
        if (stores.length === 3 && failures++ === 0) return Promise.reject(stop.abort());
        return bus.store(name, content);
      },
    };
    const stop = new AbortController();
    const pathOf = (agent: number) => `${folder}/${agent}.jsonl`;
    for (const [agent, bytes] of files.entries()) await Deno.writeFile(pathOf(agent), bytes);
    const first = { run: "r1", agent: 0, path: pathOf(0) };
    const error = await assertRejects(
      () => storeRecords(cut, first, { signal: stop.signal }),
      UserError,
    );
    assertMatch(error.message, /^Cannot store the record file .*: it was stopped$/);
    for (const agent of files.keys()) {
      const own = { run: "r1", agent, path: pathOf(agent) };
      const { bytes, path } = await storeRecords(bus, own, MOVING);
      assertEquals([path, bytes], [pathOf(agent), files[agent]!.length]);
    }

    const run = `${folder}/run`;
    const loads: string[] = [];
    const leader = {
      remove: (name: string) => bus.remove(name),
      load(name: string) {
        loads.push(name);
        return bus.load(name);
      },
    };
    const from = { run: "r1", agents: 4, folder: run, places: [undefined, "b", "c", "d:/x.jsonl"] };
    // A collection that was ended in the middle of the second piece.
    await Deno.mkdir(`${run}/agents/0`, { recursive: true });
    await Deno.writeFile(
      `${run}/agents/0/records.jsonl.part`,
      files[0]!.subarray(0, PIECE_BYTES + 5),
    );
    const { files: collected, missing } = await collectRecords(leader, from, MOVING);
    assertEquals(missing, [{ agent: 3, why: "it has stored none; its own is d:/x.jsonl" }]);
    assertEquals(collected.map(({ path }) => path), [
      ...[0, 1, 2].map((agent) => `${run}/agents/${agent}/records.jsonl`),
    ]);
    for (const { agent, path } of collected) {
      const bytes = await Deno.readFile(path);
      assert(indexOfDifference(bytes, files[agent]!) === -1, `agent ${agent}`);
    }
    // Four lists, two pieces of the first that were missing, two of the second.
    assertEquals(loads.length, 4 + 2 + 2);
    assertEquals(server.files.size, 0);
    // A second time nothing is fetched, and nothing is lost.
    loads.length = 0;
    const again = await collectRecords(leader, from, MOVING);
    assertEquals([again.files, again.missing, loads.length], [collected, missing, 1]);
  }));

function indexOfDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  return a.findIndex((byte, i) => byte !== b[i]);
}

Deno.test("what others stored as records is bounded and checked, and the other agents' files come", () =>
  inTempFolder(async (folder) => {
    const server = new MemoryServer(systemClock);
    const bus = server.connect();
    for (const agent of [0, 1, 2, 3]) {
      const path = `${folder}/${agent}.jsonl`;
      await Deno.writeFile(path, content(1000 + agent, agent));
      const before = new Set(server.files.keys());
      await storeRecords(bus, { run: "r", agent, path }, MOVING);
      const [piece, list] = [...server.files.keys()].filter((name) => !before.has(name));
      const huge = () => gzip(new Uint8Array(64 * 2 ** 20));
      if (agent === 0) server.files.set(piece!, await huge());
      if (agent === 1) server.files.set(list!, await gzip(new TextEncoder().encode("{}")));
      if (agent === 2) server.files.delete(piece!);
    }
    const { files, missing } = await collectRecords(
      bus,
      { run: "r", agents: 4, folder: `${folder}/run` },
      MOVING,
    );
    assertEquals(files.map(({ agent }) => agent), [3]);
    assertEquals(missing, [
      { agent: 0, why: "what is stored is larger than it can be" },
      {
        agent: 1,
        why: "what it stored is no list of pieces: list.schema is missing, not " +
          '"tokometer.records/1"',
      },
      { agent: 2, why: "a piece of it is not stored any more" },
    ]);
  }));

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

Deno.test("a folder that cannot be written ends the collection with its name", () =>
  inTempFolder(async (folder) => {
    const bus = new MemoryServer(systemClock).connect();
    await Deno.writeTextFile(`${folder}/0.jsonl`, "a");
    await storeRecords(bus, { run: "r", agent: 0, path: `${folder}/0.jsonl` }, MOVING);
    await Deno.writeTextFile(`${folder}/run`, "a file is in the way");
    await assertRejects(
      () => collectRecords(bus, { run: "r", agents: 1, folder: `${folder}/run` }, MOVING),
      UserError,
      `${folder}/run/agents/0`,
    );
  }));
