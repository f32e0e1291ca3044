/**
 * A fleet in Slurm: `deno task bench:slurm`. Four nodes, all of them this machine, run the batch script as
 * `tokometer fleet slurm` prints it, to its report; then a job is stopped, and one is ended. Prints
 * Markdown; fails where something is left or missing.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../../backends/sim_server.ts";
import { runCli } from "../support/run_cli.ts";
import { hasSlurm, type SlurmCluster, startSlurm } from "../support/slurm_cluster.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const NODES = 4;

/** What a job came to. */
interface Job {
  readonly log: string;
  readonly exitCode: number;
  readonly seconds: number;
}

/** Submits the script as printed, and waits for its end. */
async function runJob(
  cluster: SlurmCluster,
  folder: string,
  bench: readonly string[],
  meanwhile?: (job: string, log: () => Promise<string>) => Promise<void>,
): Promise<Job> {
  const program = `${Deno.execPath()} run -A --no-lock --quiet ${CLI}`;
  const { code, out, err } = await runCli([
    ...["fleet", "slurm", `--agents=${NODES}`, "--name=trial", "--program", program],
    ...["--sbatch", `chdir=${folder}`, "--", ...bench],
  ]);
  assertEquals([code, err], [0, ""]);
  await Deno.writeTextFile(`${folder}/fleet.sbatch`, out);
  const begin = performance.now();
  const job = await cluster.ask("sbatch", "--parsable", `${folder}/fleet.sbatch`);
  const path = `${folder}/trial-${job}.log`;
  const log = () => Deno.readTextFile(path).catch(() => "");
  await meanwhile?.(job, log);
  for (let tries = 0; tries < 600; tries++) {
    const shown = await cluster.ask("scontrol", "show", "job", job);
    const [, state = ""] = /JobState=(\w+)/.exec(shown) ?? [];
    if (!/PENDING|RUNNING|COMPLETING/.test(state)) {
      const [, exit = "", signal = ""] = /ExitCode=(\d+):(\d+)/.exec(shown) ?? [];
      const seconds = (performance.now() - begin) / 1000;
      return { log: await log(), exitCode: Number(exit) || Number(signal), seconds };
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the job does not end:\n${await log()}`);
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Waits until the job's log has some words. */
async function said(log: () => Promise<string>, words: RegExp): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (words.test(await log())) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${words} was not said:\n${await log()}`);
}

/** Processes of our program that know this fleet. */
function leftOf(name: string): readonly number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    try {
      return pid > 0 && Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(`--fleet\0${name}-`);
    } catch {
      return false;
    }
  });
}

async function main(): Promise<void> {
  if (!hasSlurm()) {
    say("Skipped: it takes root, slurmctld, slurmd, slurm-client, and munge");
    return;
  }
  const folder = await Deno.makeTempDir({ prefix: "tokometer-slurm-" });
  await Deno.chmod(folder, 0o755);
  const server = await startSimServer({ ttft: "20", itl: "5" });
  try {
    await Deno.mkdir(`${folder}/cluster`);
    await using cluster = await startSlurm(`${folder}/cluster`, NODES);
    const version = await cluster.ask("sinfo", "--version");
    const load = [server.url, "--rate=20", "--output-tokens=20", "--warmup=4"];
    const whole = await runJob(cluster, folder, [...load, "--duration=10"]);
    say(`<details><summary>log of the job</summary>\n\n\`\`\`text\n${whole.log}\`\`\`\n`);
    say("</details>\n");
    assert([0, 6].includes(whole.exitCode), `${whole.exitCode}`);
    assertStringIncludes(whole.log, "Verdict");
    assertEquals(leftOf("trial"), []);

    // As Ctrl-C does at a terminal.
    const stopped = await runJob(
      cluster,
      folder,
      [...load, "--duration=60"],
      async (job, log) => {
        await said(log, /[1-9]\d* done/);
        await cluster.ask("scancel", "--signal=INT", "--batch", job);
      },
    );
    assertStringIncludes(stopped.log, "Verdict");
    assertEquals(leftOf("trial"), []);

    const ended = await runJob(cluster, folder, [...load, "--duration=60"], async (_, log) => {
      await said(log, /[1-9]\d* done/);
      const { code, out } = await runCli(["fleet", "slurm", "--down", "--name=trial"]);
      assertEquals(code, 0);
      const [command, ...args] = out.trim().split(" ");
      await cluster.ask(command!, ...args);
    });
    assertEquals(leftOf("trial"), []);
    say(`${version}, ${NODES} nodes on this machine:\n`);
    say("| job | seconds | exit code |\n| --- | --- | --- |");
    for (const [name, { seconds, exitCode }] of Object.entries({ whole, stopped, ended })) {
      say(`| ${name} | ${seconds.toFixed(1)} | ${exitCode} |`);
    }
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
