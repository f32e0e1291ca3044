import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { EPOLLIN, EPOLLOUT } from "../backends/epoll_libc.ts";
import { EpollLoop } from "../backends/epoll_loop.ts";
import type { Origin, SocketEvents } from "../backends/socket_connection.ts";
import { FakeKernel, type Ready } from "./support/fake_kernel.ts";

const ENETUNREACH = 101;
const ECONNREFUSED = 111;
const WAKE_FD = 5;
const ORIGIN: Origin = {
  host: "host",
  port: 80,
  secure: false,
  caCert: undefined,
  insecure: false,
};

function test(name: string, fn: (kernel: FakeKernel, loop: EpollLoop) => Promise<void>): void {
  const ignore = Deno.permissions.querySync({ name: "ffi" }).state !== "granted";
  Deno.test({
    name: `EpollLoop ${name}`,
    ignore,
    async fn() {
      const kernel = new FakeKernel();
      const loop = new EpollLoop({
        libc: kernel.libc,
        now: kernel.now,
        wakeFd: WAKE_FD,
        onWake() {},
        onSettled() {},
      });
      kernel.onScriptEnd = () => loop.end();
      await fn(kernel, loop);
    },
  });
}

/** Events that write down what happens, under a name. */
function recording(log: string[], name: string, also: Partial<SocketEvents> = {}): SocketEvents {
  return {
    onConnected: () => void log.push(`${name} connected`),
    onBytes: () => void log.push(`${name} read`),
    onEnd: () => void log.push(`${name} ended`),
    onError: (cause) => void log.push(`${name} failed: ${cause}`),
    onClose: () => void log.push(`${name} closed`),
    ...also,
  };
}

/** Opens sockets and gives their descriptors. */
function openMany(kernel: FakeKernel, loop: EpollLoop, count: number): number[] {
  const before = new Set(kernel.open);
  for (let i = 0; i < count; i++) loop.openSocket(ORIGIN, recording([], `${i}`));
  return [...kernel.open].filter((fd) => !before.has(fd));
}

/** One wait of 1 ms that ends with all of them readable, and stamped. */
function allReadable(kernel: FakeKernel, fds: readonly number[]): () => readonly Ready[] {
  return () => {
    kernel.nowMs += 1;
    kernel.receivedMs = kernel.nowMs;
    return fds.map((fd) => [fd, EPOLLIN]);
  };
}

test("gives a closed descriptor to no new socket within the same batch", async (kernel, loop) => {
  const log: string[] = [];
  const [firstFd, secondFd, thirdFd] = [12, 13, 14];
  loop.openSocket(
    ORIGIN,
    recording(log, "first", {
      onBytes() {
        log.push("first read");
        second.destroy();
        loop.openSocket(ORIGIN, recording(log, "third"));
      },
    }),
  );
  const second = loop.openSocket(ORIGIN, recording(log, "second"));
  kernel.script = [
    () => [[firstFd, EPOLLOUT], [secondFd, EPOLLOUT]],
    // The second event is for a socket that the first one destroys.
    () => [[firstFd, EPOLLIN], [secondFd, EPOLLIN]],
    () => [[thirdFd, EPOLLOUT]],
  ];
  await loop.run();
  assertEquals(log, [
    "first connected",
    "second connected",
    "first read",
    "second closed",
    "third connected",
  ]);
  assert(!kernel.open.has(secondFd));
});

test("lets a chain of ten promises run between a timer and the next wait", async (kernel, loop) => {
  let waits: number | undefined;
  const chain = (async () => {
    await loop.sleepUntil(kernel.nowMs + 5);
    for (let turns = 1; turns < 10; turns++) await undefined;
    waits = kernel.waits;
    loop.end();
  })();
  kernel.onScriptEnd = () => {};
  await Promise.all([loop.run(), chain]);
  assertEquals([waits, kernel.waits], [1, 1]);
});

test(
  "lets a chain of four promises run between an event and the next wait",
  async (kernel, loop) => {
    let waits: number | undefined;
    loop.openSocket(
      ORIGIN,
      recording([], "socket", {
        async onConnected() {
          for (let turns = 0; turns < 4; turns++) await undefined;
          waits = kernel.waits;
        },
      }),
    );
    kernel.script = [() => [[12, EPOLLOUT]], () => []];
    await loop.run();
    assertEquals([waits, kernel.waits], [1, 2]);
  },
);

test("naps where stamped reads are dense, but not beyond a timer", async (kernel, loop) => {
  const fds = openMany(kernel, loop, 25);
  let lateMs: number | undefined;
  kernel.script = [
    () => fds.map((fd) => [fd, EPOLLOUT]),
    ...Array.from({ length: 20 }, () => allReadable(kernel, fds)),
    () => {
      const dueMs = kernel.nowMs + 0.05;
      loop.sleepUntil(dueMs).then(() => lateMs = kernel.nowMs - dueMs);
      return fds.map((fd) => [fd, EPOLLIN]);
    },
    () => [],
    () => [],
  ];
  await loop.run();
  // A tenth of the 1 ms between two reads of a connection.
  assertGreater(kernel.naps.length, 10);
  assertAlmostEquals(kernel.naps[10]!, 0.1, 0.02);
  assertAlmostEquals(lateMs!, 0, 0.001);
});

test("does not nap for the sake of sockets that are closed", async (kernel, loop) => {
  const before = new Set(kernel.open);
  const sockets = Array.from(
    { length: 40 },
    (_, i) => loop.openSocket(ORIGIN, recording([], `${i}`)),
  );
  const fds = [...kernel.open].filter((fd) => !before.has(fd)).slice(25);
  for (const socket of sockets.slice(0, 25)) socket.destroy();
  kernel.script = [
    () => fds.map((fd) => [fd, EPOLLOUT]),
    ...Array.from({ length: 20 }, () => allReadable(kernel, fds)),
  ];
  await loop.run();
  // A tenth of the gap of 15 connections holds one and a half reads: too few.
  assertEquals(kernel.naps, []);
});

test("closes a socket whose address fails at once, and tries the next", async (kernel, loop) => {
  kernel.addresses = 2;
  kernel.connectErrors = [ENETUNREACH];
  const before = kernel.open.size;
  const fds = openMany(kernel, loop, 25);
  assertEquals(kernel.open.size, before + 25);
  kernel.script = [
    () => fds.map((fd) => [fd, EPOLLOUT]),
    ...Array.from({ length: 20 }, () => allReadable(kernel, fds)),
  ];
  await loop.run();
  // It counts the watched descriptors only: naps are as long as without the failed ones.
  assertAlmostEquals(kernel.naps[10]!, 0.1, 0.02);
});

test("says why no address can be reached, and leaves nothing open", async (kernel, loop) => {
  kernel.addresses = 2;
  kernel.connectErrors = [ENETUNREACH, ENETUNREACH];
  const before = kernel.open.size;
  const log: string[] = [];
  loop.openSocket(ORIGIN, recording(log, "socket"));
  kernel.script = [() => []];
  await loop.run();
  assertEquals(log, ["socket failed: ENETUNREACH"]);
  // The loop has closed its own two.
  assertEquals(kernel.open.size, before - 2);
});

test("closes a socket that is refused later, and tries the next address", async (kernel, loop) => {
  kernel.addresses = 2;
  const log: string[] = [];
  const fd = 12;
  kernel.socketErrors.set(fd, ECONNREFUSED);
  loop.openSocket(ORIGIN, recording(log, "socket"));
  const open = kernel.open.size;
  kernel.script = [
    () => [[fd, EPOLLOUT]],
    () => {
      assertEquals([log, kernel.open.size], [[], open]);
      // The next attempt has the same number again.
      kernel.socketErrors.delete(fd);
      return [[fd, EPOLLOUT]];
    },
  ];
  await loop.run();
  assertEquals(log, ["socket connected"]);
});
