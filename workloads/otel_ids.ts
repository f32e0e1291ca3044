/**
 * Ids of traces and spans: the same for the same run, so that what is sent twice is no second run.
 *
 * @module
 */
import type { RunHeader } from "../metrics/run.ts";

/** Ids of one run. */
export interface OtelIds {
  /** Of all its spans, 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the run as a whole, 16 hexadecimal digits. */
  readonly run: string;
  /** Of a load. */
  load(load: number): string;
  /** Of a request that was measured. */
  request(load: number, index: number): string;
}

/** Ids that follow from when, where and how the run was started. */
export async function otelIds(
  { startedAt, commandLine, url, seed, environment }: RunHeader,
): Promise<OtelIds> {
  const text = JSON.stringify([startedAt, environment.hostname, commandLine, url, seed]);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const view = new DataView(hash);
  const start = view.getBigUint64(16);
  return {
    traceId: hex(view.getBigUint64(0)) + hex(view.getBigUint64(8)),
    run: spanId(start, 0n),
    load: (load) => spanId(start, BigInt(load + 1) << INDEX_BITS),
    request: (load, index) => spanId(start, (BigInt(load + 1) << INDEX_BITS) + BigInt(index + 1)),
  };
}

/** Requests of a load are fewer. */
const INDEX_BITS = 44n;

/**
 * Each number has an id of its own, and neighbors have nothing in common: the mixing step of SplitMix64,
 * which can be undone.
 */
function spanId(start: bigint, number: bigint): string {
  let z = BigInt.asUintN(64, start + number * 0x9e37_79b9_7f4a_7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
  z ^= z >> 31n;
  // 0 would be no id.
  return hex(z === 0n ? 1n : z);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}
