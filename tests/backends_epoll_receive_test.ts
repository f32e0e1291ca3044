import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { askForStamps, isLoopback, openLibc, STREAM_FLAGS } from "../backends/epoll_libc.ts";
import { StampedReader } from "../backends/epoll_receive.ts";
import { FakeKernel } from "./support/fake_kernel.ts";

function readerOf(kernel: FakeKernel): StampedReader {
  return new StampedReader(kernel.libc, kernel.now, new Uint8Array(new ArrayBuffer(1024)));
}

Deno.test("StampedReader gives the time of arrival to a thread that reads late", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  kernel.nowMs = 1980;
  kernel.receivedMs = 1940.25;
  assertEquals(reader.receive(3, 1900), 5);
  assertAlmostEquals(reader.arrivedMs, 1940.25, 0.001);
  assert(reader.stamped);
});

Deno.test("StampedReader stamps a read that the kernel did not stamp", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  kernel.nowMs = 1980;
  assertEquals(reader.receive(3, 1900), 5);
  assertEquals(reader.arrivedMs, 1980);
  assert(!reader.stamped);
});

Deno.test("StampedReader trusts no stamp of what had come before an empty socket, where segments get lost", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  kernel.nowMs = 1980;
  kernel.receivedMs = 1940;
  assertEquals(reader.receive(3, 1900, 1960, true), 5);
  assertEquals([reader.arrivedMs, reader.stamped], [1980, false]);
  assertAlmostEquals(reader.widthMs, 40.1, 0.001);
  // On this host, the kernel was late with its own work.
  assertEquals(reader.receive(3, 1900, 1960, false), 5);
  assertAlmostEquals(reader.arrivedMs, 1940, 0.001);
  assert(reader.stamped);
});

Deno.test("isLoopback tells the addresses of this host", () => {
  const v4 = (...host: number[]) => ({ family: 2, bytes: Uint8Array.of(2, 0, 0, 80, ...host) });
  const v6 = (...host: number[]) => ({
    family: 10,
    bytes: Uint8Array.of(10, 0, 0, 80, 0, 0, 0, 0, ...host),
  });
  const zeros = new Array<number>(15).fill(0);
  assertEquals([v4(127, 0, 0, 1), v4(10, 0, 0, 1)].map(isLoopback), [true, false]);
  assertEquals([v6(...zeros, 1), v6(32, ...zeros.slice(1), 1)].map(isLoopback), [true, false]);
});

Deno.test("StampedReader leaves the stamp alone when nothing was read", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  kernel.nowMs = 1980;
  kernel.receivedMs = 1940;
  reader.receive(3, 1900);
  kernel.nowMs = 1990;
  for (kernel.bytes of [0, -1]) {
    assertEquals(reader.receive(3, 1940), kernel.bytes);
    assertAlmostEquals(reader.arrivedMs, 1940, 0.001);
  }
});

for (const aheadMs of [3_600_000, -3_600_000, 30, -90]) {
  Deno.test(`StampedReader is not fooled when the time of day is moved by ${aheadMs} ms`, () => {
    const kernel = new FakeKernel();
    const reader = readerOf(kernel);
    kernel.nowMs = 1980;
    kernel.aheadMs = aheadMs;
    kernel.receivedMs = 1970;
    reader.receive(3, 1960);
    assertEquals(reader.arrivedMs, 1980);
    assert(!reader.stamped);
    kernel.nowMs = 1990;
    kernel.receivedMs = 1985;
    reader.receive(3, 1980);
    assertAlmostEquals(reader.arrivedMs, 1985, 0.001);
    assert(reader.stamped);
  });
}

Deno.test("StampedReader follows a time of day that drifts", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  for (let i = 0; i < 100; i++) {
    kernel.nowMs += 40;
    kernel.aheadMs += 0.02;
    reader.keepTime(kernel.nowMs);
  }
  kernel.receivedMs = kernel.nowMs - 3;
  reader.receive(3, 0);
  assertAlmostEquals(reader.arrivedMs, kernel.nowMs - 3, 0.03);
});

Deno.test("StampedReader is not misled by a thread that waits for a core", () => {
  const kernel = new FakeKernel();
  const { libc } = kernel;
  const { symbols } = libc as unknown as {
    symbols: { clock_gettime: (clock: number, time: BigInt64Array) => number };
  };
  const readTime = symbols.clock_gettime;
  // Each comparison takes 8 ms, before or behind the reading of the time of day: first one of each,
  // then only the one or only the other.
  let late = false;
  let both = true;
  symbols.clock_gettime = (clock, time) => {
    if (both) late = !late;
    if (late) kernel.nowMs += 8;
    readTime(clock, time);
    if (!late) kernel.nowMs += 8;
    return 0;
  };
  const reader = new StampedReader(libc, kernel.now, new Uint8Array(new ArrayBuffer(1024)));
  both = false;
  for (const side of [true, true, false, false]) {
    late = side;
    kernel.nowMs += 50;
    reader.keepTime(kernel.nowMs);
    const receivedMs = kernel.nowMs - 10;
    kernel.receivedMs = receivedMs;
    reader.receive(3, 0);
    assertAlmostEquals(reader.arrivedMs, receivedMs, 0.005);
  }
});

Deno.test("StampedReader does not trust an empty socket while stamped bytes are on their way", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  const widthOf = (receivedMs: number | undefined, emptyMs: number) => {
    kernel.receivedMs = receivedMs;
    reader.receive(3, 900, emptyMs);
    return reader.widthMs;
  };
  kernel.nowMs = 1000;
  reader.keepTime(1000);
  const slackMs = 0.1;
  assertAlmostEquals(widthOf(998, 990), -(8 + slackMs), 1e-6);
  // Within what a packet takes anyway.
  assertAlmostEquals(widthOf(989.95, 990), -slackMs, 1e-6);
  // Stamped 20 ms before the socket was found empty: what it was joined with may be as old as the
  // last stamp.
  assertAlmostEquals(widthOf(970, 990), -(70 + slackMs), 1e-6);
  // And then others may have been as long on their way.
  assertAlmostEquals(widthOf(998, 990), -(28 + slackMs), 1e-6);
  assertAlmostEquals(widthOf(undefined, 990), 30 + slackMs, 1e-6);
  // Until that has not been seen for a while.
  for (const nowMs of [1060, 1120]) reader.keepTime(kernel.nowMs = nowMs);
  assertAlmostEquals(widthOf(1100, 1095), -(5 + slackMs), 1e-6);
});

Deno.test("StampedReader stamps never run backwards", () => {
  const kernel = new FakeKernel();
  const reader = readerOf(kernel);
  kernel.nowMs = 1980;
  kernel.receivedMs = 1980.02;
  reader.receive(3, 1900);
  assertEquals(reader.arrivedMs, 1980);
  kernel.nowMs = 1985;
  kernel.receivedMs = 1979.98;
  reader.receive(3, 1980);
  assertEquals(reader.arrivedMs, 1980);
});

/** A connection of a real kernel, its descriptor on our side, and a reader that is not in a hurry. */
async function withConnection(
  use: (
    peer: Deno.TcpConn,
    reader: StampedReader,
    fd: number,
    buffer: Uint8Array<ArrayBuffer>,
  ) => Promise<void>,
): Promise<void> {
  const libc = openLibc();
  const buffer = new Uint8Array(new ArrayBuffer(64 * 1024));
  const reader = new StampedReader(libc, systemClock.now, buffer);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const fd = libc.symbols.socket(2, STREAM_FLAGS, 0);
  askForStamps(libc, fd);
  const { port } = listener.addr as Deno.NetAddr;
  const address = new Uint8Array(16);
  address.set([2, 0, port >> 8, port & 255, 127, 0, 0, 1]);
  libc.symbols.connect(fd, address, 16);
  using peer = await listener.accept();
  peer.setNoDelay(true);
  await use(peer, reader, fd, buffer);
  libc.symbols.close(fd);
  reader.close();
  libc.close();
}

Deno.test({
  name: "StampedReader reads what a real kernel stamped while nobody was reading",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withConnection(async (peer, reader, fd, buffer) => {
      // The first packets after the system begins to stamp can be without.
      let stamped = false;
      for (let i = 0; i < 100 && !stamped; i++) {
        const beforeMs = systemClock.now();
        await peer.write(new TextEncoder().encode("hello"));
        const afterMs = systemClock.now();
        await systemClock.sleepUntil(afterMs + 5);
        assertEquals(reader.receive(fd, 0), 5);
        assertEquals(new TextDecoder().decode(buffer.subarray(0, 5)), "hello");
        stamped = reader.stamped;
        // Over loopback a packet is received before the call that sends it returns.
        if (stamped) assert(reader.arrivedMs > beforeMs - 1 && reader.arrivedMs < afterMs + 1);
      }
      assert(stamped);
    }),
});

Deno.test({
  name: "StampedReader gets the stamp of the last of the segments that a real kernel joined",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withConnection(async (peer, reader, fd) => {
      let stamped = false;
      for (let i = 0; i < 100 && !stamped; i++) {
        const beforeMs = systemClock.now();
        let lastMs = beforeMs;
        for (let segment = 0; segment < 4; segment++) {
          await systemClock.sleepUntil(lastMs + 2);
          lastMs = systemClock.now();
          await peer.write(new TextEncoder().encode("hello"));
        }
        await systemClock.sleepUntil(systemClock.now() + 5);
        assertEquals(reader.receive(fd, 0, beforeMs), 20);
        stamped = reader.stamped;
        // Not that of the first, 6 ms before; and the width covers the first.
        if (stamped) assert(reader.arrivedMs > lastMs - 0.1, `${reader.arrivedMs} ${lastMs}`);
        if (stamped) assert(reader.widthMs < -6, `${reader.widthMs}`);
      }
      assert(stamped);
    }),
});
