/** Loads of several servers, models and classes, measured. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { epollIsUsable } from "../backends/epoll_libc.ts";
import { startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { type CompletionsServer, startCompletionsServer } from "./support/completions_server.ts";
import { refusedPort } from "./support/raw_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const QUICK: BenchOptions = {
  protocol: "openai-completions",
  concurrency: [4],
  requests: 30,
  outputTokens: 4,
  warmup: 0,
  witness: false,
  noCalibration: true,
  gpu: "off",
};

async function withServers(
  models: readonly (readonly string[] | undefined)[],
  use: (urls: readonly string[], servers: readonly CompletionsServer[]) => Promise<void>,
): Promise<void> {
  const servers = models.map((names) =>
    startCompletionsServer(names === undefined ? {} : { models: names })
  );
  try {
    await use(servers.map(({ url }) => url), servers);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** `class model server` of each request of a run, in the order of their numbers. */
function assigned({ records }: Run): readonly string[] {
  return measured(records).toSorted((a, b) => a.index - b.index)
    .map((record) => `${record.class} ${record.model} ${record.server}`);
}

function measured(records: readonly RequestRecord[]): readonly RequestRecord[] {
  return records.filter(({ phase }) => phase === "measure");
}

function count(values: readonly unknown[]): Record<string, number> {
  return Object.fromEntries(
    Map.groupBy(values, String).entries().map(([value, all]) => [value, all.length]),
  );
}

Deno.test("requests take turns at the servers; each class and model has its share", async () => {
  await withServers([undefined, undefined], async (urls, servers) => {
    const options: BenchOptions = {
      ...QUICK,
      models: "base:70,sql:20,chat:10",
      mix: "short:60=synthetic:8/2,long:40=synthetic:64/6",
    };
    const runs: Run[] = [];
    for (
      const other of [{ workers: 0 }, { workers: 1 }, { workers: 3, transport: "socket" }, {
        rate: [Infinity],
        concurrency: undefined,
      }] as BenchOptions[]
    ) {
      runs.push(await measureBench(urls, { ...options, ...other }));
    }
    const [first, ...others] = runs.map(assigned);
    for (const other of others) assertEquals(other, first);
    const { header, records } = runs[0]!;
    assertEquals(records.every(({ outcome }) => outcome.kind === "ok"), true);
    assertEquals(header.urls, urls);
    assertEquals(header.models?.map(({ name }) => name), ["base", "sql", "chat"]);
    assertEquals(header.classes, [{ name: "short", weight: 60 }, { name: "long", weight: 40 }]);
    assertEquals(count(measured(records).map((record) => record.server)), { 0: 15, 1: 15 });
    assertEquals(count(measured(records).map((record) => record.model)), {
      ...{ base: 21, sql: 6, chat: 3 },
    });
    assertEquals(count(measured(records).map((record) => record.class)), { short: 18, long: 12 });
    // What the record says is what was sent: 30 of each run, and the checks of all of it.
    const lengths = { short: 2, long: 6 } as Record<string, number>;
    for (const record of measured(records)) {
      assertEquals(record.requestedTokens, lengths[record.class!]);
    }
    const texts = servers.flatMap(({ bodies }) => bodies.map(({ prompt }) => String(prompt)));
    const tokens = texts.filter((text) => !/Checking/.test(text)).map((text) => text.length / 4);
    assertEquals(count(tokens.map(Math.ceil)), { 8: 18 * 4, 64: 12 * 4 });
    const sent = servers.map(({ bodies }) => bodies.length);
    const checks = [3 + 1, 3].map((one) => one * runs.length);
    assertEquals(sent, checks.map((one) => one + 15 * runs.length));
    assertEquals(
      count(servers.flatMap(({ bodies }) => bodies.map(({ model }) => model))),
      { base: 21 * 4 + 3 * 4, sql: 6 * 4 + 2 * 4, chat: 3 * 4 + 2 * 4 },
    );
  });
});

Deno.test("every transport sends to several servers", async () => {
  const servers = await Promise.all(
    [0, 1].map(() => startSimServer({ ttft: "1", itl: "1", anyModel: true, grpcPort: 0 })),
  );
  const epoll = epollIsUsable() ? [["openai-chat", "epoll"]] : [];
  const pairs = [["openai-chat", "socket"], ["openai-chat", "fetch"], ...epoll].concat([
    ["ppl", "grpc"],
    ["ppl", "grpc-socket"],
  ]);
  try {
    for (const [protocol = "", transport = ""] of pairs) {
      const urls = servers.map(({ url, grpcUrl }) => protocol === "ppl" ? grpcUrl! : url);
      const { records } = await measureBench(urls, {
        ...QUICK,
        ...{ protocol, transport, requests: 12, dataset: "synthetic" },
      });
      const all = measured(records);
      assertEquals(count(all.map(({ outcome }) => outcome.kind)), { ok: 12 }, transport);
      assertEquals(count(all.map(({ server }) => server)), { 0: 6, 1: 6 }, transport);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
});

Deno.test("a pool of few prompts does not keep a load from its shares", async () => {
  await withServers([undefined, undefined], async (urls) => {
    const { records } = await measureBench(urls, {
      ...QUICK,
      ...{ models: "a:2,b:1", prompts: 2, requests: 24 },
    });
    const all = measured(records);
    assertEquals(count(all.map(({ model }) => model)), { a: 16, b: 8 });
    assertEquals(count(all.map(({ server }) => server)), { 0: 12, 1: 12 });
    assertEquals(new Set(all.map(({ promptId }) => promptId)).size, 2);
  });
});

Deno.test("models take turns where they are asked to", async () => {
  await withServers([undefined], async (urls) => {
    const { records } = await measureBench(urls, {
      ...QUICK,
      ...{ models: "a,b,c", modelAssignment: "round-robin", requests: 7 },
    });
    const models = measured(records).toSorted((a, b) => a.index - b.index);
    assertEquals(models.map(({ model }) => model).join(""), "abcabca");
  });
});

Deno.test("a name that one of the servers does not know is named before the load", async () => {
  await withServers([["base", "sql", "chat"], ["base", "chat"]], async (urls, servers) => {
    const { message } = await assertRejects(
      () => measureBench(urls, { ...QUICK, models: "base,sql,chat" }),
      UserError,
    );
    assertStringIncludes(message, urls[1]!);
    assertStringIncludes(message, "it does not serve the model sql: it serves base, chat");
    assertStringIncludes(message, "give one in --models");
    // Three names on the first, two on the second, and nothing of the load.
    assert(servers[0]!.bodies.length === 3, `${servers[0]!.bodies.length}`);
  });
});

Deno.test("a call that names no model cannot ask for several", async () => {
  const server = await startSimServer({ engine: "tgi", ttft: "1", itl: "1" });
  try {
    await assertRejects(
      () => measureBench(server.url, { ...QUICK, protocol: "tgi", models: "a,b" }),
      UserError,
      "Cannot use --models over tgi: its call names no model",
    );
  } finally {
    await server.stop();
  }
});

Deno.test("a server that is not there stops the run with its address", async () => {
  await withServers([undefined], async ([url], [server]) => {
    const dead = `http://127.0.0.1:${await refusedPort()}`;
    for (const transport of ["fetch", "socket"]) {
      await assertRejects(
        () => measureBench([url!, dead], { ...QUICK, transport }),
        UserError,
        `Cannot reach ${dead}`,
      );
    }
    assertEquals(server!.bodies.length, 2);
  });
});

Deno.test("--session-header has another value in each request, and none is kept", async () => {
  await withServers([undefined, undefined], async (urls, servers) => {
    const { records } = await measureBench(urls, {
      ...QUICK,
      ...{ sessionHeader: "X-Session-ID", workers: 2, warmup: 3, transport: "socket" },
    });
    assertEquals(measured(records).length, 30);
    const values = servers.flatMap(({ heads }) => heads.map((head) => head.get("x-session-id")));
    assertEquals(values.length, 30 + 3 + 2);
    assert(values.every((value) => /^[\w-]{8,}$/.test(value ?? "")), values.join());
    // The two checks are questions of one and the same client.
    assertEquals(new Set(values).size, 30 + 3 + 1);
    const kept = JSON.stringify(records);
    for (const value of values) assert(!kept.includes(value!), value!);
  });
});

Deno.test("bench takes --url beside its argument, and hides what is secret in it", async () => {
  await withServers([undefined, undefined], async (urls) => {
    await inTempFolder(async (folder) => {
      const secret = urls[1]!.replace("//", "//user:hunter2hunter2@");
      const argv = [
        ...["bench", urls[0]!, "--url", secret, "--protocol=openai-completions", "-n=6", "-c=2"],
        ...["--output-tokens=4", "--warmup=0", "--no-witness", `--out=${folder}/run`],
        ...["--transport=socket", "--workers=0"],
      ];
      const { code, out, err } = await runCli(argv);
      assertEquals(code, 0, err);
      const files = await Array.fromAsync(
        Deno.readDir(`${folder}/run`),
        ({ name }) => Deno.readTextFile(`${folder}/run/${name}`),
      );
      for (const text of [out, err, ...files]) assert(!text.includes("hunter2"), text);
      const [line = ""] = (await Deno.readTextFile(`${folder}/run/records.jsonl`)).split("\n");
      const { header } = JSON.parse(line);
      assertEquals(header.urls, urls);
      assertEquals(header.options.url.length, 2);
    });
  });
});

Deno.test("a session keeps its server, its model and its header's value", async () => {
  await withServers([undefined, undefined], async (urls, servers) => {
    await inTempFolder(async (folder) => {
      const datasetPath = `${folder}/sessions.jsonl`;
      const turn = (text: string) => ({
        messages: [{ role: "user", content: text }],
        output_tokens: 3,
        delay_ms: 0,
      });
      const sessions = Array.from({ length: 6 }, (_, id) => ({
        id: `s${id}`,
        turns: [1, 2, 3].map((number) => turn(`session ${id} turn ${number}`)),
      }));
      await Deno.writeTextFile(
        datasetPath,
        sessions.map((session) => `${JSON.stringify(session)}\n`).join(""),
      );
      const { requests: _, outputTokens: __, ...quick } = QUICK;
      const { header, records } = await measureBench(urls, {
        ...quick,
        ...{ dataset: "trace", datasetPath, models: "a:2,b:1", sessionHeader: "X-Session-ID" },
        workers: 2,
      });
      assertEquals(header.models?.length, 2);
      const of = Map.groupBy(measured(records), ({ session }) => session);
      assertEquals([...of.values()].map((all) => all.length), [3, 3, 3, 3, 3, 3]);
      const places = [...of.values()].map((all) =>
        new Set(all.map(({ server, model }) => `${server} ${model}`))
      );
      assertEquals(places.map(({ size }) => size), [1, 1, 1, 1, 1, 1]);
      assertEquals(count(measured(records).map(({ server }) => server)), { 0: 9, 1: 9 });
      assertEquals(count(measured(records).map(({ model }) => model)), { a: 12, b: 6 });
      // What was really sent: all turns of a session at one place with one value.
      const seen = new Map<string, Set<string>>();
      for (const [server, { bodies, heads }] of servers.entries()) {
        for (const [i, { prompt, model }] of bodies.entries()) {
          const [session] = /session \d/.exec(String(prompt)) ?? [];
          if (session === undefined || /Checking|Warm-up/.test(String(prompt))) continue;
          const place = `${server} ${model} ${heads[i]!.get("x-session-id")}`;
          seen.set(session, (seen.get(session) ?? new Set()).add(place));
        }
      }
      assertEquals([...seen.values()].map(({ size }) => size), [1, 1, 1, 1, 1, 1]);
      const values = [...seen.values()].map(([place]) => place!.split(" ")[2]);
      assertEquals(new Set(values).size, 6);
    });
  });
});
