import { assertEquals, assertMatch } from "@std/assert";
import { FIN, startRawServer, type Step } from "./support/raw_server.ts";
import { runCli } from "./support/run_cli.ts";

const OK = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
const EVENT = 'data: {"choices":[{"index":0,"text":"a","finish_reason":"length"}]}\n\n';
const GOOD = `${OK}content-type: text/event-stream\r\n\r\n${EVENT}data: [DONE]\n\n`;

/** What `bench` says of a server that answers the check request well, and all others so. */
async function bench(
  steps: readonly Step[],
  ...options: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const server = await startRawServer(({ index }) => index === 0 ? [GOOD, FIN] : steps);
  try {
    return await runCli([
      ...[
        "bench",
        server.url,
        "--protocol",
        "openai-completions",
        "--model",
        "m",
        "--length",
        "cap",
      ],
      ...["--output-tokens", "1", "--warmup", "0", "--requests", "2", "--concurrency", "2"],
      ...["--no-save", "--no-witness", "--workers", "0", "--timeout", "20", ...options],
    ]);
  } finally {
    await server.close();
  }
}

for (const transport of ["socket", "fetch"]) {
  Deno.test(`bench reports an answer above --max-answer as a failure that says so (${transport})`, async () => {
    const endless = [`${OK}content-type: text/event-stream\r\n\r\n`, EVENT.repeat(400), 20_000];
    const { code, out, err } = await bench(
      endless,
      ...["--transport", transport, "--max-answer", "16KiB"],
    );
    assertEquals(code, 1, err);
    assertMatch(out, /protocol_error 2: the answer is larger than 16 KiB \(--max-answer\) \(2\)/);
  });
}

Deno.test("bench refuses a server whose list of models does not end", async () => {
  const server = await startRawServer(() => [
    `${OK}content-type: application/json\r\n\r\n{"data":[`,
    ...Array(80).fill(`"${"x".repeat(65_536)}",`),
    20_000,
  ]);
  const { code, err } = await runCli(["bench", server.url, "--no-save"]);
  await server.close();
  assertEquals(code, 3);
  assertMatch(err, /Cannot use .*the answer is larger than 4 MiB[;\n]/);
});
