import { assertEquals, assertStringIncludes } from "@std/assert";
import { chooseTransport, type TransportNeed } from "../workloads/auto_transport.ts";
import type { Load } from "../workloads/load.ts";

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
    [{}, "fetch", "enough for 1 streams with 20 tokens/s"],
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
    [{ loads: [arrivals(Infinity)] }, "epoll", "endlessly many streams"],
    [{ loads: [arrivals(Infinity, 8)] }, "fetch", "8 streams"],
  ];
  for (const [part, transport, says] of cases) {
    const choice = chooseTransport({ ...NEED, ...part });
    assertEquals(choice.transport, transport, JSON.stringify(part));
    assertStringIncludes(choice.why, says);
  }
});
