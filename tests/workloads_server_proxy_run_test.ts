import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { startCompletionsServer } from "./support/completions_server.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** `bench` in a process of its own, whose environment has a proxy with a password. */
async function benchThrough(proxyUrl: string, ...argv: string[]) {
  const proxy = proxyUrl.replace("://", "://user:s3cret@");
  const { success, output } = await runDeno(
    [
      ...["run", "-A", "cli.ts", "bench", "http://llm.invalid:8000", "--no-save", "--no-witness"],
      ...["--protocol=openai-completions", "--requests=4", "--concurrency=1", "--warmup=0"],
      ...["--output-tokens=2", "--length=cap", ...argv],
    ],
    ROOT,
    { HTTP_PROXY: proxy },
  );
  assertFalse(output.includes("s3cret"), output);
  return { success, output, address: new URL(proxyUrl).host };
}

Deno.test("a proxy of the environment is in the report, without its password", async () => {
  const server = startCompletionsServer();
  try {
    const { success, output, address } = await benchThrough(server.url, "--model=m");
    assertEquals(success, true, output);
    assertStringIncludes(output, `through the proxy ${address} of the environment`);
  } finally {
    await server.stop();
  }
});

Deno.test("a proxy that refuses, or is not there, is named in the message", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("no upstream", { status: 502 }),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const named = ({ success, output, address }: Awaited<ReturnType<typeof benchThrough>>) => {
    assertEquals(success, false);
    assertStringIncludes(output, `the proxy ${address} of the environment (HTTP_PROXY)`);
    assertStringIncludes(output, "NO_PROXY=HOST goes past it");
  };
  try {
    named(await benchThrough(url, "--model=m"));
  } finally {
    await server.shutdown();
  }
  named(await benchThrough(url));
});
