/**
 * Messages that are larger than a NATS server takes, in parts.
 *
 * @module
 */
import { joinBytes } from "../backends/join_bytes.ts";
import type { BusMessage } from "./fleet_bus.ts";
import type { NatsHeaders, NatsStored } from "./fleet_nats_library.ts";

/** A message has at most so many parts: some 250 MB. */
export const MOST_PARTS = 256;

const PART = "Tokometer-Part";
const ID = "Tokometer-Id";

/** Says of a message which part of which one it is. */
export function markPart(
  headers: NatsHeaders,
  { id, part, parts }: { readonly id: string; readonly part: number; readonly parts: number },
): void {
  headers.set(ID, id);
  headers.set(PART, `${part}/${parts}`);
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
      onMessage({ subject, data: count === 1 ? data : joinBytes(all), respond: () => {} });
    },
  };
}
