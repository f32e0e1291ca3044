/**
 * The lines of the pages' `sh run` blocks run as they stand, in one folder per page, against
 * simulated servers at the addresses that the pages name. Loads are made smaller: a day of traffic
 * becomes a moment.
 */
import { assert, assertEquals } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { pageCommands } from "./support/page_commands.ts";
import { agentFile, mooncakeRows } from "./support/recordings.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { sharegptText, TOKENIZER } from "./support/sharegpt_file.ts";
import { PAGES, readPage } from "./tools/docs.ts";

/** Options by command that keep a line short: these replace what the line says, or are added. */
const SMALL: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bench: { requests: "4", warmup: "1", "output-tokens": "4" },
  calibrate: {
    concurrency: "4",
    transport: "fetch",
    "output-tokens": "8",
    calibration: "calibration.json",
  },
  simulate: { port: "0", "max-seconds": "0.1" },
  "profile-restful-api": { "num-prompts": "20" },
  "profile-serving": { "num-prompts": "20" },
  "profile-throughput": { "num-prompts": "20" },
  "profile-generation": {
    "test-round": "1",
    "warmup-round": "1",
    "prompt-tokens": "8",
    "completion-tokens": "4",
  },
  "num-clients": { "num-requests": "20", "ramp-up-time": "0.1" },
  "request-rate": { "num-requests": "4", "request-rate": "20" },
  sweep: { prompts: "20", "stop-time": "0.2", "ramp-up-time": "0.1", warmup: "1" },
};

/** The same words with the smaller options; those that only list or plan stay as they are. */
function smaller([name, ...argv]: readonly string[]): string[] {
  if (argv.some((word) => /^--(dry-run|list-faults|curl|config)$/.test(word))) {
    return [name!, ...argv];
  }
  const kept = [...argv];
  // A recording has lengths of its own, and its prompts are no warm-up.
  const recorded = argv[argv.indexOf("--dataset") + 1] === "trace" ||
    argv[argv.indexOf("--dataset-path") + 1] === "planner.jsonl";
  for (const [option, value] of Object.entries(SMALL[name!] ?? {})) {
    if (recorded && option !== "requests") continue;
    const at = kept.indexOf(`--${option}`);
    if (at < 0) kept.push(`--${option}`, value);
    else {
      const values = kept.slice(at + 1).findIndex((word) => word.startsWith("--"));
      kept.splice(at, values < 0 ? kept.length : values + 1, `--${option}`, value);
    }
  }
  return [name!, ...kept];
}

Deno.test("smaller replaces what a line says about its load and adds the rest", () => {
  assertEquals(
    smaller(["bench", "URL", "--requests", "1000", "--seed", "1"]),
    ["bench", "URL", "--requests", "4", "--seed", "1", "--warmup", "1", "--output-tokens", "4"],
  );
  assertEquals(smaller(["bench", "--config", "FILE"]), ["bench", "--config", "FILE"]);
});

/** What the lines find in their folder. */
async function furnish(folder: string): Promise<void> {
  for (const place of ["model", "internlm-7b"]) {
    await Deno.mkdir(`${folder}/${place}`);
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${TOKENIZER}/${name}`, `${folder}/${place}/${name}`);
    }
  }
  await Deno.mkdir(`${folder}/agents`);
  await Deno.writeTextFile(`${folder}/agents/one.json`, agentFile("one"));
  await Deno.writeTextFile(`${folder}/mooncake.jsonl`, mooncakeRows(20));
  for (const name of ["ShareGPT.json", "samples.json"]) {
    await Deno.writeTextFile(`${folder}/${name}`, sharegptText(30));
  }
}

for (const path of PAGES) {
  const commands = pageCommands(await readPage(path)).filter(({ runs }) => runs);
  if (commands.length === 0) continue;
  Deno.test(`${path}: its lines run`, async () => {
    const openai = await startSimServer({ ttft: "1", itl: "0", anyModel: true });
    const second = await startSimServer({ ttft: "1", itl: "0", anyModel: true });
    const lmdeploy = await startSimServer({ ttft: "1", itl: "0", engine: "lmdeploy", grpcPort: 0 });
    const addresses: readonly (readonly [string, string])[] = [
      ["http://127.0.0.1:8000", openai.url],
      ["http://127.0.0.1:8001", second.url],
      ["http://127.0.0.1:23333", lmdeploy.url],
      ["0.0.0.0:33337", lmdeploy.grpcUrl!.slice("grpc://".length)],
    ];
    const before = Deno.cwd();
    try {
      await inTempFolder(async (folder) => {
        await furnish(folder);
        Deno.chdir(folder);
        for (const { line, words } of commands) {
          const argv = smaller(words).map((word) =>
            addresses.find(([named]) => named === word)?.[1] ?? word
          );
          const { code, err } = await runCli(argv);
          assertEquals(code, 0, `${line}\n${argv.join(" ")}\n${err}`);
        }
        Deno.chdir(before);
      });
    } finally {
      Deno.chdir(before);
      await Promise.all([openai.stop(), second.stop(), lmdeploy.stop()]);
    }
  });
}

Deno.test("lines of at least four pages run", async () => {
  const pages = await Promise.all(PAGES.map(readPage));
  const running = pages.filter((page) => pageCommands(page).some(({ runs }) => runs));
  assert(running.length >= 4, `${running.length}`);
});
