/**
 * The simulated engine over gRPC: PPL LLM servers and TurboMind behind Triton, with the stamp just
 * before each write and the faults that strike on the way.
 *
 * @module
 */
import { GRPC_STATUS } from "./grpc_status.ts";
import type { Admission, PacedSink, SimulatedEngine } from "./sim_engine.ts";
import { type GrpcCall, type GrpcCertificate, startGrpcServer } from "./sim_grpc_call.ts";
import type { ConnectionCounts } from "./sim_http.ts";
import { type SimOptions, simQuirks } from "./sim_options.ts";
import type { SimJob, SimProtocol, SimStream } from "./sim_protocol.ts";
import { simGrpcProtocols } from "./sim_protocols.ts";
import type { TruthEnd, TruthEntry, TruthLog } from "./sim_truth.ts";

/** What is served besides what the engine decides. */
export interface SimGrpcOptions {
  /** The server's options: host, model, key, faults, quirks, clock. Its `port` is not used. */
  readonly sim: SimOptions;
  /** Where writes are noted. */
  readonly truth: TruthLog;
  /** 0 = any free port. */
  readonly port: number;
  /** Version of the PPL protocol; the two share a path and cannot be told apart. Default 2. */
  readonly pplVersion?: 1 | 2;
  /** Plaintext without it. */
  readonly tls?: GrpcCertificate;
}

/** A running server. */
export interface SimGrpcServer {
  readonly port: number;
  connections(): ConnectionCounts;
  /** Drops all connections. The engine goes on. */
  stop(): Promise<void>;
}

/** Faults that replace the answer by a status. */
const FAULT_STATUS: Readonly<Record<string, number>> = {
  "http-429": GRPC_STATUS.RESOURCE_EXHAUSTED,
  "http-500": GRPC_STATUS.INTERNAL,
  "http-503": GRPC_STATUS.UNAVAILABLE,
};

/** Faults that strike after some tokens. */
const MID_STREAM = [
  "cut",
  "reset",
  "truncate",
  "malformed-chunk",
  "malformed-event",
  "error-event",
] as const;

/** The engine waits for a reader that is this many bytes behind. */
const BLOCKED_AT_BYTES = 2 ** 20;

/**
 * Serves an engine over gRPC.
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
): Promise<SimGrpcServer> {
  const { sim, truth, port, pplVersion = 2, tls } = options;
  const protocols = simGrpcProtocols(pplVersion);

  function onCall(call: GrpcCall): void {
    const protocol = protocols.find((each) => each.matches("POST", call.path));
    if (protocol === undefined) {
      return call.end(GRPC_STATUS.UNIMPLEMENTED, `Unknown method ${call.path}`);
    }
    if (sim.apiKey !== undefined && call.metadata["authorization"] !== `Bearer ${sim.apiKey}`) {
      return call.end(GRPC_STATUS.UNAUTHENTICATED, "Invalid API key");
    }
    const accepted = protocol.accept({
      method: "POST",
      path: call.path,
      query: new URLSearchParams(),
      headers: call.metadata,
      body: call.message,
    }, sim.model);
    if ("status" in accepted) return sendReply(call, accepted);
    const total = accepted.promptTokens + accepted.maxTokens;
    if (sim.maxModelLen > 0 && total > sim.maxModelLen) {
      const message = `${total} tokens in all, the context is ${sim.maxModelLen}`;
      sendStream(call, protocol.errorEvent(openStream(accepted, sim), message));
      return;
    }
    const admission = engine.admit(accepted);
    const requestId = call.metadata["x-request-id"];
    const entry = truth.begin({
      serial: admission.serial,
      protocol: protocol.name,
      path: call.path,
      ...(requestId === undefined ? {} : { requestId }),
      clientPort: call.clientPort,
      connection: call.connection,
      arrivalMs: call.arrivalMs,
      completeMs: call.completeMs,
      promptTokens: accepted.promptTokens,
      cachedTokens: admission.cachedTokens,
      requestedTokens: accepted.maxTokens,
      faults: [...admission.faults.keys()],
    });
    answer({ call, protocol, job: accepted, admission, engine, truth: entry, sim });
  }

  return await startGrpcServer({
    host: sim.host,
    port,
    clock: sim.clock,
    ...(tls === undefined ? {} : { tls }),
    onCall,
  });
}

interface AnswerContext {
  readonly call: GrpcCall;
  readonly protocol: SimProtocol;
  readonly job: SimJob;
  readonly admission: Admission;
  readonly engine: SimulatedEngine;
  readonly truth: TruthEntry;
  readonly sim: SimOptions;
}

const ENCODER = new TextEncoder();

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? ENCODER.encode(data) : data;
}

function sendReply(call: GrpcCall, reply: { status: number; body: string | Uint8Array }): void {
  if (reply.status === GRPC_STATUS.OK) sendStream(call, reply.body);
  else call.end(reply.status, typeof reply.body === "string" ? reply.body : "");
}

/** One message and status OK. */
function sendStream(call: GrpcCall, message: string | Uint8Array): void {
  call.send(bytesOf(message));
  call.end(GRPC_STATUS.OK);
}

interface MutableStream extends SimStream {
  tokensSoFar: number;
  reasoningSoFar: number;
  textSoFar: string;
}

function openStream(job: SimJob, sim: SimOptions, admission?: Admission): MutableStream {
  const quirks = simQuirks(sim);
  if (admission?.faults.has("missing-done")) quirks.add("done:missing");
  return {
    job,
    serial: admission?.serial ?? 0,
    tokensSoFar: 0,
    reasoningSoFar: 0,
    textSoFar: "",
    cachedTokens: admission?.cachedTokens ?? 0,
    quirks,
  };
}

/** Answers a call that was admitted. */
function answer(context: AnswerContext): void {
  const { call, protocol, job, engine, truth, sim, admission } = context;
  const { faults } = admission;
  const endTruth = (how: TruthEnd) => truth.end(sim.clock.now(), how);
  const stream = openStream(job, sim, admission);
  if (strikesAtOnce(context, stream)) {
    if (faults.has("hang")) call.onGone = () => endTruth("gone");
    else endTruth("failed");
    return;
  }
  const strike = MID_STREAM.find((name) => faults.has(name));
  const strikeAt = strike === undefined
    ? Infinity
    : faults.get(strike) || Math.max(1, Math.floor(job.maxTokens / 2));
  let struck = false;

  function fail(end: () => void): void {
    cancel();
    end();
    endTruth("failed");
  }

  function strikeNow(message: Uint8Array): void {
    struck = true;
    switch (strike) {
      case "cut":
        return fail(() => call.cut());
      case "reset":
        return fail(() => call.reset());
      case "truncate":
        return fail(() => call.endWithoutStatus());
      case "malformed-chunk":
        return fail(() => {
          // A frame with a flag that does not exist.
          call.sendRaw(Uint8Array.of(7, 0, 0, 0, 1, 0));
          call.end(GRPC_STATUS.OK);
        });
      case "error-event":
        return fail(() => sendStream(call, protocol.errorEvent(stream, "Fault to order")));
      case "malformed-event":
        // An odd number of its bytes: never the end of a field.
        call.send(message.subarray(0, message.length - 1));
    }
  }

  const sink: PacedSink = {
    blocked: () => call.buffered > BLOCKED_AT_BYTES,
    tokens(tokens, last, finish, plannedMs) {
      if (call.closed) return;
      stream.tokensSoFar += tokens.length;
      for (const { text, reasoning } of tokens) {
        stream.textSoFar += text;
        if (reasoning) stream.reasoningSoFar++;
      }
      const message = bytesOf(protocol.event(stream, tokens, last, finish));
      truth.write(call.send(message), stream.tokensSoFar, plannedMs);
      if (!struck && stream.tokensSoFar >= strikeAt) {
        strikeNow(message);
        if (strike !== "malformed-event") return;
      }
      if (!last) return;
      const closing = bytesOf(protocol.closing(stream, finish));
      if (closing.length > 0) call.send(closing);
      truth.finish(finish);
      call.end(GRPC_STATUS.OK);
      endTruth("done");
    },
    fail(message) {
      fail(() => sendStream(call, protocol.errorEvent(stream, message)));
    },
  };
  const cancel = engine.submit(job, sink, admission);
  call.onGone = () => {
    cancel();
    endTruth("gone");
  };
}

/** Faults that leave no answer, or another one; `true` when one of them struck. */
function strikesAtOnce({ call, protocol, admission }: AnswerContext, stream: SimStream): boolean {
  const { faults } = admission;
  if (faults.has("hang")) return true;
  const name = Object.keys(FAULT_STATUS).find((fault) => faults.has(fault));
  if (name !== undefined) call.end(FAULT_STATUS[name]!, `Fault to order: ${name}`);
  else if (faults.has("json-error")) {
    sendStream(call, protocol.errorEvent(stream, "Fault to order: json-error"));
  } else if (faults.has("refuse") || faults.has("not-http")) call.cut();
  else return false;
  return true;
}
