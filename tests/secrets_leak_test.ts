/** Secrets planted everywhere, a server that repeats all it is sent, and every output searched. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { ENCODINGS, startEchoServer } from "./support/echo_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

/** One for each place, each with characters that encodings change. */
const KEY = "sk-Plant3d/Key+with=signs";
const HEADER = "h3ader-s3cret value";
const QUERY = "qu3ry&key é";
const FIELD = 'f1eld"secret\\x';
const PASSWORD = "pa55:word@x";
const PROXY = "pr0xy-pass";
const LAUNCH = "launch-k3y-1234";
/** Those that a server is sent by {@linkcode OPTIONS}. */
const SENT = [KEY, HEADER, QUERY, FIELD];
const ALL = [...SENT, PASSWORD, PROXY, LAUNCH];

const OPTIONS: readonly string[] = [
  `--api-key=${KEY}`,
  `--header=X-Tenant: ${HEADER}`,
  `--endpoint=/v1/chat/completions?api-version=2024-10-21&subscription-key=${
    encodeURIComponent(QUERY)
  }`,
  `--extra-body=${JSON.stringify({ auth: { access_token: FIELD }, top_k: 3 })}`,
];
const QUICK = ["--output-tokens=3", "--length=cap", "--concurrency=2", "--warmup=0"];

/** Every form in which a secret would be readable. */
const FORMS = ALL.flatMap((secret) => [...ENCODINGS, innerBase64].map((encode) => encode(secret)))
  // JSON's quotes are not the secret.
  .map((form) => form.replace(/^[\\"]+|[\\"]+$/g, "").toLowerCase());

/** What is the same in the Base64 of every text that begins with it. */
function innerBase64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).slice(0, Math.floor((bytes.length * 8) / 6));
}

/** Asserts that no secret can be read in a text. */
function assertClean(text: string, where: string): void {
  const lower = text.toLowerCase();
  for (const form of FORMS) {
    const at = lower.indexOf(form);
    assert(at < 0, `${where} holds ${form}: …${text.slice(Math.max(0, at - 80), at + 80)}`);
  }
}

/** The same of every file of a folder; returns their names. */
async function assertCleanFiles(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      names.push(...await assertCleanFiles(path));
    } else {
      names.push(name);
      assertClean(await Deno.readTextFile(path), path);
    }
  }
  return names;
}

function assertCleanRun({ out, err }: Ran, where: string): void {
  assertClean(out, `${where}: stdout`);
  assertClean(err, `${where}: stderr`);
}

/** With a proxy in the environment whose password is a secret; local servers are not proxied. */
async function withProxy(use: () => Promise<void>): Promise<void> {
  const before = Deno.env.get("HTTP_PROXY");
  Deno.env.set("HTTP_PROXY", `http://user:${PROXY}@127.0.0.1:9`);
  try {
    await use();
  } finally {
    if (before === undefined) Deno.env.delete("HTTP_PROXY");
    else Deno.env.set("HTTP_PROXY", before);
  }
}

Deno.test("no output of a run holds a secret that the server repeats", () =>
  inTempFolder((folder) =>
    withProxy(async () => {
      const server = startEchoServer({ secrets: ALL });
      try {
        const requests = `--requests=${ENCODINGS.length * 4}`;
        const out = `${folder}/out`;
        const bench = ["bench", server.url, ...OPTIONS, ...QUICK, requests, "--no-witness"];
        const ran = await runCli([...bench, "--save-text", "--max-failures=100", `--out=${out}`]);
        assertEquals(ran.code, 0, ran.err);
        assertCleanRun(ran, "bench");
        assertStringIncludes(ran.out, "Refused: '***'");
        assertEquals([...server.repeated].toSorted(), SENT.toSorted());
        const files = await assertCleanFiles(out);
        for (const name of ["records.jsonl", "report.csv", "report.html", "report.json"]) {
          assert(files.includes(name), `${name}: ${files}`);
        }
        const records = await Deno.readTextFile(`${out}/records.jsonl`);
        assertStringIncludes(records, "You sent '***'");
        // What is no secret stays.
        assertStringIncludes(records, "api-version=2024-10-21&subscription-key=***");
        assertStringIncludes(records, '"top_k":3');

        // `***` would be sent as it stands.
        const config = ["bench", `--config=${out}/records.jsonl`, `--api-key=${KEY}`, "--no-save"];
        const refused = await runCli(config);
        assertEquals(refused.code, 2);
        assertStringIncludes(
          refused.err,
          'Cannot use "endpoint" of --config: it was stored without',
        );

        for (const format of ["table", "csv", "json", "html"]) {
          const again = await runCli(["report", out, `--format=${format}`, "--max-failures=100"]);
          assertEquals(again.code, 0, again.err);
          assertCleanRun(again, `report --format ${format}`);
        }
      } finally {
        await server.stop();
      }
    })
  ));

Deno.test("no refusal of a run, probe, script or sweep holds a secret", () =>
  inTempFolder((folder) =>
    withProxy(async () => {
      const server = startEchoServer({ secrets: ALL, refuse: true });
      try {
        const script = [`--base-url=${server.url}`, ...OPTIONS, "--workers=0"];
        const lines: readonly (readonly string[])[] = [
          ["bench", server.url, ...OPTIONS, ...QUICK, "--no-save"],
          ["bench", server.url, ...OPTIONS, "--model=m", ...QUICK, "--no-save"],
          ["bench", server.url, ...OPTIONS, "--model=m", "--dry-run"],
          ["bench", server.url, ...OPTIONS, "--launch=vllm"],
          ["bench", ...OPTIONS, "--nonsense"],
          ["bench", `${server.url}?key=${KEY}`, `--api-key=${KEY}`],
          ["probe", server.url, ...OPTIONS],
          ["probe", server.url, ...OPTIONS, "--model=m", "--raw"],
          ["probe", server.url, ...OPTIONS, "--curl"],
          ["num-clients", ...script, "--num-requests=2", "--num-clients=2", "--ramp-up-time=0"],
          ["request-rate", ...script, "--num-requests=2"],
          [
            ...["sweep", ...script, "--clients=2", "--prompts=2", "--stop-time=0"],
            ...["--ramp-up-time=0", "--model-size=7", "--tp=1", "--mode=fp16"],
            `--folder=${folder}/sweep`,
          ],
        ];
        for (const line of lines) {
          const ran = await runCli(line);
          assertCleanRun(ran, line.slice(0, 2).join(" "));
          if (/curl|dry-run/.test(line.join())) assertEquals(ran.code, 0, ran.err);
          else assert(ran.code > 0, line.join(" "));
        }
        assertEquals([...server.repeated].toSorted(), SENT.toSorted());
        const files = await assertCleanFiles(folder);
        assert(files.includes("benchmark_all_cuda.log"), files.join());
      } finally {
        await server.stop();
      }
    })
  ));

Deno.test("a URL's password is in no output", () =>
  inTempFolder(async (folder) => {
    const server = startEchoServer({ secrets: [PASSWORD] });
    const address = server.url.replace("://", `://user:${encodeURIComponent(PASSWORD)}@`);
    try {
      const out = `${folder}/out`;
      for (const transport of ["fetch", "socket"]) {
        const ran = await runCli([
          ...["bench", address, "--model=m", ...QUICK, "--requests=4", "--no-witness"],
          ...[`--transport=${transport}`, `--out=${out}-${transport}`],
        ]);
        assertCleanRun(ran, transport);
      }
      await assertCleanFiles(folder);
      const closed = await runCli(["bench", address.replace(/\d+$/, "9"), "--model=m"]);
      assertEquals(closed.code, 3);
      assertCleanRun(closed, "a closed port");
    } finally {
      await server.stop();
    }
  }));

Deno.test("passwords too short to be looked for are not shown in URLs", async () => {
  for (
    const argv of [
      ["bench", "http://u:pw@127.0.0.1:9?sig=ab", "--model=m", "--no-save"],
      ["bench", "http://u:pw@127.0.0.1:9", "--transport=socket", "--no-save"],
      // A random mark of prompts would be "pw…" now and then.
      ["bench", "http://u:pw@127.0.0.1:9", "--model=m", "--dry-run", "--salt-scope=none"],
      ["probe", "http://u:pw@127.0.0.1:9?sig=ab", "--model=m", "--curl"],
    ]
  ) {
    const { out, err } = await runCli(argv);
    assertStringIncludes(out + err, "http://127.0.0.1:9");
    assert(!/pw|sig=ab/.test(out + err), out + err);
  }
});

Deno.test("errors and runs of the library are without secrets", async () => {
  const options = {
    ...{ apiKey: KEY, header: [`X-Tenant: ${HEADER}`], model: "m", length: "cap" as const },
    ...{ concurrency: [1], requests: 8, warmup: 0, witness: false, saveText: true, workers: 0 },
  };
  const refusing = startEchoServer({ secrets: ALL, refuse: true });
  const echoing = startEchoServer({ secrets: ALL });
  try {
    const error = await measureBench(refusing.url, options).catch((error) => error);
    assert(error instanceof UserError);
    assertStringIncludes(error.message, "***");
    assertClean(`${error.message} ${error.stack}`, "the error");
    const run = await measureBench(echoing.url, options);
    assertClean(JSON.stringify(run), "the run");
  } finally {
    await refusing.stop();
    await echoing.stop();
  }
});

Deno.test({
  name: "the log of a launched server and the command line that started it hold no key",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inTempFolder(async (folder) => {
      const fake = new URL("support/fake_engine.ts", import.meta.url).pathname;
      const launch = [
        ...["--launch=llama.cpp", "--model-path=M.gguf", "--launch-port=0"],
        ...[`--launch-executable=${fake}`, `--launch-log=${folder}/engine.log`],
      ];
      await Deno.writeTextFile(`${folder}/engine.log`, "older lines stay\n");
      const ran = await runCli([
        ...["bench", ...launch, `--launch-args=--api-key ${LAUNCH}`, "--quiet"],
        ...["--requests=2", "--concurrency=1", "--no-witness", `--out=${folder}/out`],
      ]);
      assertEquals(ran.code, 0, ran.err);
      assertCleanRun(ran, "bench");
      assert((await assertCleanFiles(folder)).includes("engine.log"));
      const log = await Deno.readTextFile(`${folder}/engine.log`);
      assert(log.startsWith("older lines stay\nfake engine: loading the model"), log);
      assertStringIncludes(log, `--api-key ${"*".repeat(LAUNCH.length)}`);
    }),
});

Deno.test("short keys and words that stand for none change no report", () =>
  inTempFolder(async (folder) => {
    const server = startEchoServer({ secrets: [] });
    try {
      for (const [i, key] of ["1", "EMPTY", "none", "test", "stream"].entries()) {
        const out = `${folder}/${i}`;
        const ran = await runCli([
          ...["bench", server.url, ...QUICK, `--api-key=${key}`, "--header=Accept: text/plain"],
          ...["--requests=2", "--no-witness", "--max-failures=100", `--out=${out}`],
        ]);
        assertEquals(ran.code, 0, ran.err);
        assert(!ran.out.includes("***"), ran.out);
        const [header = "", ...rest] = (await Deno.readTextFile(`${out}/records.jsonl`)).split(
          "\n",
        );
        assertStringIncludes(header, '"--api-key=***"');
        assert(!rest.join("").includes("***"));
      }
    } finally {
      await server.stop();
    }
  }));
