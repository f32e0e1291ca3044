import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { SIM_CERTIFICATE } from "../backends/sim_certificate.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import type { Run } from "../metrics/run.ts";

/** The least load that has a witness. */
const LOAD = { concurrency: [4], requests: 48, outputTokens: 10, warmup: 0 } as const;

/** Measures, again where a busy machine was too slow to start the witness's engine in time. */
async function measureWatched(url: string, options: BenchOptions): Promise<Run> {
  for (let left = 3;; left--) {
    const run = await measureBench(url, options);
    if (left === 0 || run.ends[0]?.witnessAbsent !== "its engine was not ready in time") return run;
  }
}

Deno.test("witness: a load's own streams are compared, and are no part of it", async () => {
  const server = await startSimServer({ ttft: "20", itl: "10", grpcPort: 0 });
  try {
    for (const name of ["fetch", Deno.build.os === "linux" ? "epoll" : "socket", "grpc-socket"]) {
      const grpc = name === "grpc-socket";
      const { records, ends: [end] } = await measureWatched(grpc ? server.grpcUrl! : server.url, {
        ...LOAD,
        transport: name,
        ...(grpc ? { protocol: "ppl", model: "simulated" } : {}),
      });
      const { witness } = end!;
      assert(witness !== undefined, `${name}: ${end!.witnessAbsent}`);
      assertEquals(witness.streams, 2);
      assertGreater(witness.requests, 2, name);
      assertGreater(witness.ticks, 20, name);
      // Read after they were written, not before: the clocks agree.
      assertGreater(witness.readLate.maxMs!, 0, name);
      assertGreater(witness.departLate.maxMs!, 0, name);
      assertGreater(witness.readLateMaxMs.length, 5, name);
      assertEquals(records.length, 48, name);
      assert(records.every(({ user, outcome }) => user >= 0 && outcome.kind === "ok"), name);
    }
    // The server saw nothing of it.
    assert(server.truth().every(({ requestId }) => requestId === undefined));
  } finally {
    await server.stop();
  }
});

Deno.test("witness: a load on Triton has one, whose model it finds out", async () => {
  const server = await startSimServer({ engine: "triton", ttft: "20", itl: "10", grpcPort: 0 });
  try {
    const { ends: [end] } = await measureWatched(server.grpcUrl!, {
      ...LOAD,
      transport: "grpc-socket",
      protocol: "triton-turbomind",
    });
    assert(end!.witness !== undefined, end!.witnessAbsent);
    assertGreater(end!.witness.ticks, 20);
  } finally {
    await server.stop();
  }
});

Deno.test("witness: a load over TLS has one over TLS, which trusts its own engine alone", async () => {
  const server = await startSimServer({ ttft: "20", itl: "10", grpcPort: 0, tls: true });
  const caCert = await Deno.makeTempFile();
  await Deno.writeTextFile(caCert, SIM_CERTIFICATE.cert);
  try {
    const ways = [
      { transport: "fetch", caCert },
      // What the load accepts is nothing to the witness.
      { transport: "socket", insecure: true },
      { transport: "grpc-socket", caCert, protocol: "ppl", model: "simulated" },
    ];
    for (const way of ways) {
      const { transport } = way;
      const url = transport === "grpc-socket" ? server.grpcUrl! : server.url;
      assert(/^(https|grpcs):/.test(url), url);
      const { records, ends: [end] } = await measureWatched(url, { ...LOAD, ...way });
      const { witness } = end!;
      assert(witness !== undefined, `${transport}: ${end!.witnessAbsent}`);
      assertGreater(witness.ticks, 20, transport);
      assertGreater(witness.readLate.maxMs!, 0, transport);
      if (transport !== "fetch") assertGreater(witness.ticksInside!, 0, transport);
      assertEquals(records.filter(({ outcome }) => outcome.kind === "ok").length, 48, transport);
    }
    // The certificate is for the witness, whose key everybody knows: a load does not trust it.
    const error = await assertRejects(() =>
      measureBench(server.url, { ...LOAD, transport: "socket" })
    );
    assert(/certificate/i.test(`${error}`), `${error}`);
  } finally {
    await server.stop();
    await Deno.remove(caCert);
  }
});

Deno.test("witness: a load without one says why", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    const absent = async (options: Parameters<typeof measureBench>[1]) =>
      (await measureWatched(server.url, { ...LOAD, ...options })).ends[0]!.witnessAbsent;
    assertEquals(await absent({ witness: false }), "it was switched off");
    assertEquals(
      await absent({ requests: 4 }),
      "the load is too short for one: fewer than 20 requests, or than 1 s",
    );
  } finally {
    await server.stop();
  }
});
