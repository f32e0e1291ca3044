import { assertEquals, assertStringIncludes } from "@std/assert";
import { chooseTransport, type TransportNeed } from "../workloads/run_auto_transport.ts";
import type { Load } from "../workloads/load.ts";
import { createLimit } from "./support/create_calibration.ts";

const users = (number: number): Load => ({
  ...{ kind: "closed", users: number, rampUpMs: 0, sequence: "disjoint" },
});
const arrivals = (ratePerSec: number, maxInFlight = 0): Load => ({
  ...{ kind: "open", arrival: "poisson", ratePerSec, shape: 1, maxInFlight, overflow: "wait" },
});

const NEED: TransportNeed = {
  loads: [users(1)],
  threads: 1,
  tokensPerSec: 20,
  latencyMs: 2000,
  https: false,
  insecure: false,
  ffi: true,
};

Deno.test("chooseTransport takes the simplest that is enough", () => {
  const cases: [Partial<TransportNeed>, string, string][] = [
    [{}, "fetch", "enough for 1 stream with 20 tokens/s"],
    [{ loads: [users(256)] }, "fetch", "256 streams with 5,120 tokens/s"],
    [{ loads: [users(257)] }, "socket", "too many for fetch"],
    [{ loads: [users(100)], tokensPerSec: 81 }, "socket", "8,100 tokens/s"],
    [{ loads: [users(1), users(1024)] }, "socket", "1,024 streams with 20,480 tokens/s"],
    [{ loads: [users(2048)] }, "epoll", "too many for socket"],
    [{ loads: [users(2048)], threads: 2 }, "socket", "1,024 streams"],
    [{ loads: [users(2048)], https: true }, "socket", "epoll has no TLS"],
    [{ loads: [users(2048)], ffi: false }, "socket", "--allow-ffi"],
    [{ insecure: true }, "socket", "certificate"],
    // 100 a second, 2 s each: 200 in flight.
    [{ loads: [arrivals(100)] }, "fetch", "200 streams with 4,000 tokens/s"],
    [{ loads: [arrivals(1000)] }, "epoll", "2,000 streams"],
    [{ loads: [arrivals(1000, 64)] }, "fetch", "64 streams"],
    [{ loads: [arrivals(Infinity)] }, "epoll", "unlimited streams"],
    [{ loads: [arrivals(Infinity, 8)] }, "fetch", "8 streams"],
  ];
  for (const [part, transport, says] of cases) {
    const choice = chooseTransport({ ...NEED, ...part });
    assertEquals(choice.transport, transport, JSON.stringify(part));
    assertStringIncludes(choice.why, says);
  }
});

Deno.test("chooseTransport weighs what was calibrated on this machine above what is usual", () => {
  const fetch = createLimit({ workers: 1 });
  const socket = createLimit({ transport: "socket", workers: 1, streams: 400, tokensPerSec: 2e4 });
  const epoll = createLimit({ transport: "epoll", workers: 1, streams: 300, tokensPerSec: 15_000 });
  const cases: [Partial<TransportNeed>, string, string][] = [
    // A slow machine: 100 streams are usually nothing.
    [
      { loads: [users(100)], limits: [fetch] },
      "socket",
      "100 streams with 2,000 tokens/s per thread are too many for fetch; calibrated here, fetch " +
      "kept its p99 error within 5.00 ms up to 64 streams with 3,200 tokens/s",
    ],
    [{ loads: [users(64)], limits: [fetch] }, "fetch", "enough for 64 streams"],
    [{ loads: [users(100)], limits: [fetch, socket] }, "socket", "here, socket kept its p99"],
    // Nothing is known beyond: it had no more time, so what is usual decides.
    [{ loads: [users(100)], limits: [{ ...fetch, endedBy: "time" }] }, "fetch", "enough for 100"],
    // A fast one: 500 streams are usually too many for fetch.
    [{ loads: [users(500)], limits: [{ ...fetch, streams: 600, tokensPerSec: 3e4 }] }, "fetch", ""],
    // None: the one that comes nearest, which epoll need not be.
    [
      { loads: [users(2000)], limits: [fetch, socket, epoll] },
      "socket",
      "no other transport is enough",
    ],
    [{ loads: [users(2000)], limits: [fetch, socket] }, "epoll", "here, socket kept"],
    [
      { loads: [users(100)], limits: [{ ...fetch, streams: 0, tokensPerSec: 0 }] },
      "socket",
      "fetch did not keep its p99 error within 5.00 ms with any number of streams",
    ],
    // Both threads together were calibrated.
    [{ loads: [users(64)], limits: [{ ...fetch, workers: 2 }], threads: 2 }, "fetch", "32 streams"],
  ];
  for (const [part, transport, says] of cases) {
    const choice = chooseTransport({ ...NEED, ...part });
    assertEquals(choice.transport, transport, JSON.stringify(part));
    assertStringIncludes(choice.why, says);
  }
});
