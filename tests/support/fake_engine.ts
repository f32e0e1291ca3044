#!/usr/bin/env -S deno run -A --quiet
/**
 * Plays every engine that can be started: takes its command line, strictly, and serves the
 * simulated engine in its protocol. Options of its own make it fail. `FAKE_LACKS` names options that
 * its version no longer has, separated by commas.
 *
 * @module
 */
import type { SimOptions } from "../../backends/sim_options.ts";

interface Part {
  /** Does this command line start the engine? */
  readonly matches: (args: readonly string[]) => boolean;
  /** Arguments before the options. */
  readonly lead: number;
  /** Options with a value, and those without. */
  readonly valued: readonly string[];
  readonly flags: readonly string[];
  readonly port: string | number;
  readonly sim: Partial<SimOptions>;
  readonly grpc?: boolean;
}

const PARTS: readonly Part[] = [
  {
    matches: (args) => args[1] === "vllm.entrypoints.openai.api_server",
    lead: 2,
    valued: [
      ...["--model", "--tensor-parallel-size", "-tp", "--swap-space", "--host", "--port"],
      ...["--uvicorn-log-level", "--max-model-len", "--gpu-memory-utilization", "--dtype"],
    ],
    flags: ["--disable-log-requests", "--enforce-eager"],
    port: "--port",
    sim: { engine: "openai" },
  },
  {
    matches: (args) => args[0] === "serve" && args[1] === "api_server",
    lead: 3,
    valued: [
      ...["--server-name", "--server-port", "--tp", "--session-len", "--log-level"],
      ...["--cache-max-entry-count", "--model-format"],
    ],
    flags: [],
    port: "--server-port",
    sim: { engine: "lmdeploy" },
  },
  {
    matches: (args) => args[1] === "sglang.launch_server",
    lead: 2,
    valued: ["--model-path", "--port", "--host", "--tp"],
    flags: ["--disable-radix-cache"],
    port: "--port",
    sim: { engine: "sglang" },
  },
  {
    matches: (args) => args[1] === "lightllm.server.api_server",
    lead: 2,
    valued: [
      ...["--model_dir", "--host", "--port", "--tp", "--max_total_token_num"],
      "--tokenizer_mode",
    ],
    flags: [],
    port: "--port",
    sim: { engine: "lightllm" },
  },
  {
    matches: (args) => args[0] === "--model-dir",
    lead: 0,
    valued: [
      ...["--model-dir", "--model-param-path", "--tokenizer-path", "--tensor-parallel-size"],
      ...["--top-p", "--top-k", "--max-tokens-scale", "--max-input-tokens-per-request"],
      ...["--max-output-tokens-per-request", "--max-total-tokens-per-request"],
      ...["--max-running-batch", "--max-tokens-per-step", "--host", "--port"],
    ],
    flags: [],
    port: "--port",
    sim: { engine: "openai" },
    grpc: true,
  },
  {
    matches: (args) => args[0]?.endsWith("/service_docker_up.sh") ?? false,
    lead: 1,
    valued: [],
    flags: [],
    port: 33337,
    sim: { engine: "triton" },
    grpc: true,
  },
  {
    matches: (args) => args[0] === "-m" && args[1]?.endsWith(".gguf") === true,
    lead: 0,
    valued: ["-m", "--host", "--port", "-c", "-np", "-t"],
    flags: [],
    port: "--port",
    sim: { engine: "llama.cpp" },
  },
];

/**
 * Ends with this code after so many ms; children; ms between tokens; a key; no port; deaf to SIGTERM.
 */
const OWN_VALUED = ["--api-key", "--fake-die", "--fake-die-after", "--fake-children", "--fake-itl"];
const OWN_FLAGS = ["--fake-never-ready", "--fake-deaf"];

const part = PARTS.find(({ matches }) => matches(Deno.args));
if (part === undefined) fail(`cannot tell which engine ${Deno.args.join(" ")} starts`);

const lacks = Deno.env.get("FAKE_LACKS")?.split(",") ?? [];
const valued = part.valued.filter((name) => !lacks.includes(name));
const flags = part.flags.filter((name) => !lacks.includes(name));

// As argparse prints it, with a description that speaks of an option of the past.
if (Deno.args.some((arg) => arg === "--help" || arg === "--help=all")) {
  const value = (name: string) => `${name} ${name.replace(/^-+/, "").toUpperCase()}`;
  say(`usage: engine [-h] ${[...valued.map(value), ...flags].map((one) => `[${one}]`).join(" ")}`);
  say("\noptions:\n  -h, --help  show this help message and exit");
  for (const name of valued) say(`  ${value(name)}\n${" ".repeat(24)}--swap-space was another one`);
  for (const name of flags) say(`  ${name}, --no-${name.slice(2)}`);
  Deno.exit();
}

const given = new Map<string, string>();
for (let at = part.lead; at < Deno.args.length; at++) {
  const name = Deno.args[at]!;
  if ([...flags, ...OWN_FLAGS].includes(name)) given.set(name, "");
  else if ([...valued, ...OWN_VALUED].includes(name)) given.set(name, Deno.args[++at] ?? "");
  else fail(`error: unrecognized arguments: ${name}`);
}

say(`fake engine: loading the model, ${Deno.args.join(" ")}`);
complain("fake engine: this goes to stderr");

const children = Number(given.get("--fake-children") ?? 0);
for (let child = 0; child < children; child++) {
  // Every other one leaves the session, as workers of some engines do.
  const line = ["sleep", "1000"];
  const [command, ...args] = child % 2 === 0 ? line : ["setsid", ...line];
  new Deno.Command(command!, { args, stdin: "null" }).spawn();
}
if (given.has("--fake-deaf")) Deno.addSignalListener("SIGTERM", () => say("not now"));
if (given.has("--fake-die")) {
  setTimeout(
    () => fail("RuntimeError: out of memory", Number(given.get("--fake-die"))),
    Number(given.get("--fake-die-after") ?? 0),
  );
}

const port = typeof part.port === "number" ? part.port : Number(given.get(part.port));
if (given.has("--fake-never-ready")) {
  // Without this the program would be done.
  setInterval(() => {}, 1000);
} else {
  const at = part.grpc ? { grpcPort: port, port: 0 } : { port };
  const host = given.get("--host") ?? given.get("--server-name") ?? "127.0.0.1";
  // Only now: a question for the options is answered at once.
  const { startSimServer } = await import("../../backends/sim_server.ts");
  await startSimServer({
    ...part.sim,
    ...at,
    host,
    ttft: "1",
    itl: given.get("--fake-itl") ?? "1",
  });
  say("fake engine: ready");
}

function fail(message: string, code = 2): never {
  complain(message);
  Deno.exit(code);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function complain(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}
