/**
 * Simulated gRPC streams, for a rehearsal.
 *
 * @module
 */
import { grpcFrame } from "./grpc_frames.ts";
import {
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  makeFrame,
  PREFACE,
  readUint32,
  settings,
} from "./h2_frames.ts";
import { encodeHpack } from "./hpack.ts";
import type { OpenSocket } from "./socket_events.ts";

const EVENTS = 12;
const MESSAGE = grpcFrame(new Uint8Array(40));
const HEAD = encodeHpack([[":status", "200"], ["content-type", "application/grpc"]]);
const TRAILERS = encodeHpack([["grpc-status", "0"]]);

/** Sockets without a network: each call is answered at once, with one read per message. */
export const openGrpcRehearsalSocket: OpenSocket = (_origin, events) => {
  let preface = PREFACE.length;
  const receive = (bytes: Uint8Array) => events.onBytes(bytes, bytes.length);
  const answer = (streamId: number) => {
    receive(makeFrame(FRAME.headers, HEAD, { flags: FLAG.endHeaders, streamId }));
    const message = makeFrame(FRAME.data, MESSAGE, { streamId });
    for (let i = 0; i < EVENTS; i++) receive(message);
    receive(makeFrame(FRAME.headers, TRAILERS, {
      flags: FLAG.endHeaders | FLAG.endStream,
      streamId,
    }));
  };
  queueMicrotask(() => {
    events.onConnected();
    receive(settings([]));
  });
  return {
    writableLength: 0,
    write(bytes) {
      // Frames are written whole.
      for (let at = preface; at < bytes.length;) {
        const length = readUint32(bytes, at) >>> 8;
        const streamId = readUint32(bytes, at + 5);
        if (bytes[at + 3] === FRAME.headers) queueMicrotask(() => answer(streamId));
        at += FRAME_HEAD_BYTES + length;
      }
      preface = 0;
    },
    destroy: () => queueMicrotask(() => events.onClose()),
  };
};
