/** The batch script that `tokometer fleet slurm` prints, run by bash without a cluster. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { SlurmStart } from "../workloads/fleet_start.ts";
import { renderFleetStart } from "../workloads/fleet_start_texts.ts";
import { fileIn, type RanScript, runWithFakes } from "./support/fleet_start_fakes.ts";
import { inTempFolder } from "./support/run_cli.ts";

const HARD = [
  "http://x:8000/v1?a=b&c",
  "--system-prompt",
  `it's "$HOME" \`id\` $(id) * \\ ~\n!1 ä`,
];

const PLAN: SlurmStart = {
  way: "slurm",
  name: "trial",
  agents: 4,
  bench: HARD,
  program: ["tokometer"],
  directives: ["partition=batch", "mem=0"],
};

/** A job's number, of this process: it is in the name of a file that all users may make. */
const JOB = 1_000_000 + Deno.pid;

/** Runs its last words, as srun does on each node. */
const SRUN = `while :; do
  case $1 in -*) shift ;; *) break ;; esac
done
SLURM_LAUNCH_NODE_IPADDR=10.1.2.3 SLURM_PROCID=3 exec "$@"
`;

async function runScript(
  script: string,
  folder: string,
  times: Parameters<typeof runWithFakes>[2] = {},
): Promise<RanScript> {
  const job = `SLURM_JOB_ID=${JOB} SLURMD_NODENAME=n0\nexport SLURM_JOB_ID SLURMD_NODENAME\n`;
  const programs = { srun: SRUN, ...times.programs };
  return await runWithFakes(job + script, folder, { ...times, programs });
}

Deno.test("slurm: directives come first, the user's last", () => {
  const { start } = renderFleetStart(PLAN);
  const [first, ...lines] = start.split("\n");
  assertEquals(first, "#!/bin/bash");
  const until = lines.findIndex((line) => !line.startsWith("#"));
  assertEquals(
    lines.slice(0, until).filter((line) => line.startsWith("#SBATCH ")).map((line) =>
      line.slice(10)
    ),
    [
      ...["job-name=trial", "nodes=4", "ntasks=4", "ntasks-per-node=1", "exclusive", "no-kill"],
      ...["no-requeue", "signal=B:INT@90", "output=trial-%j.log", "partition=batch", "mem=0"],
    ],
  );
  const { start: shared } = renderFleetStart({ ...PLAN, cpus: 8 });
  assertStringIncludes(shared, "#SBATCH --cpus-per-task=8");
  assert(!shared.includes("--exclusive"));
  // Since 22.05 srun does not take over the number of the job.
  assertMatch(shared, /^ {2}.*--cpus-per-task=8 \\$/m);
});

Deno.test("slurm: the leader and the agents get the same address, password and words", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(PLAN);
    const { code, err, calls } = await runScript(start, folder);
    assertEquals(code, 5, err);
    const ours = calls.filter(({ program }) => program === "tokometer");
    const [leader] = ours.filter(({ args }) => args[0] === "bench");
    const [agent] = ours.filter(({ args }) => args[0] === "agent");
    const nats = `10.1.2.3:${20_000 + JOB % 20_000}`;
    assertEquals(
      leader!.args,
      ["bench", "--fleet", `trial-${JOB}`, "--agents", "4"]
        .concat("--nats", "embedded", "--nats-listen", nats, HARD),
    );
    assertEquals(
      agent!.args,
      ["agent", "--fleet", `trial-${JOB}`, "--nats", `nats://${nats}`, "--wait", "900"]
        .concat("--out", `tokometer-results/trial-${JOB}-agent-3`),
    );
    assertMatch(leader!.token, /^[0-9a-f]{48}$/);
    assertEquals(agent!.token, leader!.token);
    assert(calls.every(({ args }) => !args.join().includes(leader!.token)));
    const step = calls.find(({ program, args }) => program === "srun" && args.includes("agent"));
    // A node that is lost must not end the others.
    for (const option of ["--ntasks=4", "--no-kill", "--kill-on-bad-exit=0", "--export=ALL"]) {
      assert(step!.args.includes(option), option);
    }
  });
});

Deno.test("slurm: what the job is told the leader is told; agents without a run are ended", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(PLAN);
    const { code, err, out } = await runScript(start, folder, {
      lead: `exec perl -e '
        $SIG{INT} = sub { print "report\\n"; open(F, ">$ENV{FAKES}/over"); exit 130 };
        open(F, ">$ENV{FAKES}/listens"); sleep 60'`,
      async meanwhile(script, folder) {
        await fileIn(`${folder}/listens`);
        script.kill("SIGINT");
      },
    });
    assertEquals([code, out], [130, "report\n"], err);
  });
});

Deno.test("slurm: the executable is copied to the nodes and taken away", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart({ ...PLAN, copy: "/home/a user/tokometer" });
    const programs = {
      sbcast: `printf '#!/bin/sh\\ntouch "$FAKES/over"; exit 4\\n' >"$3"; chmod 700 "$3"`,
    };
    const { code, err, calls } = await runScript(start, folder, { programs });
    assertEquals(code, 4, err);
    const copies = calls.filter(({ program }) => program === "sbcast").map(({ args }) => args);
    assertEquals(copies, [["--preserve", "/home/a user/tokometer", `/tmp/tokometer-${JOB}`]]);
    assertEquals(await Deno.stat(`/tmp/tokometer-${JOB}`).catch(() => "gone"), "gone");
  });
});

Deno.test("slurm: --run gives sbatch the script as it is printed, and --down its name", async () => {
  await inTempFolder(async (folder) => {
    const { start, run } = renderFleetStart(PLAN);
    const programs = { sbatch: 'cat >"$FAKES/got"; echo Submitted batch job 3' };
    const { code, out } = await runWithFakes(run, folder, { programs });
    assertEquals([code, out], [0, "Submitted batch job 3\n"]);
    assertEquals(await Deno.readTextFile(`${folder}/got`), start);
  });
  await inTempFolder(async (folder) => {
    const { down } = renderFleetStart(PLAN);
    const { code, calls } = await runWithFakes(down, folder, { programs: { scancel: "" } });
    assertEquals([code, calls[0]!.args], [0, ["--me", "--name=trial"]]);
  });
});
