/**
 * Attacks over HTTP/2 and gRPC, in the protocol `ppl`. The attacker keeps the client's windows: a
 * client ends the connection of one that does not.
 *
 * @module
 */
import { grpcFrame } from "../../../backends/grpc_frames.ts";
import {
  DEFAULT_WINDOW_BYTES,
  FLAG,
  FRAME,
  FrameReader,
  makeFrame,
  MAX_FRAME_BYTES,
  PREFACE,
  readUint32,
  SETTING,
  settings,
} from "../../../backends/h2_frames.ts";
import { encodeHpack, type Field } from "../../../backends/hpack.ts";
import {
  PPL_STATUS,
  pplBatch,
  pplBatchedResponse,
} from "../../../backends/protocol_ppl_messages.ts";
import { LOAD_TOKENS, repeated, type Wire } from "./hostile_wire.ts";

/** An attack on the stream of one call. */
export interface GrpcAttack {
  readonly name: string;
  readonly answer: (call: Call) => Promise<void>;
}

const OK_HEAD: readonly Field[] = [[":status", "200"], ["content-type", "application/grpc"]];

function headers(id: number, fields: readonly Field[], flags: number): Uint8Array<ArrayBuffer> {
  return makeFrame(FRAME.headers, encodeHpack(fields), { streamId: id, flags });
}

/** One stream of a connection. */
class Call {
  readonly id: number;
  readonly wire: Wire;
  readonly #windows: Windows;

  constructor(id: number, wire: Wire, windows: Windows) {
    this.id = id;
    this.wire = wire;
    this.#windows = windows;
  }

  head(fields: readonly Field[] = OK_HEAD): Promise<void> {
    return this.wire.write(headers(this.id, fields, FLAG.endHeaders));
  }

  async data(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      const length = Math.min(bytes.length - from, MAX_FRAME_BYTES);
      await this.#windows.take(this.id, length);
      const piece = bytes.subarray(from, from += length);
      await this.wire.write(makeFrame(FRAME.data, piece, { streamId: this.id }));
    }
  }

  async flood(bytes: Uint8Array): Promise<never> {
    const many = repeated(bytes);
    for (;;) await this.data(many);
  }
}

/** What the client has room for. */
class Windows {
  #initial = DEFAULT_WINDOW_BYTES;
  readonly #left = new Map<number, number>([[0, DEFAULT_WINDOW_BYTES]]);
  #wake: (() => void)[] = [];

  setInitial(bytes: number): void {
    this.#initial = bytes;
  }

  add(id: number, bytes: number): void {
    this.#left.set(id, (this.#left.get(id) ?? this.#initial) + bytes);
    for (const wake of this.#wake.splice(0)) wake();
  }

  async take(id: number, bytes: number): Promise<void> {
    const left = (of: number) => this.#left.get(of) ?? this.#initial;
    while (left(id) < bytes || left(0) < bytes) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    this.add(id, -bytes);
    this.add(0, -bytes);
  }

  end(): void {
    this.#left.set(0, Infinity);
    this.add(0, 0);
  }
}

const token = (last: boolean): Uint8Array<ArrayBuffer> =>
  grpcFrame(pplBatchedResponse.encode({
    rsp: [{
      status: last ? PPL_STATUS.finished : PPL_STATUS.processing,
      id: 0n,
      generated: "a",
      detail: { finish_reason: 0 },
    }],
  }));

const endless = (bytes: Uint8Array) => async (call: Call): Promise<void> => {
  await call.head();
  await call.flood(bytes);
};

const frames = (frame: (id: number) => Uint8Array, { head = true } = {}) =>
async (
  call: Call,
): Promise<void> => {
  if (head) await call.head();
  await call.wire.flood(frame(call.id));
};

/** A field that is put into the table, and then very many references to it. */
const bomb = (): Uint8Array<ArrayBuffer> => {
  const literal = encodeHpack([["a", "x".repeat(4000)]]);
  const block = new Uint8Array(16_000).fill(0xbe);
  block.set([0x40, ...literal.subarray(1)]);
  return block;
};

/** All of them. */
export const GRPC_ATTACKS: readonly GrpcAttack[] = [
  { name: "messages without end", answer: endless(token(false)) },
  { name: "empty messages without end", answer: endless(new Uint8Array(5)) },
  { name: "unreadable messages without end", answer: endless(Uint8Array.of(0, 0, 0, 0, 1, 255)) },
  {
    name: "a message of 4 GiB announced",
    async answer(call) {
      await call.head();
      await call.data(Uint8Array.of(0, 255, 255, 255, 255));
      await call.flood(Uint8Array.of(1));
    },
  },
  {
    name: "45 MiB of messages, then silence",
    async answer(call) {
      await call.head();
      const many = repeated(token(false));
      for (let sent = 0; sent < 45 * 2 ** 20; sent += many.length) await call.data(many);
      await call.wire.hold();
    },
  },
  {
    name: "a body that is not gRPC, without end",
    async answer(call) {
      await call.head([[":status", "200"], ["content-type", "text/html"]]);
      await call.flood(Uint8Array.of(1));
    },
  },
  { name: "PINGs without end", answer: frames(() => makeFrame(FRAME.ping, new Uint8Array(8))) },
  {
    name: "SETTINGS without end",
    answer: frames(() => settings([[SETTING.initialWindowSize, 65_535]])),
  },
  {
    name: "WINDOW_UPDATEs without end",
    answer: frames(() => makeFrame(FRAME.windowUpdate, Uint8Array.of(0, 0, 0, 1))),
  },
  {
    name: "empty DATA without end",
    answer: frames((id) => makeFrame(FRAME.data, new Uint8Array(0), { streamId: id })),
  },
  {
    name: "a header block in empty parts without end",
    async answer(call) {
      await call.wire.write(headers(call.id, [], 0));
      const part = makeFrame(FRAME.continuation, new Uint8Array(0), { streamId: call.id });
      await call.wire.flood(part);
    },
  },
  {
    name: "a header block without end",
    async answer(call) {
      await call.wire.write(headers(call.id, OK_HEAD, 0));
      const part = new Uint8Array(16_000).fill(0x88);
      await call.wire.flood(makeFrame(FRAME.continuation, part, { streamId: call.id }));
    },
  },
  {
    name: "headers that unpack to 64 MB",
    async answer(call) {
      const flags = FLAG.endHeaders;
      await call.wire.write(makeFrame(FRAME.headers, bomb(), { streamId: call.id, flags }));
      await call.wire.hold();
    },
  },
  {
    name: "interim responses without end",
    answer: frames((id) => headers(id, [[":status", "102"]], FLAG.endHeaders), { head: false }),
  },
  { name: "no answer", answer: (call) => call.wire.hold() },
];

/** Serves one connection of an attack; `onAttack` is called when the first call has come. */
export async function serveGrpc(
  { answer }: GrpcAttack,
  wire: Wire,
  onAttack: () => void,
): Promise<void> {
  const windows = new Windows();
  const bodies = new Map<number, number[]>();
  let dataId = 0;
  const isLoad = (bytes: readonly number[]) => {
    const { req } = pplBatch.decode(Uint8Array.from(bytes).subarray(5));
    return req[0]?.stopping_parameters?.max_new_tokens === LOAD_TOKENS;
  };
  const serveCall = async (id: number, body: readonly number[]) => {
    const call = new Call(id, wire, windows);
    if (isLoad(body)) {
      onAttack();
      return await answer(call);
    }
    await call.head();
    for (let i = 1; i <= 64; i++) await call.data(token(i === 64));
    const trailer: Field = ["grpc-status", "0"];
    await wire.write(headers(id, [trailer], FLAG.endHeaders | FLAG.endStream));
  };
  const reader = new FrameReader({
    dataBegins: (id) => void (dataId = id),
    data(source, from, to) {
      const body = bodies.get(dataId) ?? [];
      bodies.set(dataId, body);
      body.push(...source.subarray(from, to));
    },
    dataEnds(endStream) {
      if (endStream) serveCall(dataId, bodies.get(dataId) ?? []).catch(() => {});
    },
    frame({ type, flags, streamId }, source, from, to) {
      const ack = (flags & FLAG.ack) !== 0;
      if (type === FRAME.windowUpdate) windows.add(streamId, readUint32(source, from));
      else if (type === FRAME.ping && !ack) {
        const answer = makeFrame(FRAME.ping, source.slice(from, to), { flags: FLAG.ack });
        wire.write(answer).catch(() => {});
      } else if (type === FRAME.settings && !ack) {
        for (let at = from; at < to; at += 6) {
          if (source[at + 1] === SETTING.initialWindowSize) {
            windows.setInitial(readUint32(source, at + 2));
          }
        }
        wire.write(makeFrame(FRAME.settings, new Uint8Array(0), { flags: FLAG.ack })).catch(
          () => {},
        );
      }
    },
  });
  await wire.write(settings([]));
  let skip = PREFACE.length;
  for (;;) {
    const bytes = await wire.read();
    if (bytes === undefined) return windows.end();
    const from = Math.min(skip, bytes.length);
    skip -= from;
    reader.push(bytes, from, bytes.length);
  }
}
