import { assert, assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../backends/epoll_libc.ts";
import { EpollLoop } from "../backends/epoll_loop.ts";
import type { Origin, SocketEvents } from "../backends/socket_events.ts";
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
  "lets a chain of twelve promises run between an event and the next wait",
  async (kernel, loop) => {
    let waits: number | undefined;
    loop.openSocket(
      ORIGIN,
      recording([], "socket", {
        async onConnected() {
          for (let turns = 0; turns < 12; turns++) await undefined;
          waits = kernel.waits;
        },
      }),
    );
    kernel.script = [() => [[12, EPOLLOUT]], () => []];
    await loop.run();
    assertEquals([waits, kernel.waits], [1, 2]);
  },
);

test("lets promises go on after what runs later, too", async (kernel, loop) => {
  let waits: number | undefined;
  loop.openSocket(
    ORIGIN,
    recording([], "socket", {
      onBytes() {
        loop.later(async () => {
          for (let turns = 0; turns < 10; turns++) await undefined;
          waits = kernel.waits;
        });
        // Nobody waits for the bytes themselves.
        return false;
      },
    }),
  );
  kernel.script = [() => [[12, EPOLLOUT]], () => [[12, EPOLLIN]], () => [], () => []];
  await loop.run();
  assertEquals(waits, 2);
});

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

/** Opens sockets that are connected in the first batch; gives them, and the reads of each. */
function reading(kernel: FakeKernel, loop: EpollLoop, count: number) {
  const before = new Set(kernel.open);
  const reads: [atMs: number, widthMs: number][][] = [];
  const departures: number[] = [];
  const sockets = Array.from({ length: count }, (_, i) => {
    reads.push([]);
    return loop.openSocket(
      ORIGIN,
      recording([], `${i}`, {
        onBytes: (_buffer, _count, stamp) =>
          void reads[i]!.push([stamp!.arrivedMs, stamp!.widthMs]),
        onDeparted: (atMs) => void departures.push(atMs),
      }),
    );
  });
  const fds = [...kernel.open].filter((fd) => !before.has(fd));
  return { fds, sockets, reads, departures };
}

/** A wait that begins at `fromMs`, ends at `untilMs`, and lists these descriptors for reading. */
function waitUntil(kernel: FakeKernel, untilMs: number, fds: readonly number[]) {
  return (): readonly Ready[] => {
    kernel.nowMs = untilMs;
    return fds.map((fd) => [fd, EPOLLIN]);
  };
}

function assertReads(reads: readonly [number, number][], expected: readonly [number, number][]) {
  assertEquals(reads.length, expected.length);
  expected.forEach(([atMs, widthMs], i) => {
    assertAlmostEquals(reads[i]![0], atMs, 1e-6);
    assertAlmostEquals(reads[i]![1], widthMs, 1e-6, `width of read ${i}`);
  });
}

test("says how early what the kernel did not stamp may have come", async (kernel, loop) => {
  const { fds: [a, b], reads } = reading(kernel, loop, 2);
  kernel.script = [
    () => [[a!, EPOLLOUT], [b!, EPOLLOUT]],
    waitUntil(kernel, 10, [a!, b!]),
    waitUntil(kernel, 10.4, [a!]),
    // Not listed by the wait before, which began at 10: it may have come while that ended.
    waitUntil(kernel, 10.7, [b!]),
  ];
  await loop.run();
  const slackMs = 0.1;
  // Without an account of the time without a core, a long wait may have listed at its end only.
  assertReads(reads[1]!, [[10, 9 + slackMs], [10.7, 0.7 + slackMs]]);
  assertReads(reads[0]!, [[10, 9 + slackMs], [10.4, 0.4 + slackMs]]);
});

test("is exact where the kernel stamps, and says what may be before it", async (kernel, loop) => {
  const { fds: [a, b], reads } = reading(kernel, loop, 2);
  const stamped = (receivedMs: number, wait: () => readonly Ready[]) => () => {
    kernel.receivedMs = receivedMs;
    return wait();
  };
  kernel.script = [
    () => [[a!, EPOLLOUT], [b!, EPOLLOUT]],
    stamped(9.5, waitUntil(kernel, 10, [b!])),
    stamped(10.2, waitUntil(kernel, 10.4, [a!])),
    stamped(10.6, waitUntil(kernel, 10.7, [a!])),
    // Stamped before the poll that found it empty: it was on its way to the socket.
    stamped(10.39, waitUntil(kernel, 10.8, [b!])),
  ];
  await loop.run();
  const slackMs = 0.1;
  // The second: known to be empty since the stamp of the first.
  assertReads(reads[0]!, [[10.2, -(0.2 + slackMs)], [10.6, -(0.4 + slackMs)]]);
  assertReads(reads[1]!, [[9.5, -(8.5 + slackMs)], [10.39, -slackMs]]);
});

for (const [delayMs, widthMs] of [[0, 0.3], [2, 2.3], [60, 50]] as const) {
  test(
    `knows that nothing had come before it slept, after ${delayMs} ms without a core`,
    async (kernel) => {
      kernel.runDelayMs = 700;
      const libc = kernel.libc;
      const loop = new EpollLoop({
        ...{ libc, now: kernel.now, wakeFd: WAKE_FD, onWake() {}, onSettled() {} },
      });
      kernel.onScriptEnd = () => loop.end();
      const { fds: [a, b], reads } = reading(kernel, loop, 2);
      const sleep = waitUntil(kernel, 60.2, [a!]);
      kernel.script = [
        () => [[a!, EPOLLOUT], [b!, EPOLLOUT]],
        waitUntil(kernel, 10.2, [b!]),
        waitUntil(kernel, 10.2, [b!]),
        () => {
          kernel.runDelayMs! += delayMs;
          return sleep();
        },
      ];
      await loop.run();
      assertReads(reads[0]!, [[60.2, widthMs + 0.1]]);
    },
  );
}

test("takes a full list for no sign that other sockets were empty", async (kernel, loop) => {
  const { fds: [a, b], reads } = reading(kernel, loop, 2);
  const full = Array.from({ length: 1024 }, () => a!);
  kernel.script = [
    () => [[a!, EPOLLOUT], [b!, EPOLLOUT]],
    waitUntil(kernel, 1.2, []),
    waitUntil(kernel, 1.4, full),
    waitUntil(kernel, 1.6, full),
    waitUntil(kernel, 1.8, [b!]),
    waitUntil(kernel, 2, [b!]),
  ];
  await loop.run();
  // The last whole list before was that of the wait which began at 1; then it was read at 1.8.
  assertReads(reads[1]!, [[1.8, 0.8 + 0.1], [2, 0.2 + 0.1]]);
});

test("reads what is before the end of a connection, and then its end", async (kernel, loop) => {
  const log: string[] = [];
  loop.openSocket(
    ORIGIN,
    recording(log, "socket", {
      onBytes() {
        log.push(`read ${kernel.bytes}`);
        kernel.bytes = kernel.bytes === 5 ? 3 : 0;
      },
    }),
  );
  kernel.script = [
    () => [[12, EPOLLOUT]],
    // All at once, and once only: data, and behind it that no more will come.
    () => [[12, EPOLLIN | EPOLLRDHUP]],
    () => [],
    () => [],
  ];
  await loop.run();
  assertEquals(log, ["socket connected", "read 5", "read 3", "socket ended"]);
});

test("takes a read that filled the buffer for no sign of an empty socket", async (kernel, loop) => {
  const { fds: [a], reads } = reading(kernel, loop, 1);
  const read = (bytes: number, receivedMs: number, untilMs: number, fds = [a!]) => () => {
    kernel.bytes = bytes;
    kernel.receivedMs = receivedMs;
    return waitUntil(kernel, untilMs, fds)();
  };
  kernel.script = [
    () => [[a!, EPOLLOUT]],
    read(5, 1.1, 1.2),
    read(64 * 1024, 1.3, 1.4),
    // The kernel does not report again what it has reported.
    read(5, 1.35, 1.6, []),
    read(5, 1.7, 1.8),
  ];
  await loop.run();
  const slackMs = 0.1;
  assertReads(reads[0]!, [
    [1.1, -(0.1 + slackMs)],
    // Full: its stamp may be that of what is still to be read.
    [1.3, 0.2 + slackMs],
    [1.35, -(0.25 + slackMs)],
    [1.7, -(0.3 + slackMs)],
  ]);
});

test("takes no answer for older than its request", async (kernel, loop) => {
  const { fds: [a], sockets, reads } = reading(kernel, loop, 1);
  kernel.script = [
    () => [[a!, EPOLLOUT]],
    waitUntil(kernel, 100, []),
    waitUntil(kernel, 130, []),
    waitUntil(kernel, 130.2, []),
    () => {
      // On its way to the socket when that was empty, so that only its stamp counts.
      kernel.receivedMs = 110;
      return waitUntil(kernel, 140, [a!])();
    },
  ];
  loop.sleepUntil(100).then(() => sockets[0]!.write(new Uint8Array(10)));
  await loop.run();
  assertReads(reads[0]!, [[110, -(10 + 0.1)]]);
});

test("says when a request had left, also where it left in pieces", async (kernel, loop) => {
  const { fds: [a], sockets, departures } = reading(kernel, loop, 1);
  kernel.script = [
    () => [[a!, EPOLLOUT]],
    () => {
      kernel.nowMs = 5;
      sockets[0]!.write(new Uint8Array(10));
      kernel.sendBytes = 6;
      sockets[0]!.write(new Uint8Array(10));
      return [];
    },
    () => {
      kernel.nowMs = 7;
      kernel.sendBytes = 3;
      return [[a!, EPOLLOUT]];
    },
    () => {
      kernel.nowMs = 8;
      return [[a!, EPOLLOUT]];
    },
  ];
  await loop.run();
  assertEquals(departures, [5, 8]);
});
