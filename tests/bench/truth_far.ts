/**
 * A server at some distance: two network namespaces and between them a link with delay and loss.
 *
 * @module
 */
import { output } from "./client.ts";
import type { ServerRow } from "./truth_join.ts";
import { startProgram, type TruthTools } from "./truth_servers.ts";

/** Both ends of the link. */
export interface FarLink {
  readonly clientPrefix: readonly string[];
  readonly serverPrefix: readonly string[];
  readonly serverAddress: string;
  /** What arrived at the client's host, and when. */
  rows(): Promise<ServerRow[]>;
  close(): Promise<void>;
}

/** One packet at the client's host. */
export interface Packet {
  readonly atMs: number;
  readonly fromClient: boolean;
  /** Opens the connection, and has no data. */
  readonly syn: boolean;
  readonly clientPort: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const DELAY_US = 20_000;
const JITTER_US = 5_000;
const LOSS_PER_MILLE = 10;

/** Opens the link; its names carry our process, so that two runs do not meet. */
export async function openFarLink({ folder, realTime }: TruthTools): Promise<FarLink> {
  const side = (name: string) => `tk${name}${Deno.pid}`.slice(0, 15);
  const client = side("c");
  const server = side("s");
  const log = `${folder}/packets.bin`;
  const spaces: string[] = [];
  let link: Awaited<ReturnType<typeof startProgram>> | undefined;
  const close = async () => {
    await link?.end("SIGTERM");
    link = undefined;
    for (const space of spaces.splice(0)) await output("ip", ["netns", "del", space]);
  };
  try {
    for (const [name, address] of [[client, "10.77.0.2"], [server, "10.77.0.1"]]) {
      await output("ip", ["netns", "add", name!]);
      spaces.push(name!);
      await output("ip", ["tuntap", "add", "dev", name!, "mode", "tun"]);
      await output("ip", ["link", "set", name!, "netns", name!]);
      const ip = (line: string) => output("ip", ["-n", name!, ...line.split(" ")]);
      await ip("link set lo up");
      await ip(`addr add ${address}/24 dev ${name}`);
      await ip(`link set ${name} up`);
    }
    link = await startProgram([
      ...realTime,
      `${folder}/link`,
      ...[client, server, log],
      ...[DELAY_US, JITTER_US, LOSS_PER_MILLE].map(String),
    ], folder);
  } catch (error) {
    await close();
    throw error;
  }
  const inside = (space: string) => ["nsenter", `--net=/run/netns/${space}`];
  return {
    clientPrefix: inside(client),
    serverPrefix: inside(server),
    serverAddress: "10.77.0.1",
    async rows() {
      await link?.end("SIGTERM");
      link = undefined;
      return rowsOfPackets(readPackets(await Deno.readFile(log)));
    },
    close,
  };
}

/** The link's log: u64 ns, u8 from the client?, u8 SYN?, u16 client's port, u32 sequence, u32 length. */
export function readPackets(bytes: Uint8Array): Packet[] {
  const HEAD = 20;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const packets: Packet[] = [];
  const base = bytes.length < HEAD ? 0n : view.getBigUint64(0, true);
  for (let at = 0; at + HEAD <= bytes.length;) {
    const length = view.getUint32(at + 16, true);
    packets.push({
      atMs: Number(view.getBigUint64(at, true) - base) / 1e6,
      fromClient: view.getUint8(at + 8) === 1,
      syn: view.getUint8(at + 9) === 1,
      clientPort: view.getUint16(at + 10, true),
      sequence: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + HEAD, at + HEAD + length),
    });
    at += HEAD + length;
  }
  return packets;
}

/** Bytes of one direction of a connection in order, and when each could be read. */
function inOrder(packets: readonly Packet[]): { text: string; atMs: (end: number) => number } {
  const text: string[] = [];
  const ends: number[] = [];
  const times: number[] = [];
  const waiting = new Map<number, Packet>();
  // The first packet with data has the lowest sequence number, wherever a lost one made it late.
  const first = packets.reduce(
    (low, { sequence }) => (sequence - low | 0) < 0 ? sequence : low,
    packets[0]!.sequence,
  );
  let next = first;
  let length = 0;
  for (const packet of packets) {
    if ((packet.sequence + packet.payload.length - next | 0) <= 0) continue; // sent again
    waiting.set(packet.sequence, packet);
    for (let more = true; more;) {
      more = false;
      for (const [sequence, { payload }] of waiting) {
        const known = next - sequence | 0;
        if (known < 0) continue;
        waiting.delete(sequence);
        if (known >= payload.length) continue;
        text.push(String.fromCharCode(...payload.subarray(known)));
        length += payload.length - known;
        next = sequence + payload.length | 0;
        ends.push(length);
        times.push(packet.atMs);
        more = true;
      }
    }
  }
  let at = 0;
  return {
    text: text.join(""),
    atMs(end) {
      while (at > 0 && ends[at - 1]! >= end) at--;
      while (ends[at]! < end) at++;
      return times[at]!;
    },
  };
}

/** Requests and tokens as they passed the client's host; tokens that became readable together are one write. */
export function rowsOfPackets(packets: readonly Packet[]): ServerRow[] {
  const rows: ServerRow[] = [];
  for (const mine of Map.groupBy(packets, ({ clientPort }) => clientPort).values()) {
    const ways = [true, false].map((way) =>
      mine.filter(({ fromClient, syn }) => fromClient === way && !syn)
    );
    const asksMs = mine.find(({ fromClient, syn }) => fromClient && syn)?.atMs;
    const opensMs = mine.find(({ fromClient, syn }) => !fromClient && syn)?.atMs;
    const connectMs = asksMs === undefined || opensMs === undefined ? 0 : opensMs - asksMs;
    if (ways.some((way) => way.length === 0)) continue;
    const [asked, answered] = ways.map(inOrder);
    const departures = [...asked!.text.matchAll(/POST /g)]
      // A request ends where the next one begins.
      .map((_, i, all) => asked!.atMs(all[i + 1]?.index ?? asked!.text.length));
    const answers = answered!.text.split(/(?=HTTP\/1\.1 200 OK\r\ndate)/)
      .filter((text) => text.startsWith("HTTP/1.1 200 OK\r\ndate"));
    let from = answered!.text.length - answers.reduce((sum, { length }) => sum + length, 0);
    answers.forEach((answer, i) => {
      const writeMs: number[] = [];
      const writeTokens: number[] = [];
      let tokens = 0;
      for (const event of answer.matchAll(/"t": *\d+\}\n\n/g)) {
        const ms = answered!.atMs(from + event.index + event[0].length);
        if (writeMs.at(-1) !== ms) writeMs.push(ms);
        writeTokens[writeMs.length - 1] = ++tokens;
      }
      from += answer.length;
      rows.push({
        ...{ arrivalMs: departures[i]!, writeMs, writeTokens },
        ...(i === 0 ? { connectMs } : {}),
      });
    });
  }
  return rows;
}
