/**
 * The witness' engine, in its own thread: answers the questions of the thread that leads.
 *
 * @module
 */
import { epochOriginMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { messageOf } from "../backends/error_message.ts";
import type { SimLoop } from "../backends/sim_loop.ts";
import { loadSimProtocol } from "../backends/sim_protocol_of.ts";
import type { TruthRequest } from "../backends/sim_truth.ts";
import { type SimWitness, startSimWitness } from "../backends/sim_witness.ts";
import { readSchedule } from "./load_thread_usage.ts";
import type { FromWitness, ToWitness, WitnessEntry, WitnessSetup } from "./witness_messages.ts";

/**
 * Loads what the thread needs; returns what answers a question. After `stop` nothing is left open.
 *
 * @throws {RangeError} when there is no simulated side of the protocol.
 */
export async function createWitnessService(
  { protocol: name, grpc, tls: secure }: WitnessSetup,
  loop: SimLoop,
): Promise<(question: ToWitness) => Promise<FromWitness>> {
  const protocol = await loadSimProtocol(name);
  if (protocol === undefined) throw new RangeError(`the simulated engine does not speak ${name}`);
  const tls = secure ? (await import("../backends/sim_certificate.ts")).SIM_CERTIFICATE : undefined;
  let server: SimWitness | undefined;

  const answer = async (question: ToWitness): Promise<FromWitness> => {
    switch (question.kind) {
      case "serve": {
        const { ttft, itl } = question;
        server ??= await startSimWitness({ protocol, grpc, loop, ttft, itl, ...defined({ tls }) });
        return {
          kind: "serving",
          url: server.url,
          exactArrivals: loop.name === "epoll",
          originEpochMs: epochOriginMs(),
        };
      }
      case "take": {
        const entries = (server?.take() ?? []).map(entryOf);
        const nowMs = loop.clock.now();
        return { kind: "taken", entries, nowMs, ...defined({ cpuMs: readSchedule()?.cpuMs }) };
      }
      case "stop":
        await server?.stop();
        return { kind: "stopped" };
    }
  };
  return (question) =>
    answer(question).catch((error) => ({ kind: "failed", message: messageOf(error) }));
}

function entryOf(request: TruthRequest): WitnessEntry {
  const { requestId = "", arrivalMs, plannedMs, writeMs, writeTokens, writtenMs, end } = request;
  return {
    ...{ requestId, arrivalMs, plannedMs, writeMs, writeTokens, ended: end !== "running" },
    ...defined({ writtenMs }),
  };
}
