import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { SIM_CERTIFICATE } from "../backends/sim_certificate.ts";
import { launchSimulator } from "../backends/sim_launch.ts";

/** Is there a process with this number? Signal 0 only asks. */
function isRunning(pid: number): boolean {
  return new Deno.Command("kill", { args: ["-0", `${pid}`], stderr: "null" }).outputSync().success;
}

Deno.test("launchSimulator serves from its own process until it is stopped", async () => {
  const args = ["--port", "0", "--ttft", "1", "--itl", "0", "--grpc-port", "0"];
  const simulator = await launchSimulator(args);
  try {
    assertMatch(simulator.grpcUrl ?? "", /^grpc:\/\/127\.0\.0\.1:\d+$/);
    const body = JSON.stringify({ prompt: "hello", max_tokens: 3, stream: true });
    const before = await simulator.clock();
    const response = await fetch(`${simulator.url}/v1/completions`, { method: "POST", body });
    assertStringIncludes(await response.text(), "[DONE]");
    const [request] = await simulator.truth();
    assertEquals(request?.writeTokens, [1, 2, 3]);
    assertGreater(request?.arrivalMs ?? 0, before);
    const { load, grpcConnections } = await simulator.stats();
    assertEquals([load.requests, grpcConnections?.accepted], [1, 0]);
    await simulator.resetTruth();
    assertEquals(await simulator.truth(), []);
    assert(isRunning(simulator.pid));
  } finally {
    await simulator.stop();
  }
  assertEquals(isRunning(simulator.pid), false);
  await simulator.stop();
});

Deno.test("launchSimulator asks with the key that it gave", async () => {
  for (const args of [["--api-key=secret"], ["--api-key", "secret"]]) {
    const simulator = await launchSimulator(["--port=0", ...args]);
    try {
      const refused = await fetch(`${simulator.url}/truth`);
      await refused.body?.cancel();
      assertEquals(refused.status, 401);
      assertEquals(await simulator.truth(), []);
      await simulator.resetTruth();
    } finally {
      await simulator.stop();
    }
  }
});

Deno.test("launchSimulator asks a server over TLS as well", async () => {
  const simulator = await launchSimulator(["--port=0", "--grpc-port=0", "--tls", "--itl=0"]);
  try {
    assertMatch(simulator.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    assertMatch(simulator.grpcUrl ?? "", /^grpcs:\/\/127\.0\.0\.1:\d+$/);
    assertEquals(await simulator.truth(), []);
    // By either of its names, but by nobody who was not told of it.
    using client = Deno.createHttpClient({ caCerts: [SIM_CERTIFICATE.cert] });
    const byName = simulator.url.replace("127.0.0.1", "localhost");
    assertEquals(await (await fetch(`${byName}/health`, { client })).text(), "");
    await assertRejects(() => fetch(`${simulator.url}/health`), TypeError);
  } finally {
    await simulator.stop();
  }
});

Deno.test("launchSimulator reports why the server did not start", async () => {
  const error = await assertRejects(() => launchSimulator(["--fault", "earthquake"]), Error);
  assertStringIncludes(error.message, "Cannot start the simulated server: error: Cannot inject");
  const silent = { command: Deno.execPath(), args: ["eval", "--quiet", ""] };
  const quiet = await assertRejects(() => launchSimulator([], { command: silent }), Error);
  assertStringIncludes(quiet.message, "it printed nothing");
});

Deno.test("launchSimulator gives up and kills what never listens", async () => {
  const stuck = { command: Deno.execPath(), args: ["eval", "setInterval(() => {}, 1000)"] };
  const options = { command: stuck, startTimeoutMs: 50 };
  await assertRejects(() => launchSimulator([], options), Error, "Cannot start");
});

Deno.test("launchSimulator's server ends when its parent dies", async () => {
  const launch = new URL("../backends/sim_launch.ts", import.meta.url);
  // The launcher ends without a word to its child, as after kill -9.
  const program = `import { launchSimulator } from "${launch}";
    console.log((await launchSimulator(["--port", "0"])).pid);
    Deno.exit(1);`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stderr: "null",
  }).output();
  const pid = Number(new TextDecoder().decode(stdout));
  assertGreater(pid, 0);
  for (let turn = 0; turn < 500 && isRunning(pid); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(isRunning(pid), false);
});
