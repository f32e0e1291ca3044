/**
 * Programs by the names of `tokometer`, `ssh`, `kubectl`, `srun` and the like, for scripts that start a
 * fleet: they write down how they were called.
 *
 * @module
 */

/** How a program was called. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  /** Values of `NATS_TOKEN` and the working folder. */
  readonly token: string;
  readonly cwd: string;
}

/** What a script came to. */
export interface RanScript {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly calls: readonly Call[];
}

/** A leader, an agent: `lead` and `agent` are lines of sh that end them. */
export interface FakeTimes {
  /** What the leader does. Default: ends with 5. */
  readonly lead?: string;
  /** What an agent does. Default: ends when the leader has ended. */
  readonly agent?: string;
  /** More programs, by their names: lines of sh. */
  readonly programs?: Readonly<Record<string, string>>;
  /** What the script does while it runs. */
  readonly meanwhile?: (script: Deno.ChildProcess, folder: string) => Promise<void>;
}

/** Adds a line to a file of this process: the words in hexadecimal. */
const NOTE = `note() {
  { for word in "$@" "\${NATS_TOKEN-}" "$PWD"; do printf %s "$word" | od -An -v -tx1 | tr -d ' \\n'; printf ' '; done
    echo; } >>"$FAKES/calls/$$"
}
note "$(basename "$0")" "$@"
`;

/** On another machine: ssh with this one as the host, except for the host \`dead\`. */
const SSH = `while [ "$1" != -- ]; do shift; done
[ "$2" != dead ] || { echo "ssh: connect to host dead port 22: Connection refused" >&2; exit 255; }
shift 2
unset NATS_TOKEN
exec sh -c "$*"
`;

const TOKOMETER = (times: FakeTimes) =>
  `if [ "$1" = agent ]; then
  trap 'touch "$FAKES/agent-told"; exit 130' TERM INT
  ${times.agent ?? 'while [ ! -e "$FAKES/over" ]; do sleep 0.05; done'}
else
  touch "$FAKES/leads"
  ${times.lead ?? 'touch "$FAKES/over"; exit 5'}
fi
`;

/** Runs a script with the fakes as the only programs of their names. */
export async function runWithFakes(
  script: string,
  folder: string,
  times: FakeTimes = {},
): Promise<RanScript> {
  const bin = `${folder}/bin`;
  await Deno.mkdir(bin);
  await Deno.mkdir(`${folder}/calls`, { recursive: true });
  const programs = { tokometer: TOKOMETER(times), ssh: SSH, ...times.programs };
  for (const [name, lines] of Object.entries(programs)) {
    await Deno.writeTextFile(`${bin}/${name}`, `#!/bin/sh\n${NOTE}${lines}`, { mode: 0o755 });
  }
  await Deno.writeTextFile(`${folder}/script`, script);
  const child = new Deno.Command("bash", {
    args: [`${folder}/script`],
    cwd: folder,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}`, FAKES: folder, TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ code, stdout, stderr }] = await Promise.all([
    child.output(),
    times.meanwhile?.(child, folder),
  ]);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr), calls: await callsIn(folder) };
}

/** Waits for a file. */
export async function fileIn(path: string): Promise<void> {
  while (await Deno.stat(path).catch(() => undefined) === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function callsIn(folder: string): Promise<readonly Call[]> {
  const files = [...Deno.readDirSync(`${folder}/calls`)].map(({ name }) => name).toSorted();
  const text = (await Promise.all(
    files.map((name) => Deno.readTextFile(`${folder}/calls/${name}`)),
  )).join("");
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const words = line.slice(0, -1).split(" ").map((hex) =>
      new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16)))
    );
    const [program, ...rest] = words;
    return {
      program: program!,
      args: rest.slice(0, -2),
      token: rest.at(-2)!,
      cwd: rest.at(-1)!,
    };
  });
}
