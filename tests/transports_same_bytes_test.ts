/**
 * The same bytes over every transport: the same tokens, ticks and outcome, which are those of the bytes
 * as they were written.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { GRPC_STATUS } from "../backends/grpc_status.ts";
import type { Exchange, ExchangeEnd, Transport, TransportOptions } from "../backends/transport.ts";
import { openTransport } from "../backends/transports.ts";
import { type GrpcCall, startGrpcServer } from "../backends/sim_grpc_call.ts";
import { joinBytes } from "../backends/join_bytes.ts";
import { type BytePlan, bytePlans } from "./support/byte_plans.ts";
import { wire } from "./support/grpc_contract.ts";
import { cannedExchange, cannedOptions, cannedRequest } from "./support/protocol_contract.ts";
import { FIN, latin1, RST, startRawServer, type Step } from "./support/raw_server.ts";

const SEED = 13;
/** Between writes: far more than a transport needs to read one. */
const GAP_MS = 30;
/** So many run at once over each transport. */
const AT_ONCE = 48;
/** A machine that does not run us for a gap joins its ends: such a plan is tried again. */
const ATTEMPTS = 4;

/** What a record says of an answer besides its times. */
function essence(plan: BytePlan, exchange: Exchange): Record<string, unknown> {
  const request = cannedRequest({ ...plan.request });
  const record = decodeExchange(exchange, plan.protocol, request, cannedOptions());
  const said: Record<string, unknown> = { ...record };
  for (const name of Object.keys(said)) if (/Ms$|Us$|^connect/.test(name)) delete said[name];
  said.tickTokens = [...record.tickTokens];
  // Each platform has its own words for it.
  if (record.outcome.kind === "truncated") said.outcome = { kind: "truncated" };
  if (plan.protocol.carrier === "grpc") {
    // The library shows whole messages only.
    delete said.reads;
    delete said.bytes;
  }
  return said;
}

/** What came of a plan, as if every write were a read. */
function expected(plan: BytePlan): Record<string, unknown> {
  const { writes, status, contentType, coding, end } = plan;
  let bytes = 0;
  const cuts = writes.map((parts) => bytes += joinBytes(parts).length);
  const whole = end === "complete" || (coding === "close" && end === "cut");
  const ended: ExchangeEnd = whole ? { kind: "complete" } : { kind: "cut", message: "" };
  const fields = { status, contentType, cuts, end: ended };
  return essence(plan, cannedExchange(joinBytes(writes.flat()), fields));
}

/** Sends every plan over every transport until it came as written, or not at all. */
async function compare(
  plans: readonly BytePlan[],
  transports: ReadonlyMap<string, Transport>,
  send: (transport: Transport, at: number) => Promise<Exchange>,
): Promise<void> {
  let open = plans.flatMap((_, at) => [...transports.keys()].map((name) => ({ at, name })));
  let found: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && open.length > 0; attempt++) {
    const differing: typeof open = [];
    found = [];
    for (let from = 0; from < open.length; from += AT_ONCE * transports.size) {
      await Promise.all(
        open.slice(from, from + AT_ONCE * transports.size).map(async ({ at, name }) => {
          const plan = plans[at]!;
          const came = essence(plan, await send(transports.get(name)!, at));
          try {
            assertEquals(came, expected(plan), `${plan.name}, over ${name}`);
          } catch (error) {
            differing.push({ at, name });
            found.push((error as Error).message);
          }
        }),
      );
    }
    open = differing;
  }
  assertEquals(found.length, 0, `${found.length} differ:\n${found.slice(0, 5).join("\n")}`);
}

async function openAll(
  names: readonly string[],
  options: Partial<TransportOptions> = {},
): Promise<Map<string, Transport>> {
  const open = (name: string) => openTransport(name, { clock: systemClock, ...options });
  return new Map(
    await Promise.all(names.map(async (name) => [name, await open(name)] as const)),
  );
}

function httpSteps({ status, contentType, coding, writes, end }: BytePlan): Step[] {
  const chunked = coding === "chunked";
  const length = writes.flat().reduce((sum, part) => sum + part.length, 0);
  // A body that breaks off had promised more.
  const promised = end === "complete" ? length : length + 1;
  const framing = chunked
    ? "transfer-encoding: chunked\r\n"
    : coding === "length"
    ? `content-length: ${promised}\r\n`
    : "connection: close\r\n";
  const chunk = (part: Uint8Array) =>
    joinBytes([latin1(`${part.length.toString(16)}\r\n`), part, latin1("\r\n")]);
  const steps: readonly (readonly Step[])[] = [
    [`HTTP/1.1 ${status} Whatever\r\ncontent-type: ${contentType}\r\n${framing}\r\n`],
    ...writes.map((parts) => [GAP_MS, chunked ? joinBytes(parts.map(chunk)) : joinBytes(parts)]),
    [GAP_MS],
    end === "reset" ? [RST] : chunked && end === "complete" ? ["0\r\n\r\n"] : [],
    end === "cut" || (end === "complete" && coding === "close") ? [FIN] : [],
  ];
  return steps.flat();
}

/** Serves the plans, and compares what the transports make of them. */
async function compareHttp(
  plans: readonly BytePlan[],
  names: readonly string[],
  tls?: { readonly cert: string; readonly key: string; readonly ca: string },
): Promise<void> {
  const server = await startRawServer(
    ({ path }) => httpSteps(plans[Number(path.slice(1))]!),
    tls === undefined ? {} : { tls },
  );
  const transports = await openAll(names, tls === undefined ? {} : { caCert: tls.ca });
  const origin = server.url.replace("127.0.0.1", tls === undefined ? "127.0.0.1" : "localhost");
  try {
    await compare(
      plans,
      transports,
      (transport, at) =>
        transport.send(
          { method: "POST", url: `${origin}/${at}`, headers: {}, body: latin1("{}") },
          { timeoutMs: 30_000 },
        ),
    );
  } finally {
    for (const transport of transports.values()) await transport.close();
    await server.close();
  }
}

Deno.test("the same bytes are the same answer over every HTTP transport", async () => {
  const plans = await bytePlans(SEED, "http");
  assertGreater(plans.length, 200);
  await compareHttp(plans, [
    "fetch",
    "socket",
    ...(Deno.build.os === "linux" ? ["epoll"] : []),
  ]);
});

Deno.test("the same bytes are the same answer over TLS", async () => {
  // A part of them: only what carries them is different.
  const plans = (await bytePlans(SEED, "http")).filter(({ end }, at) =>
    at % 5 === 0 && end !== "reset"
  );
  const pem = (name: string) =>
    Deno.readTextFileSync(new URL(`fixtures/tls_${name}.pem`, import.meta.url));
  await compareHttp(plans, ["fetch", "socket"], {
    cert: pem("cert"),
    key: pem("key"),
    ca: pem("ca"),
  });
});

async function playCall(call: GrpcCall, { writes, end }: BytePlan): Promise<void> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, GAP_MS));
  for (const parts of writes) {
    for (const part of parts) call.sendRaw(part);
    await pause();
  }
  if (end === "complete") call.end(GRPC_STATUS.OK);
  else if (end === "cut") call.endWithoutStatus();
  else call.reset();
}

Deno.test("the same bytes are the same answer over both gRPC transports", async () => {
  const plans = await bytePlans(SEED, "grpc");
  const server = await startGrpcServer({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    onCall: (call) => void playCall(call, plans[Number(call.request.headers["x-plan"])]!),
  });
  const transports = await openAll(["grpc", "grpc-socket"]);
  const origin = `grpc://127.0.0.1:${server.port}`;
  try {
    await compare(
      plans,
      transports,
      (transport, at) =>
        transport.send(wire(origin, "ask", { "x-plan": `${at}` }), { timeoutMs: 30_000 }),
    );
  } finally {
    for (const transport of transports.values()) await transport.close();
    await server.stop();
  }
});
