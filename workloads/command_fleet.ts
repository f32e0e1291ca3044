/**
 * `tokometer fleet`: starts the machines that send a load together.
 *
 * @module
 */
import { type Command, defineCommand, type Host, type ValuesOf } from "./command.ts";
import { COLLECT, START_OPTIONS } from "./fleet_start_options.ts";
import { EXIT, UserError } from "./user_error.ts";

export const command: Command = defineCommand({
  name: "fleet",
  description:
    "Prints what starts agents on several machines, the leader that gives them one load, and the " +
    "NATS server between them, and what takes all of it away; runs nothing of it without --run. What " +
    "stands after -- is what bench takes on one machine: the load, its options and the report stay " +
    "the same, whatever the number of machines.\n\n" +
    "slurm: a batch script; the leader and the NATS server are on the first node, with a password " +
    "that is drawn for each job. --run submits it.\n" +
    "k8s: an Indexed Job with a headless Service, a NATS server that only they reach, and a Job that " +
    "leads. --run applies them, shows the leader's log and deletes them.\n" +
    "ssh: a script for bash that copies the executable, starts an agent on each host, leads here, and " +
    "brings the record files. Messages go through the connections of ssh. --run runs it.\n\n" +
    "Ctrl-C at the leader stops sending and reports; --down ends what was left by a leader that was " +
    "killed. API keys stand in no text: give them as TOKOMETER_API_KEY, env:NAME or file:PATH, and " +
    "with --send-key where only the leader has them.\n\n" +
    "collect: brings the record files of a run's agents into its folder, where bench --collect was " +
    "interrupted; what is there is not fetched again.",
  options: START_OPTIONS,
  examples: {
    "tokometer fleet slurm --agents 8 --sbatch partition=cpu -- http://gpu-7:8000 --rate 400 --duration 60":
      "a batch script for eight nodes",
    "tokometer fleet k8s --agents 4 --image registry/tokometer -- http://llm:8000 --concurrency 4096":
      "manifests for four pods",
    "tokometer fleet ssh --hosts node1,node2 --run -- http://gpu-7:8000 --rate 100":
      "a load from two hosts at once",
    "tokometer fleet ssh --hosts node1,node2 --down --run": "ends what is left on them",
    "tokometer fleet collect latest --nats nats://head:4222":
      "brings the record files that are missing",
  },
  run: startFleet,
});

async function startFleet(
  values: ValuesOf<typeof START_OPTIONS>,
  host: Host,
): Promise<number> {
  const { way } = values;
  if (way === COLLECT) return await collect(values, host);
  const [{ planStart }, { renderFleetStart }, bench] = await Promise.all([
    import("./fleet_start_plan.ts"),
    import("./fleet_start_texts.ts"),
    import("./command_bench.ts"),
  ]);
  const texts = renderFleetStart(await planStart({ ...values, way }, bench.command));
  if (values.run) return await runScript(values.down ? texts.down : texts.run, host);
  // Checked to hold no secret; a mask would make another script of it.
  host.print(values.down ? texts.down : texts.start, { styled: true });
  return EXIT.ok;
}

async function collect(
  values: ValuesOf<typeof START_OPTIONS>,
  host: Host,
): Promise<number> {
  const { bench: [run, ...others] = [] } = values;
  if (run === undefined || others.length > 0) {
    throw new UserError(
      "Cannot collect record files without the folder of one run: tokometer fleet collect RUN",
    );
  }
  const { collectRun } = await import("./fleet_collect.ts");
  return await collectRun(run, values, host);
}

/** Runs lines of bash on this terminal; its exit code is theirs. */
async function runScript(script: string, host: Host): Promise<number> {
  // Longer than an argument may be.
  const path = await Deno.makeTempFile({ prefix: "tokometer-fleet-", suffix: ".sh" });
  try {
    await Deno.writeTextFile(path, script);
    const child = spawnBash(path);
    // A key reaches the whole terminal; a signal only us. Two within a moment are one to the leader.
    const tell = () => {
      try {
        child.kill("SIGINT");
      } catch {
        // It has ended.
      }
    };
    for (const signal of [host.interrupted, host.aborted]) {
      if (signal.aborted) tell();
      else signal.addEventListener("abort", tell, { once: true });
    }
    return (await child.status).code;
  } finally {
    await Deno.remove(path);
  }
}

function spawnBash(path: string): Deno.ChildProcess {
  try {
    return new Deno.Command("bash", { args: [path], stdin: "inherit" }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError("Cannot run it: there is no bash on the PATH");
  }
}
