import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { chooseTransport, type TransportNeed } from "../workloads/run_auto_transport.ts";
import { whyNotFetch } from "../workloads/run_auto_reach.ts";
import type { Load } from "../workloads/load.ts";
import { createLimit } from "./support/create_calibration.ts";

/** Users who start over time, unless `rampUpMs` is 0. */
const users = (number: number, rampUpMs = 1000): Load => ({
  ...{ kind: "closed", users: number, rampUpMs, sequence: "disjoint" },
});
const arrivals = (ratePerSec: number, maxInFlight = 0): Load => ({
  ...{ kind: "open", arrival: "poisson", ratePerSec, shape: 1, maxInFlight, overflow: "wait" },
});

const NEED: TransportNeed = {
  carrier: "http",
  loads: [users(1)],
  threads: 1,
  effectiveCores: 2,
  tokensPerSec: 20,
  latencyMs: 2000,
  proxied: false,
  epoll: "usable",
};

type Case = [Partial<TransportNeed>, string, string];

function check(cases: readonly Case[]): void {
  for (const [part, transport, says] of cases) {
    const choice = chooseTransport({ ...NEED, ...part });
    assertEquals(choice.transport, transport, JSON.stringify(part));
    assertStringIncludes(choice.why, says);
  }
}

Deno.test("chooseTransport takes the simplest that is enough", () => {
  const none = { epoll: "impossible" } as const;
  check([
    [{}, "fetch", "enough for 1 stream with 20 tokens/s"],
    [{ loads: [users(16)] }, "fetch", "16 streams with 320 tokens/s"],
    [{ loads: [users(16)], tokensPerSec: 0 }, "fetch", "enough for 16 streams per thread"],
    [{ loads: [users(17)] }, "epoll", "too many for fetch"],
    [{ loads: [users(17)], ...none }, "socket", "too many for fetch"],
    [{ loads: [users(10)], tokensPerSec: 201 }, "epoll", "2,010 tokens/s"],
    [{ loads: [users(1), users(2048)] }, "epoll", "2,048 streams with 40,960 tokens/s"],
    [{ loads: [users(2048)], ...none }, "socket", "no other transport is enough"],
    [{ loads: [users(2048)], threads: 2, ...none }, "socket", "too many for fetch"],
    // 5 a second, 2 s each: 10 in flight.
    [{ loads: [arrivals(5)] }, "fetch", "10 streams with 200 tokens/s"],
    [{ loads: [arrivals(1000)] }, "epoll", "2,000 streams"],
    [{ loads: [arrivals(1000, 16)] }, "fetch", "16 streams"],
    [{ loads: [arrivals(Infinity)] }, "epoll", "unlimited streams"],
    [{ loads: [arrivals(Infinity, 8)] }, "epoll", "8 streams with 160 tokens/s per thread that"],
    [{ loads: [arrivals(Infinity, 4)] }, "fetch", "4 streams"],
  ]);
});

Deno.test("chooseTransport: users who start at once are more than those who start over time", () => {
  const none = { epoll: "impossible" } as const;
  check([
    [{ loads: [users(4, 0)] }, "fetch", "enough for 4 streams"],
    [{ loads: [users(5, 0)] }, "epoll", "per thread that start at once are too many for fetch"],
    [{ loads: [users(64, 0)], ...none }, "socket", "too many for fetch"],
    [{ loads: [users(65, 0)], ...none }, "socket", "no other transport is enough"],
    [{ loads: [users(1024, 0)] }, "epoll", "too many for fetch"],
    // Calibrated loads start over time, and say nothing of this.
    [
      {
        loads: [users(512, 0)],
        limits: [createLimit({ workers: 1, streams: 1024, tokensPerSec: 50_000 })],
      },
      "epoll",
      "up to 1,024 streams",
    ],
    [
      {
        loads: [users(512)],
        limits: [createLimit({ workers: 1, streams: 1024, tokensPerSec: 50_000 })],
      },
      "fetch",
      "enough for 512",
    ],
  ]);
});

Deno.test("chooseTransport takes only what is possible, and names nothing else", () => {
  const many = { loads: [users(2048)] };
  check([
    [{ notFetch: "fetch cannot", epoll: "no TLS" }, "socket", "fetch cannot; enough for 1 stream"],
    [{ notFetch: "fetch cannot" }, "epoll", "fetch cannot; enough for 1 stream"],
    [{ notFetch: "fetch cannot", proxied: true, epoll: "no TLS" }, "socket", "fetch cannot"],
    [{ ...many, proxied: true }, "fetch", "the environment's proxy is known to fetch alone"],
    [{ ...many, epoll: "no TLS" }, "socket", "epoll has no TLS"],
    [{ ...many, epoll: "not permitted" }, "socket", "epoll, with --allow-ffi, would be"],
  ]);
  for (const epoll of ["usable", "impossible"] as const) {
    const { why } = chooseTransport({ ...NEED, ...many, epoll });
    assertFalse(/--allow-ffi|TLS/.test(why), why);
  }
  const { why } = chooseTransport({ ...NEED, notCalibrated: "calibrated with 2 cores" });
  assertStringIncludes(why, "; no calibration applies: calibrated with 2 cores");
});

Deno.test("auto knows where fetch does not reach", () => {
  const plan = { url: "http://10.0.0.1:8000", insecure: false, proxyLocal: false };
  const why = (fields: Partial<typeof plan & { caCert: string }>) =>
    whyNotFetch({ ...plan, ...fields });
  assertEquals(why({}), undefined);
  assertEquals(why({ url: "http://10.0.0.1:6000" }), "fetch does not connect to port 6000");
  assertEquals(why({ insecure: true }), "fetch accepts no certificate unchecked");
  assertEquals(why({ caCert: "PEM" }), undefined);
  assertStringIncludes(why({ url: "https://10.0.0.1", caCert: "PEM" })!, "--ca-cert");
});

Deno.test("auto's list of ports is the one that fetch keeps", async () => {
  // No server: what is blocked is refused before anything is sent.
  const blocked = async (port: number) =>
    await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) })
      .then(
        (answer) => void answer.body?.cancel(),
        (error) => /blocked/.test(String(error.cause ?? error)),
      );
  for (const port of [1, 22, 6000, 6667, 10_080, 3, 6001, 10_081]) {
    const url = `http://127.0.0.1:${port}`;
    const known = whyNotFetch({ url, insecure: false, proxyLocal: false }) !== undefined;
    assertEquals(await blocked(port), known, url);
  }
});

Deno.test("chooseTransport expects less of less than a core", () => {
  check([
    [{ loads: [users(16)], effectiveCores: 1 }, "fetch", ""],
    [{ loads: [users(16)], effectiveCores: 0.5 }, "epoll", "too many for fetch"],
    [{ loads: [users(8)], effectiveCores: 0.5 }, "fetch", ""],
  ]);
});

Deno.test("chooseTransport knows two carriers of gRPC", () => {
  const grpc = { carrier: "grpc" } as const;
  check([
    [{ ...grpc }, "grpc", "enough for 1 stream"],
    [{ ...grpc, notFetch: "fetch cannot" }, "grpc", "enough for 1 stream"],
    [{ ...grpc, loads: [users(64)] }, "grpc-socket", "too many for grpc"],
    [{ ...grpc, loads: [users(64)], proxied: true }, "grpc", "known to grpc alone"],
    [{ ...grpc, loads: [users(4096)], epoll: "not permitted" }, "grpc-socket", "enough either"],
  ]);
});

Deno.test("chooseTransport weighs what was calibrated on this machine above what is usual", () => {
  const fetch = createLimit({ workers: 1, streams: 8, tokensPerSec: 400 });
  const epoll = createLimit({ transport: "epoll", workers: 1, streams: 300, tokensPerSec: 15_000 });
  const socket = createLimit({ transport: "socket", workers: 1, streams: 400, tokensPerSec: 2e4 });
  check([
    // A slow machine: 12 streams are usually nothing.
    [
      { loads: [users(12)], limits: [fetch] },
      "epoll",
      "12 streams with 240 tokens/s per thread are too many for fetch; calibrated here, fetch " +
      "kept its p99 error within 5.00 ms up to 8 streams with 400 tokens/s",
    ],
    [{ loads: [users(8)], limits: [fetch] }, "fetch", "enough for 8 streams"],
    [{ loads: [users(12)], limits: [fetch, epoll] }, "epoll", "here, epoll kept its p99"],
    // Nothing is known beyond: it had no more time, so what is usual decides.
    [{ loads: [users(12)], limits: [{ ...fetch, endedBy: "time" }] }, "fetch", "enough for 12"],
    // A fast one: 500 streams are usually too many for fetch.
    [{ loads: [users(500)], limits: [{ ...fetch, streams: 600, tokensPerSec: 3e4 }] }, "fetch", ""],
    // None: the one that comes nearest, which epoll need not be.
    [
      { loads: [users(2000)], limits: [fetch, epoll, socket] },
      "socket",
      "no other transport is enough",
    ],
    [{ loads: [users(2000)], limits: [fetch, socket] }, "epoll", "here, fetch kept"],
    [
      { loads: [users(12)], limits: [{ ...fetch, streams: 0, tokensPerSec: 0 }] },
      "epoll",
      "fetch did not keep its p99 error within 5.00 ms with any number of streams",
    ],
    // Both threads together were calibrated.
    [{ loads: [users(8)], limits: [{ ...fetch, workers: 2 }], threads: 2 }, "fetch", "4 streams"],
  ]);
});
