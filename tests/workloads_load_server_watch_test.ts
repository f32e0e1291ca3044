import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Outcome } from "../backends/record.ts";
import {
  lossNote,
  usualStopOnErrors,
  watchServer,
  watchServers,
} from "../workloads/load_server_watch.ts";

const REFUSED: Outcome = { kind: "connect_error", message: "Connection refused" };

/** Feeds refusals, `everyMs` apart; returns the time of the loss. */
function refuse(
  watch: ReturnType<typeof watchServer>,
  { fromMs = 0, everyMs = 100, untilMs = 60_000, outcome = REFUSED },
): number | undefined {
  for (let endMs = fromMs; endMs <= untilMs; endMs += everyMs) {
    if (watch.see({ outcome, endMs }) !== undefined) return endMs;
  }
  return undefined;
}

const IDLE = () => ({ reads: 7, sent: 5, ended: 5 });

Deno.test("watchServer() needs the streak and its 2 s", () => {
  assertEquals(refuse(watchServer(20, IDLE), { everyMs: 10 }), 2000);
  assertEquals(refuse(watchServer(20, IDLE), { everyMs: 200 }), 3800);
  assertEquals(refuse(watchServer(0, IDLE), {}), undefined);
  const watch = watchServer(3, IDLE);
  refuse(watch, { fromMs: 500, untilMs: 2000 });
  assertEquals(watch.see({ outcome: REFUSED, endMs: 2500 }), {
    atMs: 500,
    failures: 17,
    message: "Connection refused",
  });
  assertEquals(refuse(watch, { fromMs: 2600 }), undefined, "said once");
});

Deno.test("watchServer() an answer that began since clears the streak, whatever it says", () => {
  for (
    const outcome of [{ kind: "ok" }, { kind: "http_error", status: 503, message: "" }] as const
  ) {
    const watch = watchServer(20, IDLE);
    refuse(watch, { untilMs: 1900 });
    watch.see({ outcome, firstByteMs: 1950, endMs: 1960 });
    assertEquals(refuse(watch, { fromMs: 2000 }), 4000);
  }
  // One that began before says nothing, and neither does one that never began.
  for (const firstByteMs of [900, undefined]) {
    const watch = watchServer(20, IDLE);
    refuse(watch, { fromMs: 1000, untilMs: 2000 });
    const outcome = { kind: "truncated", message: "reset" } as const;
    watch.see({ outcome, endMs: 2050, ...(firstByteMs === undefined ? {} : { firstByteMs }) });
    assertEquals(refuse(watch, { fromMs: 2100 }), 3000);
  }
});

Deno.test("watchServer() a server that answers others only refuses more", () => {
  let reads = 0;
  const streaming = watchServer(20, () => ({ reads: reads++, sent: 9, ended: 5 }));
  assertEquals(refuse(streaming, {}), undefined);
  // It reads long prompts: nothing comes, but the requests stay open.
  const busy = watchServer(20, () => ({ reads: 1, sent: 9, ended: 5 }));
  assertEquals(refuse(busy, {}), 30_000);
});

Deno.test("watchServer() what this system refuses is not the server's end", () => {
  for (const message of ["Too many open files (os error 24)", "connect EADDRNOTAVAIL"]) {
    const outcome = { kind: "connect_error", message } as const;
    assertEquals(refuse(watchServer(20, IDLE), { outcome }), undefined);
  }
});

Deno.test("usualStopOnErrors() lets each user fail twice", () => {
  const users = (users: number) =>
    usualStopOnErrors({ kind: "closed", users, rampUpMs: 0, sequence: "disjoint" });
  assertEquals([users(1), users(64)], [20, 128]);
});

Deno.test("lossNote() says when", () => {
  const note = lossNote({ atMs: 1234, failures: 20, message: "Connection refused" }, 0);
  assertStringIncludes(note, "1.23 s after the start of the load, at 1970-01-01T00:00:00.000Z");
  assertStringIncludes(note, '20 connections in a row failed, the last with "Connection refused"');
});

Deno.test("watchServers() sees the one that is gone among those that answer", () => {
  const servers = ["http://a:1", "http://user:secret@b:2"];
  const ok: Outcome = { kind: "ok" };
  const losses = (gone: number, live: ReturnType<typeof IDLE>) => {
    const watch = watchServers(20, { live: () => live, servers });
    for (let endMs = 0; endMs <= 60_000; endMs += 100) {
      watch.see({ outcome: ok, firstByteMs: endMs, endMs, server: 1 - gone });
      const lost = watch.see({ outcome: REFUSED, endMs, server: gone });
      if (lost !== undefined) return { endMs, message: lost.message };
    }
    return undefined;
  };
  assertEquals(losses(1, IDLE()), { endMs: 2000, message: "http://b:2: Connection refused" });
  // Requests are open somewhere, and nobody knows where.
  const busy = { reads: 7, sent: 9, ended: 5 };
  assertEquals(losses(0, busy), { endMs: 30_000, message: "http://a:1: Connection refused" });
  // Both refuse now and then, none of them 20 times in a row.
  const watch = watchServers(20, { live: IDLE, servers });
  for (let endMs = 0; endMs <= 60_000; endMs += 200) {
    const outcome = endMs % 3000 === 0 ? ok : REFUSED;
    for (const server of [0, 1]) {
      assertEquals(watch.see({ outcome, firstByteMs: endMs, endMs, server }), undefined);
    }
  }
});
