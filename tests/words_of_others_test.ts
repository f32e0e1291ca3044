/** A server, a dataset and a folder whose names and words are hostile, and all that is made of them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { visibleText } from "../metrics/visible_text.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const EVIL =
  "=cmd|' /C calc'!A0\x1b]0;title\x07\x1b[31m\u202egpj\u2066\u009b2J\u200b</script><b>\r\nerror: forged";

function startEvilServer(): { readonly url: string; stop(): Promise<void> } {
  let count = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url }) => {
    if (url.endsWith("/models")) return Response.json({ data: [{ id: EVIL }] });
    if (url.endsWith("/metrics")) return new Response(evilMetrics());
    // The request before the load is the first.
    if (count++ % 2 === 1) return Response.json({ error: { message: EVIL } }, { status: 500 });
    const event = (content: string, finish: string | null) =>
      `data: ${
        JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })
      }\n\n`;
    const body = event(EVIL, null) + event("x", null) + event("", EVIL) + "data: [DONE]\n\n";
    return new Response(body, {
      headers: { "content-type": "text/event-stream", server: EVIL.slice(0, 5) },
    });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}

/** Labels may hold anything. */
function evilMetrics(): string {
  const label = EVIL.replace(/[\\"\n]/g, (one) => one === "\n" ? "\\n" : `\\${one}`);
  return [
    "# TYPE vllm:num_requests_running gauge",
    `vllm:num_requests_running{model_name="${label}"} 1`,
    "# TYPE evil counter",
    `evil_total{model_name="${label}"} 1`,
    "",
  ].join("\n");
}

/** The text without our own colors, which are the only escapes that may be there. */
function assertShown(text: string, where: string): string {
  // deno-lint-ignore no-control-regex
  const plain = text.replace(/\x1b\[(0|1|2|31|33)m/g, "");
  assertEquals(visibleText(plain), plain, where);
  return plain;
}

Deno.test("no word of others commands a terminal, a spreadsheet, a page or a program", () =>
  inTempFolder(async (folder) => {
    const server = startEvilServer();
    try {
      const dataset = `${folder}/prompts.jsonl`;
      const row = { id: EVIL, prompt: "Hello", output_tokens: 3 };
      await Deno.writeTextFile(
        dataset,
        [row, row].map((one) => `${JSON.stringify(one)}\n`).join(""),
      );
      const out = `${folder}/=out\u202e\x1b[2J`;
      const ran = await runCli([
        ...["bench", server.url, "--dataset=jsonl", `--dataset-path=${dataset}`, "--length=cap"],
        ...["--requests=4", "--concurrency=1", "--warmup=0", "--no-witness", "--save-text"],
        ...["--max-failures=100", `--out=${out}`, "--workers=0", "--all-server-metrics"],
      ], { stdoutIsTerminal: true, noColor: false });
      assertEquals(ran.code, 0, ran.err);
      const table = assertShown(ran.out, "stdout");
      // What a server sends cannot begin a line of ours.
      assert(!/^error: forged/m.test(assertShown(ran.err, "stderr")), ran.err);
      const name = "=cmd|' /C calc'!A0�]0;title��[31m�gpj��2J�";
      assertStringIncludes(table.replace(/\s+/g, " "), name);
      assertStringIncludes(table, "evil_total{model_name=");

      const read = (name: string) => Deno.readTextFile(`${out}/${name}`);
      for (const [heading, ...rows] of [parse(await read("report.csv"))]) {
        const model = heading!.indexOf("model");
        for (const cells of rows) {
          assertStringIncludes(cells[model] ?? "", "'=cmd|");
          for (const cell of cells) assert(!/^[=+@\t\r]|^-(?![\d.])/.test(cell), cell);
        }
      }
      assertShown((await read("report.csv")).replaceAll("\r\n", "\n"), "CSV");
      // Exact for programs, and yet harmless to look at.
      for (const name of ["records.jsonl", "report.json"]) {
        const text = await read(name);
        assertShown(text, name);
        const value = JSON.parse(name === "report.json" ? text : text.split("\n", 1)[0]!);
        assertEquals(value.header.model, EVIL);
      }
      const page = await read("report.html");
      assertShown(page, "page");
      // Those of the page itself, whose hashes it names.
      const own = /script-src ([^;]*)/.exec(page)![1]!.split(" ").length;
      assertEquals(page.match(/<\/script/g)?.length, own);
      assert(!page.includes("<b>error"), "markup of the server");

      for (const line of [["--raw"], []]) {
        const probed = await runCli(["probe", server.url, "--length=cap", ...line]);
        assertShown(probed.out, "probe");
        assertShown(probed.err, "probe");
      }
    } finally {
      await server.stop();
    }
  }));
