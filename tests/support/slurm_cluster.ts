/**
 * A cluster of Slurm whose nodes are all this machine: munged, slurmctld and a slurmd for each node, with
 * files, ports and a key of their own. It needs root and Debian's slurmd, slurmctld, slurm-client, munge.
 *
 * @module
 */

/** It runs. */
export interface SlurmCluster extends AsyncDisposable {
  /** Variables with which Slurm's commands find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of its commands. @throws {Error} when it fails. */
  ask(command: string, ...args: readonly string[]): Promise<string>;
}

const DAEMONS = ["/usr/sbin/munged", "/usr/sbin/slurmctld", "/usr/sbin/slurmd"];

/** Whether this machine can have one. */
export function hasSlurm(): boolean {
  const isThere = (path: string) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  };
  return Deno.build.os === "linux" && Deno.uid() === 0 &&
    [...DAEMONS, "/usr/bin/sbatch"].every(isThere);
}

/**
 * Starts one with so many nodes of a processor each, `n0` and on, in a folder
 * that all may enter, and all above it.
 */
export async function startSlurm(folder: string, nodes: number): Promise<SlurmCluster> {
  await Deno.chmod(folder, 0o755);
  for (const name of ["keys", "run", "state", "spool"]) await Deno.mkdir(`${folder}/${name}`);
  await Deno.chmod(`${folder}/keys`, 0o700);
  await Deno.writeFile(`${folder}/keys/munge`, crypto.getRandomValues(new Uint8Array(1024)), {
    mode: 0o600,
  });
  const hostname = Deno.hostname().split(".")[0]!;
  const ports = freePorts(nodes + 1);
  const config = `${folder}/slurm.conf`;
  await Deno.writeTextFile(
    config,
    [
      `ClusterName=trial`,
      `SlurmctldHost=${hostname}(127.0.0.1)`,
      ...["SlurmUser=root", "SlurmdUser=root", "AuthType=auth/munge"],
      `AuthInfo=socket=${folder}/run/munge`,
      `StateSaveLocation=${folder}/state`,
      `SlurmdSpoolDir=${folder}/spool/%n`,
      `SlurmctldPidFile=${folder}/run/slurmctld.pid`,
      `SlurmdPidFile=${folder}/run/%n.pid`,
      `SlurmctldPort=${ports[nodes]}`,
      ...["ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "MpiDefault=none"],
      ...["SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU", "ReturnToService=2"],
      // Sooner than by default, so that a trial does not wait.
      "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0",
      ...Array.from(
        { length: nodes },
        (_, i) =>
          `NodeName=n${i} NodeHostname=${hostname} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=1`,
      ),
      "PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
      "",
    ].join("\n"),
  );
  const env = { SLURM_CONF: config };
  const children: Deno.ChildProcess[] = [];
  const start = (command: string, ...args: readonly string[]) => {
    children.push(
      new Deno.Command(command, { args: [...args], env, stdout: "null", stderr: "null" }).spawn(),
    );
  };
  const ask = async (command: string, ...args: readonly string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      env,
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
    return text(stdout);
  };
  const [munged, slurmctld, slurmd] = DAEMONS;
  const cluster: SlurmCluster = {
    env,
    ask,
    async [Symbol.asyncDispose]() {
      for (const child of children.toReversed()) {
        try {
          child.kill("SIGTERM");
        } catch {
          // It has ended.
        }
        await child.status;
      }
    },
  };
  try {
    start(
      munged!,
      ...["--foreground", `--key-file=${folder}/keys/munge`, `--socket=${folder}/run/munge`],
      ...[`--pid-file=${folder}/run/munge.pid`, `--log-file=${folder}/run/munge.log`],
      `--seed-file=${folder}/keys/seed`,
    );
    await until(() => Deno.stat(`${folder}/run/munge`), "munged");
    start(slurmctld!, "-D", "-c", "-f", config);
    for (let i = 0; i < nodes; i++) start(slurmd!, "-D", "-N", `n${i}`, "-f", config);
    await until(async () => {
      const idle = await ask("sinfo", "--noheader", "--states=idle", "--format=%D");
      if (Number(idle) !== nodes) throw new Error(idle);
    }, "slurmctld");
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function until(works: () => Promise<unknown>, what: string): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      await works();
      return;
    } catch (error) {
      if (tries === 150) throw new Error(`${what} is not ready`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function freePorts(count: number): readonly number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  for (const listener of listeners) listener.close();
  return listeners.map(({ addr }) => addr.port);
}
