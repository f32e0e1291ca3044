/**
 * Exchanges gRPC messages with Python's implementation, both ways: our client with a server, and
 * our simulated server with a client, whose code was generated from `.proto` files by protoc.
 *
 * Needs Python's grpcio, protoc and its Python plugin (Debian: python3-grpcio, protobuf-compiler,
 * protobuf-compiler-grpc); names the one that is missing and ends with success without it.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { systemClock } from "../../backends/clock.ts";
import { decodeExchange } from "../../backends/decode.ts";
import { grpcTransport } from "../../backends/transport_grpc.ts";
import { grpcSocketTransport } from "../../backends/transport_grpc_socket.ts";
import { grpcAsk } from "../support/grpc_ask.ts";
import { ppl } from "../../backends/protocol_ppl.ts";
import { pplV1 } from "../../backends/protocol_ppl_v1.ts";
import type { GenerationRequest, Protocol, Target } from "../../backends/protocol.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { createSimEngine } from "../../backends/sim_engine.ts";
import { startSimGrpc } from "../../backends/sim_grpc.ts";
import { SIM_DEFAULTS } from "../../backends/sim_options.ts";
import { TruthLog } from "../../backends/sim_truth.ts";
import type { Transport, TransportKind } from "../../backends/transport.ts";
import { tritonTurbomind } from "../../backends/protocol_triton_grpc.ts";
import { modelReady, serverReady } from "../support/triton_calls.ts";

const HERE = import.meta.dirname!;
/** The system's own: packages of the distribution are not visible to other Pythons. */
const PYTHON = "/usr/bin/python3";
const decoder = new TextDecoder();

/** What Python's server read, as it printed it. */
interface Received {
  readonly call: string;
  readonly metadata: Readonly<Record<string, string>>;
  // deno-lint-ignore no-explicit-any
  readonly message: any;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

async function works(command: string, ...args: readonly string[]): Promise<boolean> {
  try {
    const options: Deno.CommandOptions = { args: [...args], stdout: "null", stderr: "null" };
    return (await new Deno.Command(command, options).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What is not installed. */
async function missing(): Promise<string | undefined> {
  if (!await works(PYTHON, "-c", "import grpc, google.protobuf")) return "python3-grpcio";
  if (!await works("protoc", "--version")) return "protobuf-compiler";
  if (!await works("sh", "-c", "command -v grpc_python_plugin")) return "protobuf-compiler-grpc";
  return undefined;
}

async function generate(folder: string): Promise<void> {
  const which = new Deno.Command("sh", { args: ["-c", "command -v grpc_python_plugin"] });
  const plugin = decoder.decode((await which.output()).stdout).trim();
  // One at a time: both versions of PPL define the same names.
  for (const name of ["ppl", "ppl_v1", "kserve"]) {
    const { success, stderr } = await new Deno.Command("protoc", {
      args: [
        `--proto_path=${HERE}`,
        `--python_out=${folder}`,
        `--plugin=protoc-gen-grpc=${plugin}`,
        `--grpc_out=${folder}`,
        `${name}.proto`,
      ],
    }).output();
    if (!success) throw new Error(`protoc failed: ${decoder.decode(stderr)}`);
  }
}

/** A Python server, its lines, and its end. */
async function startPeer(
  folder: string,
  version: string,
): Promise<{ port: number; received(): Promise<Received>; stop(): Promise<void> }> {
  const child = new Deno.Command(PYTHON, {
    args: [`${HERE}/peer_server.py`, folder, version],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  async function line(): Promise<string> {
    while (!text.includes("\n")) {
      const { value, done } = await lines.read();
      if (done) throw new Error("The Python server ended early");
      text += value;
    }
    const at = text.indexOf("\n");
    const first = text.slice(0, at);
    text = text.slice(at + 1);
    return first;
  }
  return {
    port: Number(await line()),
    received: async () => JSON.parse(await line()),
    async stop() {
      await child.stdin.close();
      await lines.cancel();
      await child.status;
    },
  };
}

interface Generation {
  readonly protocol: Protocol;
  readonly transport: Transport;
  readonly target: Target;
}

async function generation(
  { protocol, transport, target }: Generation,
  overrides: Partial<GenerationRequest>,
): Promise<RequestRecord> {
  let request: GenerationRequest = {
    model: "",
    messages: [{ role: "user", content: "Hallo Wörld" }],
    outputTokens: 5,
    length: "forced",
    stream: true,
    sampling: { temperature: 0 },
    requestId: 2n ** 62n + 1n,
    ...overrides,
  };
  request = await protocol.prepare?.(request, target, grpcAsk(transport)) ?? request;
  const wire = protocol.buildRequest(request, target);
  const exchange = await transport.send(wire, { timeoutMs: 10_000 });
  return decodeExchange(exchange, protocol, request, {
    load: 0,
    phase: "measure",
    index: 0,
    user: 0,
    promptId: "0",
    intendedMs: 0,
    originMs: 0,
    keepText: true,
  });
}

/** Our client, Python's server. */
async function checkClient(
  kind: TransportKind,
  folder: string,
  version: "ppl" | "ppl_v1",
): Promise<void> {
  const peer = await startPeer(folder, version);
  const transport = kind.open({ clock: systemClock });
  const target: Target = {
    baseUrl: `grpc://127.0.0.1:${peer.port}`,
    headers: { "x-team": "blue" },
    apiKey: "k-1",
  };
  const protocol = version === "ppl" ? ppl : pplV1;
  const run = { protocol, transport, target };
  try {
    const record = await generation(run, {});
    assertEquals(record.outcome, { kind: "ok" });
    assertEquals([record.text, record.outputTokens?.tokens], [" 0é 2é 3é 4é", 5]);
    const { metadata, message } = await peer.received();
    assertEquals(metadata, { "authorization": "Bearer k-1", "x-team": "blue" });
    assertEquals(message.req, [{
      id: "4611686018427387905",
      prompt: "Hallo Wörld",
      ...(version === "ppl" && { choosing_parameters: { top_k: 1, repetition_penalty: 1 } }),
      stopping_parameters: { max_new_tokens: 5, ignore_eos_token: true },
    }]);

    const ids = await generation(run, { promptTokenIds: [1, 300_000], length: "cap" });
    assertEquals(ids.outcome.kind, "ok");
    const [read] = (await peer.received()).message.req;
    assertEquals([read.tokens, read.stopping_parameters], [{ ids: [1, 300_000] }, {
      max_new_tokens: 5,
    }]);

    const say = (content: string) => generation(run, { messages: [{ role: "user", content }] });
    assertEquals((await say("fail")).outcome.kind, "engine_error");
    const aborted = (await say("abort")).outcome;
    assert(aborted.kind === "http_error" && aborted.status === 8, JSON.stringify(aborted));
    assertStringIncludes(aborted.message, "no slots: 100 % ü");
    await peer.received();
    await peer.received();
    await checkMany(run, peer.received);
    if (version === "ppl") await checkTriton(run, peer.received);
  } finally {
    await transport.close();
    await peer.stop();
  }
}

/** Many calls at once, and a message that needs more than the server's first window. */
async function checkMany(run: Generation, received: () => Promise<Received>): Promise<void> {
  const ended = await Promise.all(
    Array.from({ length: 32 }, () => generation(run, { outputTokens: 40 })),
  );
  for (const { outcome, outputTokens } of ended) {
    assertEquals([outcome.kind, outputTokens?.tokens], ["ok", 40]);
  }
  for (let i = 0; i < ended.length; i++) await received();
  const content = "long ".repeat(400_000);
  // Read at once: the server waits for its long line to be taken.
  const [long, { message }] = await Promise.all([
    generation(run, { messages: [{ role: "user", content }] }),
    received(),
  ]);
  assertEquals(long.outcome.kind, "ok");
  const [read] = message.req;
  assert(read.prompt === content, "the whole prompt");
}

async function checkTriton(
  run: Generation,
  received: () => Promise<Received>,
): Promise<void> {
  const { transport, target } = run;
  const ask = grpcAsk(transport);
  assert(await serverReady(target, ask), "the server is ready");
  assert(await modelReady(target, "turbomind", ask), "the model is ready");
  const triton = { ...run, protocol: tritonTurbomind };
  const record = await generation(triton, {});
  assertEquals(record.outcome, { kind: "ok" });
  const { events, outputTokens, tickTokens } = record;
  assertEquals([outputTokens?.tokens, events, tickTokens.at(-1)], [5, 6, 5]);
  // How many messages come together depends on the network.
  assert(tickTokens.length <= 5, `${tickTokens}`);
  // 12 bytes and the beginning of the sequence.
  assertEquals(record.promptTokens?.tokens, 13);
  const { message } = await received();
  assertEquals(message.parameters, {
    sequence_id: { int64_param: "4611686018427387905" },
    sequence_start: { bool_param: true },
    sequence_end: { bool_param: true },
  });
  assertEquals(message.inputs.length, message.raw_input_contents.length);
  assertEquals(message.inputs[0], { name: "input_ids", datatype: "UINT32", shape: ["1", "13"] });
  const unlucky = (await generation(triton, { outputTokens: 13 })).outcome;
  assertEquals(unlucky, { kind: "engine_error", message: "unlucky ü" });
}

/** Python's client, our simulated server. */
async function checkServer(folder: string, version: "ppl" | "ppl_v1"): Promise<void> {
  const sim = { ...SIM_DEFAULTS, ttft: "2", itl: "1", maxModelLen: 100 };
  const engine = createSimEngine(sim);
  const truth = new TruthLog(10_000);
  const pplVersion = version === "ppl" ? 2 : 1;
  const server = await startSimGrpc(engine, { sim, truth, port: 0, pplVersion });
  try {
    const { success, stdout, stderr } = await new Deno.Command(PYTHON, {
      args: [`${HERE}/peer_client.py`, folder, version, `${server.port}`],
    }).output();
    if (!success) throw new Error(`The Python client failed: ${decoder.decode(stderr)}`);
    assertEquals(decoder.decode(stdout), "ok\n");
  } finally {
    await server.stop();
    await engine.stop();
  }
}

const lacking = await missing();
if (lacking !== undefined) {
  say(`skipped: gRPC peers in Python, ${lacking} is not installed`);
} else {
  const folder = await Deno.makeTempDir();
  try {
    await generate(folder);
    for (const version of ["ppl", "ppl_v1"] as const) {
      const protocols = `${version}${version === "ppl" ? ", triton" : ""}`;
      for (const kind of [grpcTransport, grpcSocketTransport]) {
        await checkClient(kind, folder, version);
        say(`ok: our client (${kind.name}), a Python server (${protocols})`);
      }
      await checkServer(folder, version);
      say(`ok: a Python client, our simulated server (${version}, triton)`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
