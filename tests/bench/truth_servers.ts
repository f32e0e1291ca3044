/**
 * Starts the independent servers of `truth.ts` at real-time priority and reads their logs.
 *
 * @module
 */
import { output, works } from "./client.ts";
import { openFarLink } from "./truth_far.ts";
import { rowsOfLog, type ServerRow } from "./truth_join.ts";
import { paceQuery, type ServerKind, type TruthPlan } from "./truth_plans.ts";
import { makeCertificates } from "../support/certificates.ts";

/** A running server and how a client reaches it. */
export interface TruthServer {
  readonly url: string;
  /** Options of `bench` for it. */
  readonly options: readonly string[];
  /** Words before the client's command line. */
  readonly prefix: readonly string[];
  /** Everything that it has logged; it may end for that. */
  rows(): Promise<ServerRow[]>;
  stop(): Promise<void>;
}

/** What the servers need. */
export interface TruthTools {
  /** Holds the compiled programs; servers write their logs here. */
  readonly folder: string;
  /** Words that give a server real-time priority on the last core. */
  readonly realTime: readonly string[];
}

const MODEL = "truth";

const PROGRAMS: Readonly<Record<ServerKind, readonly string[]>> = {
  http: ["truth_server"],
  grpc: ["h2_server"],
  tls: [],
  far: ["truth_server", "link"],
};

/** Compiles what these servers need. */
export async function buildTools(
  folder: string,
  kinds: readonly ServerKind[],
): Promise<TruthTools> {
  for (const program of new Set(kinds.flatMap((kind) => PROGRAMS[kind]))) {
    const source = new URL(`../truth/${program}.c`, import.meta.url).pathname;
    await output("gcc", ["-O2", "-w", "-o", `${folder}/${program}`, source]);
  }
  const core = ["taskset", "-c", `${navigator.hardwareConcurrency - 1}`];
  const realTime = ["chrt", "-f", "50"];
  return {
    folder,
    realTime: works(realTime[0]!, ...realTime.slice(1), "true") ? [...realTime, ...core] : core,
  };
}

/** Servers at real-time priority and busy loops must not outlive this process. */
const running = new Set<Deno.ChildProcess>();

/** A process that ends with this one. */
export function track(child: Deno.ChildProcess): Deno.ChildProcess {
  running.add(child);
  const forget = () => void running.delete(child);
  child.status.then(forget, forget);
  return child;
}

/** Ends every tracked process, for an end that nobody planned. */
export function killTracked(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A process that says "listening…" first and ends with a signal. */
export async function startProgram(words: readonly string[], cwd: string) {
  const command = new Deno.Command(words[0]!, { args: words.slice(1), cwd, stderr: "piped" });
  const child = track(command.spawn());
  const said = child.stderr.getReader();
  const { value } = await said.read();
  const line = new TextDecoder().decode(value);
  if (!line.startsWith("listening")) {
    await child.status;
    throw new Error(`${words.join(" ")}: ${line}`);
  }
  return {
    pid: child.pid,
    async end(signal: Deno.Signal) {
      try {
        child.kill(signal);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended
      }
      await said.cancel();
      await child.status;
    },
  };
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

/** Reads a log, which is not needed any more. */
async function takeLog(path: string): Promise<BigUint64Array> {
  const { buffer, length } = await Deno.readFile(path);
  await Deno.remove(path);
  return new BigUint64Array(buffer, 0, length >> 3);
}

/** Options of a server that speaks like OpenAI's. */
function openaiOptions(plan: TruthPlan): string[] {
  return [`--model=${MODEL}`, `--endpoint=/v1/chat/completions?${paceQuery(plan)}`];
}

async function startHttp({ folder, realTime }: TruthTools, plan: TruthPlan): Promise<TruthServer> {
  const port = freePort();
  const server = await startProgram([...realTime, `${folder}/truth_server`, `${port}`], folder);
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string) => await (await fetch(`${url}${path}`)).text();
  return {
    url,
    options: openaiOptions(plan),
    prefix: [],
    async rows() {
      const { requests } = JSON.parse(await get("/stats"));
      await get(`/dump?n=${requests}&done=1`);
      const [log, done] = [
        await takeLog(`${folder}/truth.bin`),
        await takeLog(`${folder}/done.bin`),
      ];
      return rowsOfLog(log, done);
    },
    stop: () => server.end("SIGKILL"),
  };
}

/** A server that writes its log when it is asked to end. */
async function startLogging(
  words: readonly string[],
  { folder }: TruthTools,
  client: Pick<TruthServer, "url" | "options">,
): Promise<TruthServer> {
  const log = `${folder}/server.bin`;
  const server = await startProgram([...words, log], folder);
  let ended = false;
  const stop = async () => {
    if (!ended) await server.end("SIGTERM");
    ended = true;
  };
  return {
    ...client,
    prefix: [],
    async rows() {
      await stop();
      return rowsOfLog(await takeLog(log));
    },
    stop,
  };
}

async function startTls(tools: TruthTools, plan: TruthPlan): Promise<TruthServer> {
  const certificates = await makeCertificates();
  if (certificates === undefined) throw new Error("TLS needs openssl");
  const file = (name: string) => `${tools.folder}/${name}.pem`;
  for (const name of ["ca", "cert", "key"] as const) {
    await Deno.writeTextFile(file(name), certificates[name]);
  }
  const port = freePort();
  const script = new URL("./truth_tls_server.py", import.meta.url).pathname;
  return await startLogging(
    [...tools.realTime, "python3", script, `${port}`, file("cert"), file("key")],
    tools,
    {
      url: `https://127.0.0.1:${port}`,
      options: [...openaiOptions(plan), `--ca-cert=${file("ca")}`],
    },
  );
}

async function startFar(tools: TruthTools, plan: TruthPlan): Promise<TruthServer> {
  const port = freePort();
  const link = await openFarLink(tools);
  try {
    const server = await startProgram(
      [...link.serverPrefix, ...tools.realTime, `${tools.folder}/truth_server`]
        .concat(`${port}`, link.serverAddress),
      tools.folder,
    );
    const stop = async () => {
      await server.end("SIGKILL");
      await link.close();
    };
    return {
      url: `http://${link.serverAddress}:${port}`,
      options: openaiOptions(plan),
      prefix: link.clientPrefix,
      rows: () => link.rows(),
      stop,
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}

/** Starts the server of a plan. */
export async function startServer(tools: TruthTools, plan: TruthPlan): Promise<TruthServer> {
  switch (plan.server) {
    case "http":
      return await startHttp(tools, plan);
    case "grpc": {
      const port = freePort();
      const program = [...tools.realTime, `${tools.folder}/h2_server`];
      return await startLogging([...program, `${port}`, `${plan.itlMs * 1000}`, "0"], tools, {
        url: `http://127.0.0.1:${port}`,
        options: ["--protocol=ppl", `--model=${MODEL}`],
      });
    }
    case "tls":
      return await startTls(tools, plan);
    case "far":
      return await startFar(tools, plan);
  }
}
