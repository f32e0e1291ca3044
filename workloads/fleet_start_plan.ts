/**
 * From options to a fleet that can be started: everything that would fail on a node, or show a secret to
 * whoever reads a script, is refused here.
 *
 * @module
 */
import { selfCommand } from "../backends/relaunch.ts";
import { visibleText } from "../metrics/visible_text.ts";
import type { Command, Values, ValuesOf } from "./command.ts";
import type { AnyStart, START_WAYS } from "./fleet_start.ts";
import type { START_OPTIONS } from "./fleet_start_options.ts";
import { completeValues, readCommandLine } from "./option_parse.ts";
import { redactCommandLine } from "./option_secret.ts";
import { listOptions } from "./option_table.ts";
import { cleanMessage } from "./secret.ts";
import { isSecretField } from "./secret_names.ts";
import { splitShellWords } from "./shell_split.ts";
import { readTextFile } from "./text_file.ts";
import { fileError, UserError } from "./user_error.ts";

type StartValues = ValuesOf<typeof START_OPTIONS> & {
  readonly way: typeof START_WAYS[number];
};

/**
 * The fleet that the options describe.
 *
 * @param bench the command that leads it, for the names of its options.
 * @throws {UserError} for values that cannot be used.
 */
export async function planStart(values: StartValues, bench: Command): Promise<AnyStart> {
  const { way, name, down } = values;
  if (!/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new UserError(
      `Cannot use --name ${name}: give at most 40 lower-case letters, digits, and -, a letter first`,
    );
  }
  const args = values.bench ?? [];
  const given = down ? {} : checkBench(args, bench, values);
  const common = { name, bench: args, ...(given.save === false ? { unsaved: true } : {}) };
  switch (way) {
    case "slurm":
      return planSlurm(values, common);
    case "k8s":
      return planKubernetes(values, common);
    case "ssh":
      return await planSsh(values, common);
  }
}

interface Common {
  readonly name: string;
  readonly bench: readonly string[];
  readonly unsaved?: boolean;
}

function planSlurm(values: StartValues, common: Common): AnyStart {
  const { cpus, port, copy } = values;
  const directives = (values.sbatch ?? []).map((text) => {
    const directive = text.replace(/^--/, "");
    if (/^[a-z][a-z-]*(=[\w@%+=:,./[\]*&|-]+)?$/i.test(directive)) return directive;
    throw new UserError(
      `Cannot use --sbatch ${text}: give an option of sbatch without blanks, e.g. partition=batch`,
    );
  });
  const program = copy === undefined ? programOf(values) : [];
  return {
    ...common,
    way: "slurm",
    agents: agentsOf(values),
    program,
    directives,
    ...(copy === undefined ? {} : { copy }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(port === undefined ? {} : { port }),
  };
}

/** Names of what is in a cluster: images, namespaces, Secrets. */
function checkWord(option: string, value: string | undefined): string | undefined {
  if (value === undefined || /^[A-Za-z0-9][\w.@:/-]*$/.test(value)) return value;
  throw new UserError(
    `Cannot use --${option} ${value}: give a name of letters, digits, and .-_/:@`,
  );
}

function planKubernetes(values: StartValues, common: Common): AnyStart {
  const { namespace, natsImage, keySecret, claim } = values;
  const words = { image: values.image, natsImage, namespace, keySecret, claim };
  for (const [key, word] of Object.entries(words)) {
    checkWord(key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), word);
  }
  if (values.image === undefined && !values.down) {
    throw new UserError(
      "Cannot make manifests without --image: name an image that holds tokometer and nats-server, " +
        "as .github/Containerfile makes one",
    );
  }
  if (!/^\d+(\.\d+)?([kMGT]i?)?$/.test(values.memory)) {
    throw new UserError(`Cannot use --memory ${values.memory}: give a size such as 4Gi`);
  }
  return {
    ...common,
    way: "k8s",
    agents: agentsOf(values),
    image: values.image ?? "",
    lead: values.lead,
    program: values.lead === "here" ? programOf({}) : [],
    cpus: `${values.cpus ?? 2}`,
    memory: values.memory,
    token: randomToken(),
    ...(namespace === undefined ? {} : { namespace }),
    ...(natsImage === undefined ? {} : { natsImage }),
    ...(keySecret === undefined ? {} : { keySecret }),
    ...(claim === undefined ? {} : { claim }),
  };
}

function randomToken(): string {
  return [...crypto.getRandomValues(new Uint8Array(24))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function planSsh(values: StartValues, common: Common): Promise<AnyStart> {
  const hosts = [...values.hosts ?? [], ...await hostsOfFile(values.hostFile)];
  if (hosts.length === 0) {
    throw new UserError("Cannot start agents without hosts: give --hosts or --host-file");
  }
  for (const host of hosts) {
    if (/^[A-Za-z0-9_[][\w.@:%[\]-]*$/.test(host)) continue;
    throw new UserError(`Cannot use the host ${host}: give it as ssh takes it, e.g. user@node7`);
  }
  const { out, hostFolder } = values;
  if (!/^\/[\w./-]*$/.test(hostFolder)) {
    throw new UserError(`Cannot use --host-folder ${hostFolder}: give a path such as /var/tmp`);
  }
  const copy = values.program === undefined ? values.copy ?? ownExecutable(values) : undefined;
  return {
    ...common,
    way: "ssh",
    agents: hosts.length,
    hosts,
    program: copy === undefined ? programOf(values) : [],
    here: programOf({}),
    sshOptions: values.sshOption ?? [],
    port: values.port ?? 24_222,
    folder: hostFolder.replace(/(?<=.)\/+$/, ""),
    ...(copy === undefined ? {} : { copy }),
    ...(out === undefined ? {} : { out }),
  };
}

async function hostsOfFile(path: string | undefined): Promise<readonly string[]> {
  if (path === undefined) return [];
  const text = await readTextFile(path, 2 ** 20).catch((error) => {
    throw fileError(`Cannot read the hosts in ${path}`, error);
  });
  return text.split("\n").map((line) => line.replace(/#.*/, "").trim()).filter((line) => line);
}

function agentsOf({ agents, down }: StartValues): number {
  if (agents !== undefined) return agents;
  if (down) return 1;
  throw new UserError("Cannot start a fleet without --agents: say how many machines send");
}

/** What starts Tokometer where it is there already. */
function programOf({ program }: { readonly program?: string | undefined }): readonly string[] {
  if (program === undefined) {
    const { command, args } = selfCommand([]);
    return [command, ...args];
  }
  const words = splitShellWords(program);
  const [first = ""] = words;
  if (/^[\w@%+:,./-]+$/.test(first)) return words;
  throw new UserError(`Cannot use --program ${program}: give a program and its arguments`);
}

function ownExecutable({ down }: StartValues): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  if (down) return undefined;
  throw new UserError(
    "Cannot copy this program to the hosts, since it is no executable: make one with deno task " +
      "compile and give it as --copy, or say with --program what starts Tokometer there",
  );
}

/**
 * What is wrong with the arguments of `bench` is told here, not by each node, and no secret may stand in
 * a text that is printed and stored.
 *
 * @returns the values that were given.
 */
function checkBench(args: readonly string[], bench: Command, values: StartValues): Values {
  if (args.length === 0) {
    throw new UserError(
      `Cannot start a fleet without what it is to send: give the arguments of bench after --, as in ` +
        `tokometer fleet ${values.way} … -- http://gpu-7:8000 --rate 100`,
    );
  }
  const { given } = readCommandLine(bench, args);
  const ours = { fleet: values.name, agents: values.agents ?? 1, nats: "embedded" };
  for (const key of [...Object.keys(ours), "natsListen"]) {
    if (given[key] === undefined) continue;
    const option = `--${key.replace("L", "-l")}`;
    throw new UserError(`Cannot use ${option} after --: what starts the fleet gives it`);
  }
  completeValues(bench, { ...given, ...ours });
  const hidden = args.find((arg) => visibleText(arg) !== arg);
  if (hidden !== undefined) {
    throw new UserError(
      `Cannot write ${JSON.stringify(hidden)} into a script: it has characters that are not seen`,
    );
  }
  refuseSecrets(args, bench, values);
  if (values.way === "k8s" && values.lead === "pod") refuseFiles(given, bench);
  return given;
}

function refuseSecrets(args: readonly string[], bench: Command, { way }: StartValues): void {
  const redacted = redactCommandLine(args, bench);
  for (const [i, arg] of args.entries()) {
    if (redacted[i] === arg && cleanMessage(arg) === arg) continue;
    const [, value = ""] = /^(?:--?[^=\s]*=)?([^]*)$/.exec(arg) ?? [];
    if (isPublicHeader(value)) continue;
    if (/^([\w-]+:\s*([A-Za-z-]+\s+)?)?(env|file):./.test(value) && way !== "k8s") continue;
    throw new UserError(
      way === "k8s"
        ? "Cannot write a secret of bench into manifests: --key-secret names a Secret of the cluster " +
          "that holds the API key"
        : "Cannot write a secret of bench into a script: give it as env:NAME or file:PATH, or as " +
          "the variable TOKOMETER_API_KEY",
    );
  }
}

/** `X-Team: a`, which is masked elsewhere as any header is. */
function isPublicHeader(text: string): boolean {
  const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(text) ?? [];
  return name !== undefined && value !== undefined && !/^(env|file)$/.test(name) &&
    !isSecretField(name, value) && cleanMessage(text) === text;
}

/** A pod has none of the files of this machine. */
function refuseFiles(given: Readonly<Record<string, unknown>>, bench: Command): void {
  const named = listOptions(bench.options).find(({ key, reads }) =>
    reads !== undefined && given[key] !== undefined
  );
  if (named === undefined) return;
  throw new UserError(
    `Cannot use --${named.name} with a leader in a pod, which has no files of this machine: ` +
      "--lead here leads from this machine, and sends them along",
  );
}
