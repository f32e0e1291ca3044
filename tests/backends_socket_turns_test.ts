import net from "node:net";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { noteWrite, readWidthMs, releaseTurns, retainTurns } from "../backends/socket_turns.ts";
import { socketTransport } from "../backends/transport_socket.ts";
import { startRawServer, type Step } from "./support/raw_server.ts";

/** Keeps the thread at work. */
function work(ms: number): void {
  const untilMs = systemClock.now() + ms;
  while (systemClock.now() < untilMs);
}

Deno.test("a socket's reads and departures lie between the ends that it gives them", async () => {
  const streams = 20;
  const pauses = [30, 1, 0, 20, 3, 0, 5];
  const sent: number[][] = [];
  const arrivals: number[] = [];
  const server = await startRawServer(({ index, path }) => {
    arrivals.push(systemClock.now());
    const token = (pause: number, k: number): Step[] => [
      pause,
      // This thread reads as well: at times it is long at work before or after a token is sent.
      () => k % 3 === 0 && index === 0 && work(4),
      () => (sent[index] ??= []).push(systemClock.now()),
      `${path.slice(1)}${k}`,
      () => k % 3 === 1 && index === 1 && work(6),
    ];
    const length = pauses.length * (path.length);
    return [`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`, ...pauses.flatMap(token)];
  });
  const transport = socketTransport.open({ clock: systemClock });
  const answers = await Promise.all(
    Array.from({ length: streams }, (_, i) =>
      transport.send(
        { method: "GET", url: `${server.url}/${String.fromCharCode(97 + i)}`, headers: {} },
        { timeoutMs: 20_000 },
      )),
  );
  let outside = 0;
  let tokens = 0;
  for (const { end, body, readMs, readEnds, readWidthMs, sentMs, departedMs } of answers) {
    assertEquals(end.kind, "complete");
    const index = server.requests.findIndex(({ path }) => path.charCodeAt(1) === body[0]);
    assert(departedMs !== undefined && sentMs <= departedMs && departedMs <= arrivals[index]!);
    sent[index]!.forEach((atMs, k) => {
      const read = readEnds.findIndex((end) => end >= 2 * (k + 1));
      tokens++;
      if (atMs > readMs[read]! || atMs < readMs[read]! - readWidthMs![read]!) outside++;
    });
  }
  assertEquals(tokens, streams * pauses.length);
  // One may be lost where the thread waits for something else, as in a collection of garbage.
  assert(outside <= 2, `${outside} of ${tokens} tokens were sent at another time`);
  await transport.close();
  await server.close();
});

Deno.test("what is sent while a turn reads is no later than what its successor says", async () => {
  const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n";
  const peers: net.Socket[] = [];
  const bothAsked = Promise.withResolvers<void>();
  const server = net.createServer({ noDelay: true }, (peer) => {
    peer.once("data", () => {
      peers.push(peer);
      peer.write(HEAD);
      if (peers.length === 2) bothAsked.resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
  const transport = socketTransport.open({ clock: systemClock });
  const request = { method: "GET", url, headers: {} } as const;
  let sentMs = 0;
  const first = transport.send(request, {
    timeoutMs: 20_000,
    onRead() {
      sentMs = systemClock.now();
      peers[1]!.write("b");
      work(5);
    },
  });
  while (peers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = transport.send(request, { timeoutMs: 20_000 });
  await bothAsked.promise;
  await new Promise((resolve) => setTimeout(resolve, 20));
  peers[0]!.write("a");
  await first;
  const { readMs, readWidthMs } = await second;
  assert(readMs[0]! - readWidthMs![0]! <= sentMs, "it was there before");
  assert(readMs[0]! >= sentMs);
  await transport.close();
  for (const peer of peers) peer.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** A turn of the loop with so many reads; returns the low end of the last. */
async function turn(reads: number, writes = 0): Promise<number> {
  let lowMs = 0;
  for (let i = 0; i < reads; i++) {
    const atMs = systemClock.now();
    lowMs = atMs - readWidthMs(atMs);
  }
  for (let i = 0; i < writes; i++) noteWrite(systemClock.now());
  await Promise.resolve();
  return lowMs;
}

Deno.test("a read had not come when the loop asked for the turn before", async () => {
  retainTurns();
  const lows: number[] = [];
  const beganMs: number[] = [];
  for (let i = 0; i < 6; i++) {
    beganMs.push(systemClock.now());
    lows.push(await turn(3));
  }
  releaseTurns();
  for (let i = 2; i < 6; i++) {
    assert(lows[i]! < beganMs[i - 1]!, "not after the turn before began");
    assert(lows[i]! > lows[i - 1]!, "and it moves on");
  }
});

for (const [what, reads, writes] of [["reads", 40, 0], ["writes", 1, 40]] as const) {
  Deno.test(`what follows a turn of many ${what} may have been left over from it`, async () => {
    retainTurns();
    await turn(1);
    await turn(1);
    const large = await turn(reads, writes);
    assertAlmostEquals(await turn(1), large, 1e-9);
    assertAlmostEquals(await turn(1), large, 1e-9);
    assert(await turn(1) > large);
    releaseTurns();
  });
}

Deno.test("a crowd after a short sleep shows that it was none; a few reads do not", async () => {
  retainTurns();
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const lowAfter = async (ms: number, reads: number): Promise<boolean> => {
    // On a busy machine a short sleep may be a long one.
    for (let tries = 1;; tries++) {
      await turn(1);
      await turn(1);
      const endedMs = systemClock.now();
      await sleep(ms);
      if (systemClock.now() - endedMs > 2 * ms && tries < 20) continue;
      return (await turn(reads)) > endedMs;
    }
  };
  // Without the kernel's account no sleep is known.
  const known = await lowAfter(8, 2);
  assert(!(await lowAfter(8, 20)));
  assert(await lowAfter(40, 20) === known);
  releaseTurns();
});
