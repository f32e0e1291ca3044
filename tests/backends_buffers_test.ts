import { Buffer } from "node:buffer";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BLOCK_BYTES, LogPool } from "../backends/buffers.ts";

/** Bytes whose value is their position. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
}

Deno.test("BodyLog keeps ranges of a buffer that is overwritten afterwards", () => {
  const log = new LogPool().take();
  const buffer = new Uint8Array([1, 2, 3, 4]);
  log.append(buffer, 1, 3);
  buffer.fill(9);
  log.append(buffer, 0, 1);
  log.append(buffer, 2, 2);
  assertEquals([...log.finish().body], [2, 3, 9]);
});

Deno.test("BodyLog keeps bodies of any size around its blocks", () => {
  const pool = new LogPool();
  const sizes = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 5];
  for (const size of sizes) {
    const bytes = pattern(size);
    for (const step of [39, 41, 300, 1023, 1025, BLOCK_BYTES - 1, BLOCK_BYTES, size]) {
      const log = pool.take();
      for (let at = 0; at < size; at += step) log.append(bytes, at, Math.min(size, at + step));
      assertEquals(log.bytes, size);
      assertEquals(log.copyFrom(size >> 1), bytes.slice(size >> 1), `${size} by ${step}`);
      const { body } = log.finish();
      assertEquals(body, bytes, `${size} by ${step}`);
      assertEquals(body.buffer.byteLength, size);
    }
  }
});

Deno.test("BodyLog stamps reads that brought bytes, and only those", () => {
  const log = new LogPool().take();
  const buffer = new Uint8Array(10);
  log.stamp(1);
  log.append(buffer, 0, 4);
  log.append(buffer, 0, 2);
  log.stamp(2.5);
  log.stamp(3);
  log.append(buffer, 0, 1);
  log.stamp(4);
  const { readMs, readEnds } = log.finish();
  assertEquals([...readMs], [2.5, 4]);
  assertEquals([...readEnds], [6, 7]);
});

Deno.test("BodyLog keeps thousands of reads", () => {
  const log = new LogPool().take();
  const buffer = new Uint8Array(3);
  for (let i = 0; i < 5000; i++) {
    log.append(buffer, 0, 3);
    log.stamp(i / 2);
  }
  const { readMs, readEnds } = log.finish();
  assertEquals([readMs.length, readEnds.length], [5000, 5000]);
  for (let i = 0; i < 5000; i++) assertEquals([readMs[i], readEnds[i]], [i / 2, 3 * i + 3]);
});

Deno.test("LogPool hands a finished log out again, empty, and leaves what it gave alone", () => {
  const pool = new LogPool();
  const first = pool.take();
  const other = pool.take();
  assert(first !== other);
  first.append(pattern(2 * BLOCK_BYTES), 0, 2 * BLOCK_BYTES);
  first.stamp(1);
  const kept = first.finish();
  const again = pool.take();
  assertStrictEquals(again, first);
  assertEquals([again.bytes, again.reads], [0, 0]);
  again.append(new Uint8Array(2 * BLOCK_BYTES).fill(1), 0, 2 * BLOCK_BYTES);
  again.stamp(2);
  assertEquals(kept.body, pattern(2 * BLOCK_BYTES));
  assertEquals([...kept.readMs, ...kept.readEnds], [1, 2 * BLOCK_BYTES]);
});

Deno.test("LogPool takes no more blocks than are in use at once, and none for what is empty", () => {
  const pool = new LogPool();
  for (let round = 0; round < 5; round++) {
    const logs = [pool.take(), pool.take(), pool.take()];
    for (const log of logs.slice(1)) {
      log.append(new Uint8Array(3 * BLOCK_BYTES), 0, 3 * BLOCK_BYTES);
    }
    logs[1]!.stamp(1);
    for (const log of logs) log.finish();
  }
  assertEquals(pool.blocks, 2 * 3 + 1);
});

Deno.test("LogPool keeps many logs apart, over more than one segment of memory", () => {
  const pool = new LogPool();
  for (let round = 0; round < 2; round++) {
    const logs = Array.from({ length: 1500 }, () => pool.take());
    for (let part = 0; part < 5; part++) {
      for (const [i, log] of logs.entries()) {
        log.append(new Uint8Array(300).fill((i + part) & 0xff), 0, 300);
        log.stamp(i + part / 8);
      }
    }
    for (const [i, log] of logs.entries()) {
      const { body, readMs, readEnds } = log.finish();
      for (let part = 0; part < 5; part++) {
        assert(
          body.subarray(300 * part, 300 * part + 300).every((byte) => byte === ((i + part) & 0xff)),
        );
      }
      assertEquals([...readMs], [0, 1, 2, 3, 4].map((part) => i + part / 8));
      assertEquals([...readEnds], [300, 600, 900, 1200, 1500]);
    }
  }
});

Deno.test("BodyLog keeps what connections read in turn, each to a buffer at its own place", () => {
  const pool = new LogPool();
  const memory = new Uint8Array(4096);
  const buffers = [memory.subarray(3, 1003), memory.subarray(1501, 2501)];
  const logs = buffers.map(() => pool.take());
  const sent = logs.map(() => [] as number[]);
  for (let round = 0; round < 60; round++) {
    // Each reads several times before the other does.
    const which = (round >> 2) & 1;
    const buffer = buffers[which]!;
    buffer.set(pattern(1000).map((byte) => byte ^ round));
    const from = round % 7;
    const to = from + round * 11;
    logs[which]!.append(buffer, from, to);
    sent[which]!.push(...buffer.subarray(from, to));
  }
  for (const [i, log] of logs.entries()) assertEquals([...log.finish().body], sent[i]);
});

Deno.test("BodyLog keeps a body of megabytes in chunks, and gives them back", () => {
  const pool = new LogPool();
  const source = Uint8Array.from({ length: 70_001 }, (_, i) => i * 31 + (i >> 8));
  for (let round = 0; round < 2; round++) {
    const log = pool.take();
    for (let read = 0; read < 20; read++) {
      log.append(source, read, source.length);
      log.stamp(read);
    }
    const whole = Uint8Array.from(
      Array.from({ length: 20 }, (_, read) => [...source.subarray(read)]).flat(),
    );
    assertEquals(whole.length > 1 << 20, true);
    for (const start of [0, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 5, whole.length]) {
      assertEquals(equal(log.copyFrom(start), whole.subarray(start)), true, `${start}`);
    }
    const { body, readEnds } = log.finish();
    assertEquals(equal(body, whole), true);
    assertEquals([readEnds.length, readEnds.at(-1)], [20, whole.length]);
  }
  const dropped = pool.take();
  for (let read = 0; read < 20; read++) dropped.append(source, 0, source.length);
  dropped.clear();
  dropped.append(source, 0, 3);
  assertEquals([...dropped.finish().body], [...source.subarray(0, 3)]);
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);
}
