/**
 * The independent C server (`tests/truth/truth_server.c`) as the judge: it knows what it sent.
 * Needs gcc; skipped by name without it.
 */
import { assert, assertEquals } from "@std/assert";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const SAMPLES = Deno.env.get("TOKOMETER_SAMPLES");
const SOURCE = new URL("./truth/truth_server.c", import.meta.url).pathname;

function has(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

const HAS_GCC = has("gcc");

/** A running C server. */
interface TruthServer {
  readonly url: string;
  readonly folder: string;
  stats(): Promise<Record<string, number>>;
  /** Rows of `[arrival, send time of each token …]` in ms. */
  rows(count: number): Promise<number[][]>;
}

async function withTruthServer(use: (server: TruthServer) => Promise<void>): Promise<void> {
  await inTempFolder(async (folder) => {
    const program = `${folder}/truth_server`;
    const compiled = await new Deno.Command("gcc", { args: ["-O2", "-o", program, SOURCE] })
      .output();
    assert(compiled.success, new TextDecoder().decode(compiled.stderr));
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const child = new Deno.Command(program, {
      args: [`${port}`],
      cwd: folder,
      stderr: "piped",
    }).spawn();
    const said = child.stderr.getReader();
    try {
      // "listening on …" is the first thing it says.
      await said.read();
      const url = `http://127.0.0.1:${port}`;
      const get = async (path: string) => await (await fetch(`${url}${path}`)).json();
      await use({
        url,
        folder,
        stats: () => get("/stats"),
        async rows(count) {
          await get(`/dump?n=${count}`);
          const bytes = await Deno.readFile(`${folder}/truth.bin`);
          const values = new BigUint64Array(bytes.buffer);
          const width = 1032;
          return Array.from(
            { length: count },
            (_, row) =>
              Array.from(values.subarray(row * width, (row + 1) * width), (ns) => Number(ns) / 1e6)
                .filter((ms) => ms > 0),
          );
        },
      });
    } finally {
      await said.cancel();
      child.kill("SIGKILL");
      await child.status;
    }
  });
}

Deno.test({
  name: "C server: tokens and lengths of every request equal its own count (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withTruthServer(async ({ url, folder, stats }) => {
      for (const transport of ["fetch", "socket"]) {
        const before = await stats();
        const out = `${folder}/${transport}`;
        const { code, err } = await runCli([
          "bench",
          url,
          `--protocol=${openaiCompletions.name}`,
          `--transport=${transport}`,
          "--concurrency=16",
          "--requests=64",
          "--warmup=0",
          "--output-tokens=uniform:1:40",
          `--out=${out}`,
        ]);
        assertEquals(code, 0, err);
        const { records } = await readRecordFile(`${out}/records.jsonl`);
        const tokens = records.reduce((sum, one) => sum + one.outputTokens!.tokens, 0);
        const after = await stats();
        // The request that checks the server is not a record.
        const check = after.tokens! - before.tokens! - tokens;
        assertEquals(records.length, 64);
        assert(check >= 1 && check <= 40, `${check}`);
        assertEquals(after.aborted! - before.aborted!, 0);
        assert(records.every((one) => one.outputTokens!.tokens === one.requestedTokens));
        // One read more or less a token, and every tick is a token of its own when paced.
        assert(records.every((one) => one.tickTokens.at(-1) === one.requestedTokens));
      }
    }),
});

Deno.test({
  name: "C server: gaps between tokens are the ones it made (gcc)",
  ignore: !HAS_GCC,
  fn: () =>
    withTruthServer(async ({ url, folder, rows }) => {
      const out = `${folder}/paced`;
      const { code, err } = await runCli([
        "bench",
        url,
        "--protocol=openai-completions",
        "--endpoint=/v1/completions?paced=1&ttft=20000&itl=10000",
        "--concurrency=1",
        "--requests=3",
        "--warmup=0",
        "--output-tokens=20",
        `--out=${out}`,
      ]);
      assertEquals(code, 0, err);
      const { records } = await readRecordFile(`${out}/records.jsonl`);
      const truth = (await rows(4)).slice(1);
      const gaps = (times: readonly number[]) => times.slice(1).map((at, i) => at - times[i]!);
      const median = (values: readonly number[]) =>
        values.toSorted((a, b) => a - b)[values.length >> 1]!;
      for (const [i, record] of records.entries()) {
        const [arrival, ...sends] = truth[i]!;
        assertEquals(record.tickTokens.at(-1), sends.length);
        // A busy client reads two tokens at once now and then: its tick is that of the last of them.
        assert(record.tickMs.length > sends.length / 2, `${record.tickMs.length} ticks`);
        const ticked = [...record.tickTokens].map((tokens) => sends[tokens - 1]!);
        // No absolute time is asserted: the client's gaps are compared with the server's own.
        const differences = gaps([...record.tickMs]).map((gap, k) =>
          Math.abs(gap - gaps(ticked)[k]!)
        );
        assert(median(differences) < 5, `${differences}`);
        // Nothing can be received before it was sent.
        assert(record.firstTokenMs! - record.sentMs! >= sends[0]! - arrival!);
      }
    }),
});

Deno.test({
  name: "C server: all of the sample conversations, 64 users (gcc, TOKOMETER_SAMPLES)",
  ignore: !HAS_GCC || SAMPLES === undefined,
  fn: () =>
    withTruthServer(async ({ url, folder, stats }) => {
      const out = `${folder}/all`;
      const { code, err } = await runCli([
        "bench",
        url,
        "--endpoint=/v1/chat/completions?coal=8",
        "--concurrency=64",
        "--requests=1024",
        "--warmup=0",
        "--dataset=sharegpt",
        `--dataset-path=${SAMPLES}`,
        "--max-prompt-tokens=100000",
        "--max-total-tokens=100000",
        "--min-prompt-tokens=0",
        "--min-output-tokens=0",
        `--out=${out}`,
      ]);
      assertEquals(code, 0, err);
      const { records } = await readRecordFile(`${out}/records.jsonl`);
      assertEquals(records.length, 1024);
      assert(records.every(({ outcome }) => outcome.kind === "ok"));
      assert(records.every((one) => one.outputTokens!.tokens === one.requestedTokens));
      const { tokens } = await stats();
      const counted = records.reduce((sum, one) => sum + one.outputTokens!.tokens, 0);
      const check = Math.min(8, records.find(({ index }) => index === 0)!.requestedTokens);
      assertEquals(tokens, counted + check);
    }),
});
