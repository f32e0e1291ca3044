/**
 * A server of ssh on loopback, for this user and with keys of its own.
 *
 * @module
 */

/** It runs. */
export interface Sshd extends AsyncDisposable {
  /** Options with which ssh reaches it. */
  readonly options: readonly string[];
  /** The user that it lets in. */
  readonly user: string;
}

const PROGRAM = "/usr/sbin/sshd";

/** Whether this machine can have one. */
export function hasSshd(): boolean {
  try {
    Deno.statSync(PROGRAM);
    // As root it goes without rights into this folder, which a start of the system makes.
    if (Deno.uid() === 0) Deno.mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    return new Deno.Command("ssh-keygen", { args: ["-?"], stderr: "null" }).outputSync().code !==
      127;
  } catch {
    return false;
  }
}

/** Starts one that keeps its files in a folder. */
export async function startSshd(folder: string): Promise<Sshd> {
  const run = async (command: string, ...args: readonly string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args] })
      .output();
    if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout).trim();
  };
  for (const name of ["host", "user"]) {
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${name}`);
  }
  await Deno.copyFile(`${folder}/user.pub`, `${folder}/authorized`);
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/sshd_config`,
    [
      ...["ListenAddress 127.0.0.1", `Port ${port}`, `HostKey ${folder}/host`],
      ...[`AuthorizedKeysFile ${folder}/authorized`, "StrictModes no", "UsePAM no"],
      ...["PasswordAuthentication no", "PermitRootLogin yes", `PidFile ${folder}/sshd.pid`],
      // All hosts of a test come at once.
      "MaxStartups 100",
      "",
    ].join("\n"),
  );
  const [, key] = (await Deno.readTextFile(`${folder}/host.pub`)).split(" ");
  await Deno.writeTextFile(`${folder}/known`, `[127.0.0.1]:${port} ssh-ed25519 ${key}\n`);
  const child = new Deno.Command(PROGRAM, {
    args: ["-D", "-e", "-f", `${folder}/sshd_config`],
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.getReader();
  let said = "";
  while (!said.includes("Server listening")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${PROGRAM}: ${said}`);
    said += new TextDecoder().decode(value);
  }
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  return {
    options: [
      ...["-F", "none", `-p${port}`, "-i", `${folder}/user`],
      ...["-o", `UserKnownHostsFile=${folder}/known`],
    ],
    user: await run("id", "-un"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await rest;
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
