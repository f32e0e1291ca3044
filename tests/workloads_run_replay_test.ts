import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Run } from "../metrics/run.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { agentFile } from "./support/recordings.ts";
import { inTempFolder } from "./support/run_cli.ts";

/** Of each turn, by chain and number: the turns that end before it begins. */
const AFTER: Readonly<Record<string, readonly string[]>> = {
  "0.2": ["0.1"],
  "1.1": ["0.2"],
  "1.2": ["1.1"],
  "2.1": ["0.2"],
  "2.2": ["2.1"],
  "0.3": ["1.2", "2.2"],
  "0.4": ["0.3"],
};

async function inFolderOf(
  ids: readonly string[],
  act: (folder: string) => Promise<void>,
): Promise<void> {
  await inTempFolder(async (folder) => {
    for (const id of ids) await Deno.writeTextFile(`${folder}/${id}.json`, agentFile(id));
    await act(folder);
  });
}

const QUIET = { gpu: "off", witness: false, warmup: 0, workers: 0 } as const;

/** Without what only sessions have. */
const SCHEDULE = { replay: "schedule", idleCap: undefined! } as const;

async function replay(
  url: string,
  path: string,
  options: BenchOptions = {},
  hooks: Parameters<typeof measureBench>[2] = {},
): Promise<Run> {
  return await measureBench(url, {
    ...QUIET,
    dataset: "trace",
    datasetPath: path,
    idleCap: "20ms",
    salt: "test",
    ...options,
  }, hooks);
}

const placeOf = ({ chain, turn }: RequestRecord) => `${chain}.${turn}`;

for (const workers of [0, 1, 2, 4]) {
  Deno.test(`a replay keeps the order of its sessions, with ${workers} workers`, async () => {
    const server = await startSimServer({
      ...{ ttft: "3", itl: "1", prefixCache: true, cacheBlock: 64 },
    });
    const ids = ["a", "b", "c", "d"];
    try {
      await inFolderOf(ids, async (folder) => {
        const run = await replay(server.url, folder, { concurrency: [2], workers });
        const { records, sessions = [], header } = run;
        assertEquals(header.replay?.turns, 32);
        assertEquals(
          sessions.map(({ session, end, sent, notSent }) => [session, end, sent, notSent])
            .toSorted(),
          ids.map((id) => [id, "done", 8, 0]),
        );
        for (const id of ids) {
          const own = new Map(
            records.filter(({ session }) => session === id).map((one) => [placeOf(one), one]),
          );
          assertEquals([...own.keys()].toSorted(), ["0.1", ...Object.keys(AFTER)].toSorted());
          for (const [place, before] of Object.entries(AFTER)) {
            const { sentMs = 0, intendedMs } = own.get(place)!;
            const endMs = Math.max(...before.map((one) => own.get(one)!.endMs!));
            // Each delay of the recording is longer than the cap.
            assert(Math.abs(intendedMs - endMs - 20) < 0.01, `${id} ${place}: ${intendedMs}`);
            assert(sentMs >= intendedMs - 0.01, `${id} ${place} left early`);
          }
        }
        for (const record of records) {
          assertEquals(record.outcome.kind, "ok");
          assertEquals(record.promptTokens, { tokens: record.contentTokens!, source: "usage" });
          assertEquals(record.cachedTokens ?? 0, record.expectedCachedTokens);
        }
        const cached = records.reduce((sum, record) => sum + record.expectedCachedTokens!, 0);
        assert(cached > 0);
      });
    } finally {
      await server.stop();
    }
  });
}

Deno.test("marks and lengths follow from seed and salt, whatever the number of threads", async () => {
  await inFolderOf(["a", "b", "c"], async (folder) => {
    const sums: string[] = [];
    for (const workers of [0, 2]) {
      // The cache of a server that saw the same prompts before knows every one of them.
      const server = await startSimServer({ ttft: "1", itl: "0", prefixCache: true });
      try {
        const options = { concurrency: [3], idleCap: 0, workers } as const;
        await replay(server.url, folder, options);
        const again = await replay(server.url, folder, options);
        const known = ({ records }: Run) =>
          records.filter(({ session }) => session === "b").map((record) =>
            `${placeOf(record)} ${record.cachedTokens ?? 0} ${record.promptTokens?.tokens}`
          ).toSorted().join();
        sums.push(known(again));
        if (workers > 0) continue;
        const other = await replay(server.url, folder, { ...options, salt: "other" });
        assert(known(other) !== known(again), "another salt is not known");
      } finally {
        await server.stop();
      }
    }
    assertEquals(sums[0], sums[1]);
  });
});

Deno.test("a session with a failed request ends, and what it did not send is counted", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0", faults: ["http-500:0.2"], seed: 5 });
  try {
    await inFolderOf(["a", "b", "c", "d", "e"], async (folder) => {
      const { records, sessions = [] } = await replay(server.url, folder, {
        ...{ concurrency: [2], requests: 60 },
      });
      const failed = sessions.filter(({ end }) => end === "failed");
      assert(failed.length > 0);
      for (const { session, sent, notSent } of sessions) {
        const own = records.filter((record) => record.session === session);
        assertEquals([own.length, own.length + notSent], [sent, 8]);
      }
      for (const { session } of failed) {
        const own = records.filter((record) => record.session === session);
        const bad = own.filter(({ outcome }) => outcome.kind !== "ok");
        assert(bad.length > 0);
        // Helpers that run finish; what waits for the failed one is never sent.
        const waiting = own.filter((record) =>
          bad.some((one) => AFTER[placeOf(record)]?.includes(placeOf(one)))
        );
        assertEquals(waiting, []);
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("a context that is too short ends a session in a way of its own", async () => {
  for (const contextWords of ["vllm", "tgi"]) {
    const server = await startSimServer({ ttft: "1", itl: "0", maxModelLen: 350, contextWords });
    try {
      await inFolderOf(["a"], async (folder) => {
        const { records, sessions } = await replay(server.url, folder, { concurrency: [1] });
        const long = records.filter(({ contextTooLong }) => contextTooLong);
        assertEquals(long.map(({ contentTokens }) => contentTokens), [400], contextWords);
        assertEquals(sessions?.map(({ end, sent, notSent }) => [end, sent, notSent]), [
          ["context", 7, 1],
        ]);
      });
    } finally {
      await server.stop();
    }
  }
});

Deno.test("a stop in the middle of sessions lets answers finish and cuts the rest", async () => {
  const server = await startSimServer({ ttft: "20", itl: "2" });
  const stop = new AbortController();
  try {
    await inFolderOf(["a", "b", "c"], async (folder) => {
      let ended = 0;
      const { records, sessions = [], ends } = await replay(server.url, folder, {
        concurrency: [3],
        workers: 2,
      }, {
        stopSignal: stop.signal,
        onRecord: () => ++ended === 4 && stop.abort(),
      });
      assertEquals(ends.map(({ interrupted }) => interrupted), [true]);
      assert(records.every(({ outcome }) => outcome.kind === "ok"));
      assertEquals(sessions.map(({ end }) => end), ["cut", "cut", "cut"]);
      for (const { session, sent, notSent, endMs } of sessions) {
        const own = records.filter((record) => record.session === session);
        assertEquals([own.length, sent + notSent], [sent, 8]);
        assert(own.every((record) => record.endMs! <= endMs + 0.01));
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("sessions are used again under other names, and cut where the load ends", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inFolderOf(["a", "b"], async (folder) => {
      for (const stop of [{ requests: 20 }, { duration: 0.3 }]) {
        const { sessions = [], records } = await replay(server.url, folder, {
          ...{ concurrency: [2], idleCap: 0, ...stop },
        });
        const names = sessions.map(({ session }) => session);
        assertEquals(new Set(names).size, names.length);
        if (stop.requests !== undefined) {
          assertEquals(records.length, 20);
          assert(names.some((name) => name.endsWith("#2")), names.join());
        }
        assert(sessions.filter(({ end }) => end === "cut").length <= 2);
        for (const { session, sent, notSent, end } of sessions) {
          const own = records.filter((record) => record.session === session);
          assertEquals([own.length, sent + notSent], [sent, 8]);
          assertEquals(end === "done", notSent === 0);
        }
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("a session that begins in the middle is warmed up, and measured from there on", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0", prefixCache: true, cacheBlock: 64 });
  try {
    await inFolderOf(["a", "b", "c", "d"], async (folder) => {
      const { records, sessions = [] } = await replay(server.url, folder, {
        ...{ concurrency: [4], sessionStart: 0.9 },
      });
      const warm = records.filter(({ phase }) => phase === "warmup");
      assert(warm.length > 0);
      for (const { session, leftOut = 0, sent } of sessions) {
        assertEquals(sent + leftOut, 8, session);
        const own = records.filter((record) => record.session === session);
        const measured = own.filter(({ phase }) => phase === "measure");
        assertEquals(measured.length, sent);
        const warmed = own.filter(({ phase }) => phase === "warmup");
        for (const { chain, turn } of warmed) {
          const next = measured.find((one) => one.chain === chain && one.turn === turn! + 1);
          assert(next!.cachedTokens! > 0, "its prefix is there");
        }
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("a schedule leaves as recorded, whatever the server does", async () => {
  const server = await startSimServer({ ttft: "200", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const rows = Array.from({ length: 30 }, (_, i) => ({
        ...{ timestamp: 1000 + 40 * Math.floor(i / 3), input_length: 600, output_length: 4 },
        hash_ids: [1, i + 2],
      }));
      const path = `${folder}/rows.jsonl`;
      await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
      const { records, header, sessions } = await replay(server.url, path, {
        ...SCHEDULE,
        ...{ speedup: 2, workers: 2 },
      });
      assertEquals([header.replay?.mode, header.saltScope, sessions], [
        "schedule",
        "load",
        undefined,
      ]);
      assertEquals(
        records.map(({ intendedMs }) => intendedMs).toSorted((a, b) => a - b),
        rows.map(({ timestamp }) => (timestamp - 1000) / 2),
      );
      for (const { contentTokens, promptTokens, session } of records) {
        assertEquals([contentTokens, promptTokens?.tokens, session], [600, 600, undefined]);
      }
      const limited = await replay(server.url, path, {
        ...SCHEDULE,
        ...{ speedup: 100, maxInFlight: 4, overflow: "drop" },
      });
      const kinds = limited.records.map(({ outcome }) => outcome.kind);
      assertEquals([kinds.length, kinds.includes("dropped")], [30, true]);
    });
  } finally {
    await server.stop();
  }
});

Deno.test("hand-written sessions are sent with the server's own answers", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const path = `${folder}/chat.jsonl`;
      const turn = (content: string) => ({
        ...{ messages: [{ role: "user", content }], output_tokens: 8, delay_ms: 5 },
      });
      const turns = [turn("x".repeat(400)), turn("y".repeat(80)), turn("z".repeat(40))];
      await Deno.writeTextFile(path, JSON.stringify({ id: "chat", turns }));
      const tokensOf = ({ records }: Run) =>
        records.map(({ promptTokens }) => promptTokens!.tokens);
      const plain = { concurrency: [1], salt: undefined!, saltScope: "none" } as const;
      const live = await replay(server.url, path, { ...plain, saveText: true });
      const texts = live.records.map(({ text = "" }) => new TextEncoder().encode(text).length);
      assertEquals(live.header.replay?.history, "live");
      assertEquals(tokensOf(live), [
        100,
        Math.ceil((480 + texts[0]!) / 4),
        Math.ceil((520 + texts[0]! + texts[1]!) / 4),
      ]);
      const recorded = await replay(server.url, path, { ...plain, history: "recorded" });
      assertEquals(tokensOf(recorded), [100, 120, 130]);
      // A mark of two tokens stands in front.
      const marked = await replay(server.url, path, { concurrency: [1], history: "recorded" });
      assertEquals(tokensOf(marked), [102, 122, 132]);
      // Where the server counts nothing, we do.
      const silent = await startSimServer({ ttft: "1", itl: "0", usage: "never" });
      try {
        const counted = await replay(silent.url, path, { concurrency: [1], history: "recorded" });
        assertEquals(tokensOf(counted), [102, 122, 132]);
        assert(counted.records.every((one) => one.promptTokens!.source === "estimate"));
      } finally {
        await silent.stop();
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("options that a recording has no place for are refused with a reason", async () => {
  await inFolderOf(["a"], async (folder) => {
    const cases: readonly (readonly [BenchOptions, string])[] = [
      [{ rate: [1] }, "--rate with a recording"],
      [{ prompts: 4 }, "--prompts with a recording"],
      [{ numTurns: 2 }, "--num-turns with a recording"],
      [{ warmup: 3 }, "--warmup N with a recording"],
      [{ speedup: 2 }, "--speedup with --replay sessions"],
      [{ maxInFlight: 2 }, "--max-in-flight with --replay sessions"],
      [{ history: "live" }, "--history live with"],
      [{ replay: "schedule" }, "--idle-cap with --replay schedule"],
      [{ ...SCHEDULE, concurrency: [4] }, "--concurrency with --replay schedule"],
      [{ ...SCHEDULE, sessionStart: 0.5 }, "--session-start with --replay schedule"],
      [{ ...SCHEDULE, history: "live" }, "--history live with --replay schedule"],
      [{ ...SCHEDULE, from: "1h" }, "nothing was recorded then"],
      [{ idleCap: "soon" }, "--idle-cap soon"],
      [{ maxContext: 10 }, "nothing of it is left"],
    ];
    for (const [options, says] of cases) {
      const error = await assertRejects(() => replay("http://x", folder, options), UserError);
      assertStringIncludes(error.message, says);
    }
    const error = await assertRejects(
      () => measureBench("http://x", { ...QUIET, speedup: 2 }),
      UserError,
    );
    assertStringIncludes(error.message, "it is for trace");
  });
});

Deno.test("a turn arrives at the server after the end of the one before and its delay", async () => {
  const server = await startSimServer({ ttft: "3", itl: "1" });
  try {
    await inTempFolder(async (folder) => {
      const path = `${folder}/chain.jsonl`;
      const turn = { messages: "Go on.", output_tokens: 5, delay_ms: 15 };
      await Deno.writeTextFile(path, JSON.stringify({ id: "chain", turns: Array(8).fill(turn) }));
      await replay(server.url, path, { concurrency: [1], workers: 2 });
      // Behind the check.
      const seen = server.truth().slice(-8).toSorted((a, b) => a.arrivalMs - b.arrivalMs);
      for (const [i, { arrivalMs }] of seen.entries()) {
        const before = seen[i - 1];
        if (before === undefined) continue;
        const lastMs = before.writeMs.at(-1) ?? before.endMs!;
        assert(arrivalMs - lastMs >= 15 - 0.5, `${arrivalMs - lastMs} ms behind the one before`);
      }
    });
  } finally {
    await server.stop();
  }
});

const TRACES = Deno.env.get("TOKOMETER_TRACES");

Deno.test({
  name: "what is sent of recorded agents shares as much as their files say (TOKOMETER_TRACES)",
  ignore: TRACES === undefined,
  async fn() {
    const server = await startSimServer({
      ...{ ttft: "1", itl: "0", prefixCache: true, cacheBlock: 64 },
    });
    try {
      // One session at a time, as the golden values were computed.
      const { records, sessions, header } = await replay(server.url, `${TRACES}/weka`, {
        ...{ concurrency: [1], idleCap: 0, outputTokens: 2 },
      });
      assertEquals([records.length, sessions?.length], [470, 11]);
      const sum = (of: (record: RequestRecord) => number) =>
        records.reduce((total, record) => total + of(record), 0);
      const tokens = sum(({ contentTokens = 0 }) => contentTokens);
      assertEquals(sum(({ promptTokens }) => promptTokens!.tokens), tokens);
      const expected = sum(({ expectedCachedTokens = 0 }) => expectedCachedTokens);
      assertEquals(sum(({ cachedTokens = 0 }) => cachedTokens), expected);
      assert(Math.abs(expected / tokens - header.replay!.expectedShare!) < 1e-9);
    } finally {
      await server.stop();
    }
  },
});
