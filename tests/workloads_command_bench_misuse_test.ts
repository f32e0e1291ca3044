import { assert, assertEquals, assertMatch } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

/** Every mistake of a new user: one clear sentence, the right exit code, nothing measured. */
interface Mistake {
  readonly name: string;
  readonly argv: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

/** A port on which nothing listens. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

Deno.test("bench: each mistake gives one clear sentence and the right exit code", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  const website = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<html>hello</html>", { headers: { "content-type": "text/html" } }),
  );
  const site = `http://127.0.0.1:${(website.addr as Deno.NetAddr).port}`;
  const { url } = server;
  await inTempFolder(async (folder) => {
    const file = (name: string, text: string): string => {
      Deno.writeTextFileSync(`${folder}/${name}`, text);
      return `${folder}/${name}`;
    };
    Deno.mkdirSync(`${folder}/empty-tokenizer`);
    const shortOnly = JSON.stringify([
      { id: "a", conversations: [{ from: "human", value: "x" }, { from: "gpt", value: "y" }] },
    ]);
    const mistakes: readonly Mistake[] = [
      {
        name: "no url",
        argv: [],
        code: 2,
        says: /Cannot run "bench" without <url>.*127\.0\.0\.1:8000.*--launch/,
      },
      {
        name: "wrong url",
        argv: ["http://"],
        code: 2,
        says: /Cannot use "http:\/\/" as the server/,
      },
      { name: "no http", argv: ["ftp://x:1"], code: 2, says: /Cannot use "ftp:\/\/x:1" as the/ },
      {
        name: "wrong port",
        argv: [`http://127.0.0.1:${freePort()}`],
        code: 3,
        says: /Cannot reach http:\/\/127\.0\.0\.1:\d+: connection refused/,
      },
      {
        name: "unknown host",
        argv: ["http://no-such-host.invalid:8000"],
        code: 3,
        says: /Cannot reach http:\/\/no-such-host\.invalid:8000: host name not found/,
      },
      {
        name: "not an LLM server",
        argv: [site],
        code: 3,
        says: /model of .*models answered HTML page.*, not JSON; .*is it an LLM server/,
      },
      {
        name: "not an LLM server, model given",
        argv: [site, "--model", "m"],
        code: 3,
        says: /Cannot use .* as openai-chat: protocol error/,
      },
      {
        name: "unknown model",
        argv: [url, "--model", "nope"],
        code: 3,
        says: /Cannot use .*: status 404, .*does not serve the model nope: it serves .*by --model/,
      },
      {
        name: "unknown option",
        argv: [url, "--concurency", "3"],
        code: 2,
        says: /concurency.*did you mean --concurrency/,
      },
      {
        name: "negative number",
        argv: [url, "--concurrency", "-4"],
        code: 2,
        says: /Cannot use --concurrency -4: give/,
      },
      { name: "negative rate", argv: [url, "--rate=-1"], code: 2, says: /Cannot use --rate -1/ },
      { name: "no number", argv: [url, "--requests", "many"], code: 2, says: /--requests many/ },
      {
        name: "two kinds of load",
        argv: [url, "--rate=1", "--concurrency=1"],
        code: 2,
        says: /Cannot use --concurrency and --rate together/,
      },
      {
        name: "unknown protocol",
        argv: [url, "--protocol", "openai"],
        code: 2,
        says: /--protocol openai.*openai-chat/,
      },
      {
        name: "missing dataset",
        argv: [url, "--dataset-path", `${folder}/none.json`],
        code: 2,
        says: /none\.json.*no such file|Cannot .*none\.json/,
      },
      {
        name: "dataset without a file",
        argv: [url, "--dataset", "sharegpt"],
        code: 2,
        says: /add --dataset-path FILE/,
      },
      {
        name: "broken JSON",
        argv: [url, "--dataset-path", file("broken.json", '[{"id": "a", ')],
        code: 2,
        says: /broken\.json/,
      },
      {
        name: "dataset with nothing usable",
        argv: [url, "--dataset-path", file("short.json", shortOnly)],
        code: 2,
        says: /short\.json/,
      },
      {
        name: "empty dataset",
        argv: [url, "--dataset-path", file("empty.jsonl", "")],
        code: 2,
        says: /empty\.jsonl/,
      },
      {
        name: "tokenizer folder without its files",
        argv: [url, "--tokenizer", `${folder}/empty-tokenizer`],
        code: 2,
        says: /Cannot find tokenizer\.json or tokenizer\.model in .*empty-tokenizer/,
      },
      {
        name: "bad length",
        argv: [url, "--output-tokens", "long"],
        code: 2,
        says: /Cannot use --output-tokens "long": give 128, uniform:100:200/,
      },
      { name: "p100", argv: [url, "--percentiles=100"], code: 2, says: /largest value .* "max"/ },
      {
        name: "bad slo",
        argv: [url, "--slo", "speed:5"],
        code: 2,
        says: /Cannot use --slo "speed:5": "speed" is/,
      },
      { name: "bad header", argv: [url, "--header", "nocolon"], code: 2, says: /"Name: value"/ },
      {
        name: "insecure fetch",
        argv: [url, "--insecure", "--transport", "fetch"],
        code: 2,
        says: /--insecure.*--transport socket/,
      },
      {
        name: "HTTP over gRPC's transport",
        argv: [url, "--transport", "grpc-socket"],
        code: 2,
        says:
          /Cannot use --transport grpc-socket with openai-chat: it carries gRPC.*use fetch or socket/,
      },
      {
        name: "gRPC over HTTP's transport",
        argv: [url, "--protocol", "ppl", "--transport", "socket"],
        code: 2,
        says: /Cannot use --transport socket with ppl: it carries HTTP.*use grpc or grpc-socket/,
      },
      {
        name: "missing key variable",
        argv: [url, "--api-key", "env:NO_SUCH_VARIABLE_HERE"],
        code: 2,
        says: /NO_SUCH_VARIABLE_HERE/,
      },
      {
        name: "a query that was not stored",
        argv: [`${url}/v1?key=***`],
        code: 2,
        says: /a part of its query was not stored/,
      },
      {
        name: "existing folder",
        argv: [url, "--out", folder, "--requests=1", "--output-tokens=1"],
        code: 2,
        says: /exists already/,
      },
      {
        name: "forced length over TGI",
        argv: [url, "--protocol", "tgi", "--length", "forced"],
        code: 2,
        says: /Cannot force a length over tgi.*--length cap/,
      },
    ];
    for (const { name, argv, code, says } of mistakes) {
      const ran = await runCli([
        "bench",
        ...argv,
        ...(argv.includes("--out") ? [] : ["--no-save"]),
      ]);
      assertEquals(ran.code, code, `${name}: ${ran.err}`);
      assertEquals(ran.out, "", name);
      assertMatch(ran.err, says, name);
      const lines = ran.err.trim().split("\n");
      const errors = lines.filter((line) => line.startsWith("error: "));
      assertEquals(errors.length, 1, `${name}: ${ran.err}`);
      assert(!/\bat .*\.ts:\d+/.test(ran.err), `${name} shows a stack: ${ran.err}`);
    }
  });
  await website.shutdown();
  await server.stop();
});

Deno.test("bench: a full disk loses the file, not the run", async () => {
  // A file system of 128 KiB; needs the right to mount, else there is nothing to test.
  const folder = await Deno.makeTempDir();
  const mounted = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=128k", "tmpfs", folder],
    stdout: "null",
    stderr: "null",
  }).output().catch(() => ({ success: false }));
  if (!mounted.success) {
    await Deno.remove(folder);
    return;
  }
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const { code, out, err } = await runCli([
      "bench",
      server.url,
      "--out",
      `${folder}/out`,
      "--requests=200",
      "--output-tokens=400",
      // The leaner ones join tokens of such a fast server, and have less to keep.
      "--transport=fetch",
    ]);
    assertEquals(code, 2, err);
    assertMatch(out, /200 of 200 completed/);
    assertMatch(err, /error: Cannot write the record file .*No space left.*the files are not/);
  } finally {
    await server.stop();
    await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
});

Deno.test("bench and probe tell that they wait for a slow server's first answer", async () => {
  const server = await startSimServer({ ttft: "2100", itl: "0" });
  try {
    const { code, err } = await runCli([
      "bench",
      server.url,
      "--requests=1",
      "--concurrency=1",
      "--warmup=0",
      "--workers=0",
      "--output-tokens=2",
      "--no-save",
    ]);
    assertEquals(code, 0, err);
    assertMatch(err, /^waiting for the server's first answer {2}1 in flight {2}\d+ s$/m);
    const probed = await runCli(["probe", server.url, "--output-tokens=2"]);
    assertEquals(probed.code, 0, probed.err);
    assertMatch(probed.err, /^waiting for the server's answer {2}1 in flight {2}\d+ s$/m);
  } finally {
    await server.stop();
  }
});
