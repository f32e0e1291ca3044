/**
 * The simulated engine over gRPC: PPL LLM servers and TurboMind behind Triton, with the stamp just
 * before each write and the injected faults.
 *
 * @module
 */
import { GRPC_STATUS } from "./grpc_status.ts";
import {
  admitRequest,
  type AnswerContext,
  BLOCKED_AT_BYTES,
  countToken,
  endTruth,
  faultMessage,
  injectInPlace,
  midStreamFault,
  type MidStreamFaults,
  noteTimes,
  openStream,
} from "./sim_answer.ts";
import type { SimSink } from "./sim_batch.ts";
import type { SimulatedEngine } from "./sim_engine.ts";
import { type GrpcCall, startGrpcServer } from "./sim_grpc_call.ts";
import type { SimCertificate } from "./sim_certificate.ts";
import type { SimPort } from "./sim_http.ts";
import type { SimOptions } from "./sim_options.ts";
import { simGrpcProtocols } from "./sim_protocols.ts";
import type { TruthLog } from "./sim_truth.ts";

/** What is served, besides the engine's own options. */
export interface SimGrpcOptions {
  /** The server's options: host, model, key, faults, quirks, clock. Its `port` is not used. */
  readonly sim: SimOptions;
  /** Where writes are logged. */
  readonly truth: TruthLog;
  /** 0 = any free port. */
  readonly port: number;
  /** Version of PPL's protocol. Default 2. */
  readonly pplVersion?: 1 | 2;
  /** Plaintext without it. */
  readonly tls?: SimCertificate;
}

/** Statuses for the faults that are named after HTTP's. */
const STATUS_OF_HTTP: Readonly<Record<number, number>> = {
  429: GRPC_STATUS.RESOURCE_EXHAUSTED,
  500: GRPC_STATUS.INTERNAL,
  503: GRPC_STATUS.UNAVAILABLE,
};

/**
 * Serves an engine over gRPC; the engine outlives the server.
 *
 * Faults keep the meaning they have over HTTP: `http-429`, `http-500` and `http-503` become the
 * statuses RESOURCE_EXHAUSTED, INTERNAL and UNAVAILABLE, `json-error` and `error-event` the
 * protocol's own report of a failure under status OK, `truncate` a stream without a status. Those
 * that are about HTTP/1.1 (`close-after-stream`, `slow-headers`, …) do nothing here.
 *
 * @throws {Error} when the address cannot be used.
 */
export async function startSimGrpc(
  engine: SimulatedEngine,
  options: SimGrpcOptions,
): Promise<SimPort> {
  const { sim, truth, port, pplVersion = 2, tls } = options;
  const protocols = simGrpcProtocols(pplVersion);

  function onCall(call: GrpcCall): void {
    const { path, headers } = call.request;
    const protocol = protocols.find((each) => each.matches("POST", path));
    if (protocol === undefined) {
      return call.end(GRPC_STATUS.UNIMPLEMENTED, `Unknown method ${path}`);
    }
    if (sim.apiKey !== undefined && headers["authorization"] !== `Bearer ${sim.apiKey}`) {
      return call.end(GRPC_STATUS.UNAUTHENTICATED, "Invalid API key");
    }
    const job = protocol.accept(call.request, sim.model);
    if ("status" in job) return sendReply(call, job);
    const total = job.promptTokens + job.maxTokens;
    if (sim.maxModelLen > 0 && total > sim.maxModelLen) {
      const message = `${total} tokens in all, the context is ${sim.maxModelLen}`;
      return sendMessage(call, protocol.errorEvent(openStream(job, sim), message));
    }
    answer(admitRequest({ exchange: call, protocol, job, engine, options: sim }, truth));
  }

  return await startGrpcServer({
    host: sim.host,
    port,
    clock: sim.clock,
    ...(tls !== undefined && { tls }),
    onCall,
  });
}

const ENCODER = new TextEncoder();

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}

function sendReply(call: GrpcCall, reply: { status: number; body: string | Uint8Array }): void {
  if (reply.status === GRPC_STATUS.OK) sendMessage(call, reply.body);
  else call.end(reply.status, typeof reply.body === "string" ? reply.body : "");
}

/** One message and status OK. */
function sendMessage(call: GrpcCall, message: string | Uint8Array): void {
  call.send(bytesOf(message));
  call.end(GRPC_STATUS.OK);
}

/** Answers a call that was admitted. */
function answer(context: AnswerContext<GrpcCall>): void {
  const { exchange: call, protocol, job, engine, truth, options, admission } = context;
  const stream = openStream(job, options, admission);
  const sendError = (message: string) => sendMessage(call, protocol.errorEvent(stream, message));
  const replaced = injectInPlace(context, {
    status: (status, message) => call.end(STATUS_OF_HTTP[status]!, message),
    "json-error": sendError,
    refuse: () => call.cut(),
    "not-http": () => call.cut(),
  });
  if (replaced) return;
  const faults: MidStreamFaults<Uint8Array> = {
    cut: () => call.cut(),
    reset: () => call.reset(),
    truncate: () => call.endWithoutStatus(),
    "malformed-chunk": () => {
      // A frame with a flag that does not exist.
      call.sendRaw(Uint8Array.of(7, 0, 0, 0, 1, 0));
      call.end(GRPC_STATUS.OK);
    },
    "error-event": sendError,
    // An odd number of its bytes: never the end of a field.
    "malformed-event": (message) => call.send(message.subarray(0, message.length - 1)),
  };
  let fault = midStreamFault(context);

  const sink: SimSink = {
    queued: (times) => noteTimes(stream, truth, times),
    blocked: () => call.buffered > BLOCKED_AT_BYTES,
    tokens(tokens, last, finish, plannedMs) {
      if (call.closed) return;
      for (const token of tokens) countToken(stream, token);
      const message = bytesOf(protocol.event(stream, tokens, last, finish));
      truth.write(call.send(message), stream.tokensSoFar, plannedMs);
      if (fault !== undefined && stream.tokensSoFar >= fault.atTokens) {
        const { name } = fault;
        fault = undefined;
        if (name === "malformed-event") faults[name](message);
        else {
          cancel();
          faults[name](faultMessage(name));
          return endTruth(context, "failed");
        }
      }
      if (!last) return;
      const closing = bytesOf(protocol.closing?.(stream, finish) ?? "");
      if (closing.length > 0) call.send(closing);
      truth.finish(finish);
      call.end(GRPC_STATUS.OK);
      endTruth(context, "done");
    },
  };
  const cancel = engine.submit(job, sink, admission);
  call.onGone = () => {
    cancel();
    endTruth(context, "gone");
  };
}
