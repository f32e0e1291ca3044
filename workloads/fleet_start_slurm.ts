/**
 * A fleet as a job of Slurm: the leader and the NATS server on the first node, an agent on each.
 *
 * @module
 */
import { AGENTS_WAIT_S, type SlurmStart, type StartTexts } from "./fleet_start.ts";
import { shellWord, shellWords } from "./shell_split.ts";

/** A batch script for sbatch 22.05 and later. */
export function startSlurm(start: SlurmStart): StartTexts {
  const script = batchScript(start);
  return {
    start: script,
    run: `sbatch <<'TOKOMETER_END'\n${script}TOKOMETER_END\n`,
    down: `scancel --me --name=${shellWord(start.name)}\n`,
  };
}

function batchScript(start: SlurmStart): string {
  const { name, agents, bench, program, copy, cpus, port, directives } = start;
  const copied = '"/tmp/tokometer-$SLURM_JOB_ID"';
  const tokometer = copy === undefined ? shellWords(program) : copied;
  const size = cpus === undefined ? ["exclusive"] : [`cpus-per-task=${cpus}`];
  return `#!/bin/bash
# One load from ${agents} ${
    agents === 1 ? "machine" : "machines"
  }: tokometer fleet slurm wrote this.
#   sbatch FILE                          starts it; output and reports stand in the job's log
#   scancel --signal=INT --batch JOB     stops sending and reports, as Ctrl-C does
#   scancel JOB                          ends all of it
${
    [
      `job-name=${name}`,
      `nodes=${agents}`,
      `ntasks=${agents}`,
      "ntasks-per-node=1",
      ...size,
      // A node that fails is a lost agent of the report, not the end of the run.
      "no-kill",
      "no-requeue",
      // Before the time is over there is still time for a report.
      "signal=B:INT@90",
      `output=${name}-%j.log`,
      ...directives,
    ].map((directive) => `#SBATCH --${directive}\n`).join("")
  }
set -u
umask 077
fleet=${shellWord(name)}-$SLURM_JOB_ID
port=${port ?? "$((20000 + SLURM_JOB_ID % 20000))"}
# The agents and the NATS server of this job share it; nobody else knows it.
NATS_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \\n')
export NATS_TOKEN

# Where the other nodes reach this one: srun tells its tasks, which need that, too.
address=$(srun --nodes=1 --ntasks=1 --nodelist="$SLURMD_NODENAME" --overlap \\
  printenv SLURM_LAUNCH_NODE_IPADDR) || exit 3
${
    copy === undefined ? "" : `
# sbcast refuses a file that is there.
sbcast --preserve ${shellWord(copy)} ${copied} || exit 3
trap 'srun --nodes=${agents} --ntasks=${agents} --overlap rm -f ${copied}' EXIT
`
  }
srun --nodes=${agents} --ntasks=${agents} --ntasks-per-node=1 --overlap --cpu-bind=none --mpi=none \\
  --no-kill --kill-on-bad-exit=0 --wait=0 --label --input=none --export=ALL${
    cpus === undefined ? "" : ` --cpus-per-task=${cpus}`
  } \\
  ${agentWords(start, tokometer)} &
agents=$!

${tokometer} bench --fleet "$fleet" --agents ${agents} \\
  --nats embedded --nats-listen "$address:$port" \\
  ${shellWords(bench)} &
leader=$!

# What this script is told, the leader is told. scancel without a signal ends every process at once, the
# NATS server, too, and kills what is left after half a minute: three times Ctrl-C.
tell() { kill -INT "$leader" 2>/dev/null; }
trap tell INT
trap 'tell; sleep 1; tell; sleep 4; tell' TERM
while kill -0 "$leader" 2>/dev/null; do wait "$leader"; done
wait "$leader"
code=$?

# Agents go by themselves when a run is over. Where there was none, they are told to.
for ((i = 0; i < 50; i++)); do
  kill -0 "$agents" 2>/dev/null || break
  sleep 0.2
done
kill -TERM "$agents" 2>/dev/null
while kill -0 "$agents" 2>/dev/null; do wait "$agents"; done
exit "$code"
`;
}

/** Each agent has a folder by its number, which only its own task knows. */
function agentWords({ unsaved }: SlurmStart, tokometer: string): string {
  const agent =
    `${tokometer} agent --fleet "$fleet" --nats "nats://$address:$port" --wait ${AGENTS_WAIT_S}`;
  return unsaved
    ? `${agent} --no-save`
    : `bash -c 'exec "$@" --out "$0-$SLURM_PROCID"' "tokometer-results/$fleet-agent" \\
  ${agent}`;
}
