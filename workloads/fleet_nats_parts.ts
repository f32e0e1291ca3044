/**
 * Messages that are larger than a NATS server takes, in parts.
 *
 * @module
 */
import { joinBytes } from "../backends/join_bytes.ts";
import { nodeModule } from "../backends/node_module.ts";
import type { BusMessage } from "./fleet_bus.ts";
import type { NatsHeaders, NatsStored } from "./fleet_nats_library.ts";

/** A message has at most so many parts: some 250 MB. */
export const MOST_PARTS = 256;

const PART = "Tokometer-Part";
const ID = "Tokometer-Id";
const CODING = "Tokometer-Coding";

/** Results of a load are some 2.5 times smaller then; what is small already is not worth it. */
const PACK_BYTES = 16 * 1024;
/** A small message may expand to gigabytes. */
const MOST_EXPANDED: number = 64 * 2 ** 20;

const zlib = nodeModule<typeof import("node:zlib")>("node:zlib");

/** Says of a message which part of which one it is. */
export function markPart(
  headers: NatsHeaders,
  { id, part, parts, packed }: {
    readonly id: string;
    readonly part: number;
    readonly parts: number;
    readonly packed: boolean;
  },
): void {
  headers.set(ID, id);
  headers.set(PART, `${part}/${parts}`);
  if (packed) headers.set(CODING, "gzip");
}

/** A message as it is stored; it is made small on another thread. */
export function packLarge(
  data: Uint8Array,
): Promise<{ readonly data: Uint8Array; readonly packed: boolean }> {
  if (data.length < PACK_BYTES || data.length > MOST_EXPANDED) {
    return Promise.resolve({ data, packed: false });
  }
  return new Promise((resolve, reject) =>
    zlib().gzip(data, { level: 3 }, (error, small) => {
      if (error !== null) reject(error);
      else if (small.length < data.length) resolve({ data: small, packed: true });
      else resolve({ data, packed: false });
    })
  );
}

/** `undefined` = it cannot be read. */
function unpack(data: Uint8Array, coding: string): Uint8Array | undefined {
  if (coding === "") return data;
  try {
    return zlib().gunzipSync(data, { maxOutputLength: MOST_EXPANDED });
  } catch {
    return undefined;
  }
}

/** Joins the parts of messages, and passes each message on once. */
export function createJoiner(onMessage: (message: BusMessage) => void): {
  add(stored: NatsStored, subject: string): void;
} {
  const seen = new Set<string>();
  const open = new Map<string, Map<number, Uint8Array>>();
  return {
    add({ data, header }, subject) {
      const id = header?.get(ID) ?? "";
      const [, part, parts] = /^(\d{1,4})\/(\d{1,4})$/.exec(header?.get(PART) ?? "") ?? [];
      const count = Number(parts);
      // Not ours, or nonsense.
      if (id === "" || !(count >= 1 && count <= MOST_PARTS && Number(part) < count)) return;
      // Ids are unique to a subject, since others could take an agent's.
      const key = `${subject} ${id}`;
      if (seen.has(key)) return;
      const held = open.get(key) ?? new Map<number, Uint8Array>();
      held.set(Number(part), data);
      if (held.size < count) return void open.set(key, held);
      open.delete(key);
      seen.add(key);
      const all = Array.from({ length: count }, (_, i) => held.get(i)!);
      if (all.includes(undefined!)) return;
      const whole = unpack(count === 1 ? data : joinBytes(all), header?.get(CODING) ?? "");
      if (whole !== undefined) onMessage({ subject, data: whole, respond: () => {} });
    },
  };
}
