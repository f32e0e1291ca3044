import { assertEquals } from "@std/assert";
import { type BodyLog, LogPool } from "../backends/buffers.ts";
import { largeEnd, largeEventMessage, maxEventBytes, showBytes } from "../backends/limits.ts";

const BYTES = new Uint8Array(1000);

function read(log: BodyLog, bytes: number): string | undefined {
  log.append(BYTES, 0, bytes);
  log.stamp(1);
  const end = largeEnd(log, 6400);
  return end !== undefined && "message" in end ? end.message : undefined;
}

Deno.test("a body is dropped above its largest size, and its memory is free again", () => {
  const pool = new LogPool();
  const log = pool.take();
  for (let i = 0; i < 6; i++) assertEquals(read(log, 1000), undefined);
  assertEquals(read(log, 400), undefined);
  assertEquals(read(log, 1), "the answer is larger than 6400 bytes (--max-answer)");
  assertEquals([log.bytes, log.reads, pool.bytes], [0, 0, 0]);
  assertEquals(log.finish().body.length, 0);
  assertEquals(pool.open, 0);
  const { blocks } = pool;
  const again = pool.take();
  for (let i = 0; i < 6; i++) read(again, 1000);
  assertEquals([again.finish().body.length, pool.blocks], [6000, blocks]);
});

Deno.test("a body in too many reads is dropped: their stamps take memory as well", () => {
  const log = new LogPool().take();
  for (let i = 0; i < 100; i++) assertEquals(read(log, 1), undefined);
  assertEquals(
    read(log, 1),
    "the answer came in more than 100 reads (--max-answer 6400 bytes / 64 bytes)",
  );
});

Deno.test("one of the larger bodies is dropped where all of them are too large", () => {
  const pool = new LogPool();
  const logs = Array.from({ length: 100 }, () => pool.take());
  const small = logs.pop()!;
  assertEquals(read(small, 1), undefined);
  const message = "the answers in flight take more than 400 KiB " +
    "(64 × --max-answer 6400 bytes), and this is one of the larger ones";
  const ends: (string | undefined)[] = [];
  // Each of 99 wants 5000 bytes, of which 82 have room for.
  for (let i = 0; i < 5; i++) {
    for (const log of logs) {
      const said = read(log, 1000);
      if (said === undefined) continue;
      ends.push(said);
      logs.splice(logs.indexOf(log), 1);
      log.finish();
    }
  }
  assertEquals(new Set(ends), new Set([message]));
  assertEquals(read(small, 1), undefined);
  assertEquals(pool.bytes <= 64 * 6400, true);
  for (const log of [...logs, small]) log.finish();
  assertEquals([pool.bytes, pool.open], [0, 0]);
});

Deno.test("sizes are shown in the largest unit of which they are a whole number", () => {
  const rows = [0, 1000, 1024, 1536, 64 * 2 ** 20, 3 * 2 ** 29, 2 ** 32];
  assertEquals(rows.map(showBytes), [
    "0 bytes",
    "1000 bytes",
    "1 KiB",
    "1536 bytes",
    "64 MiB",
    "1536 MiB",
    "4 GiB",
  ]);
  assertEquals(maxEventBytes(), 12 * 2 ** 20);
  assertEquals(largeEventMessage(), "an event is larger than 12 MiB (--max-answer 48 MiB / 4)");
});
