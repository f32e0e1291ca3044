/**
 * How much memory a stream takes: two runs in processes of their own that differ only in their number
 * of streams.
 *
 * @module
 */
import { type SelfCommand, selfCommand } from "../backends/relaunch.ts";
import { findTransport } from "../backends/transports.ts";
import type { MemoryPerStream } from "../metrics/run_calibration.ts";
import { PROTOCOL_OF, type TruthfulServer } from "./calibration_cell.ts";

export interface MemoryJob {
  readonly transport: string;
  readonly workers: number;
  readonly simulator: Pick<TruthfulServer, "url" | "grpcUrl">;
  /** Per answer. */
  readonly outputTokens: number;
  readonly abortSignal: AbortSignal;
  /** How a run is started; default: this program. */
  readonly commandOf?: (args: readonly string[]) => SelfCommand;
}

/** Far enough apart for the difference to exceed many times what a garbage collection changes. */
const FEW = 32;
const MANY = 512;

/** Two runs of the same load differ by about 1 MiB. */
const NOISE_MIB = 2;

/**
 * The difference in peak memory between two runs of `tokometer bench`, per additional stream:
 * connection, buffers, the answer and its record. `undefined` where a run did not complete.
 */
export async function measureMemory(job: MemoryJob): Promise<MemoryPerStream | undefined> {
  const { transport, workers } = job;
  const few = await peakMiB(job, FEW);
  const many = few === undefined ? undefined : await peakMiB(job, MANY);
  if (few === undefined || many === undefined) return undefined;
  const grownMiB = many - few;
  return {
    transport,
    workers,
    kibPerStream: Math.max(grownMiB, NOISE_MIB) * 1024 / (MANY - FEW),
    atMost: grownMiB < NOISE_MIB,
    fewStreams: FEW,
    manyStreams: MANY,
  };
}

async function peakMiB(job: MemoryJob, streams: number): Promise<number | undefined> {
  const { transport, workers, simulator, outputTokens, commandOf = selfCommand } = job;
  const { carrier } = findTransport(transport);
  const url = carrier === "grpc" ? simulator.grpcUrl : simulator.url;
  if (carrier === "inprocess" || url === undefined) return undefined;
  const { command, args } = commandOf([
    "bench",
    url,
    `--protocol=${PROTOCOL_OF[carrier].name}`,
    `--transport=${transport}`,
    `--workers=${workers}`,
    `--concurrency=${streams}`,
    `--requests=${streams}`,
    `--output-tokens=${outputTokens}`,
    "--warmup=0",
    "--gpu=off",
    "--no-calibration",
    "--no-save",
    "--format=json",
  ]);
  const { success, stdout } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    signal: job.abortSignal,
  }).output();
  if (!success) return undefined;
  const { loads: [load] } = JSON.parse(new TextDecoder().decode(stdout));
  return load?.client?.peakRssMiB ?? undefined;
}
