/** `tokometer bench --fleet` with real agents over a real NATS server. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { Summary } from "../metrics/summary.ts";
import { connectBus } from "../workloads/fleet_nats.ts";
import { joinFleet } from "../workloads/fleet_agent.ts";
import { leadFleet } from "../workloads/fleet_lead_summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { holdNats, natsTest, withNats } from "./support/nats.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** A command in a process of its own, with these permissions only. */
async function runApart(
  argv: readonly string[],
  permissions: readonly string[],
): Promise<{ readonly code: number; readonly err: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-lock", "-q", ...permissions, `${ROOT}cli.ts`, ...argv],
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

const NARROW = ["--allow-net", "--allow-read", "--allow-write"];

natsTest(
  "two agents in processes of their own send one load, with the least permissions",
  async () => {
    const sim = await startSimServer({ ttft: "2", itl: "1" });
    try {
      await withNats(async ({ url }) =>
        await inTempFolder(async (folder) => {
          const fleet = ["--fleet", "f", "--nats", url];
          const agents = [0, 1].map((rank) =>
            runApart(
              ["agent", ...fleet, `--rank=${rank}`, `--out=${folder}/a${rank}`, "--wait=60"],
              NARROW,
            )
          );
          const leader = await runApart([
            ...["bench", sim.url, ...fleet, "--agents=2", "--concurrency=3", "--requests=40"],
            ...["--output-tokens=3", "--collect", `--out=${folder}/run`],
          ], NARROW);
          const ended = await Promise.all(agents);
          assertEquals(leader.code, 0, leader.err);
          assertEquals(
            ended.map(({ code }) => code),
            [0, 0],
            ended.map(({ err }) => err).join("\n"),
          );
          // The leader's file alone, and those of the agents.
          const report = await runCli(["report", `${folder}/run`, "--format=json"]);
          assertEquals(report.code, 0, report.err);
          const { loads: [load] } = JSON.parse(report.out) as Summary;
          assertEquals(load?.counts.completed, 40);
          assertEquals(load?.fleet?.agents.map(({ sent }) => sent > 0), [true, true]);
          const collected = await runCli(["report", `${folder}/run/agents`, "--format=json"]);
          const own = (JSON.parse(collected.out) as Summary).loads[0];
          assertEquals(own?.counts, load?.counts);
          const records = await Promise.all([0, 1].map(async (rank) =>
            (await readRecordFile(`${folder}/a${rank}/records.jsonl`)).records
              .filter(({ phase }) => phase === "measure").map(({ index }) => index)
          ));
          assertEquals(records.flat().length, 40);
          assertEquals(new Set(records.flat()).size, 40, "no request is sent twice");
        })
      );
    } finally {
      await sim.stop();
    }
  },
);

natsTest("leadFleet sums up what agents measured", async () => {
  const sim = await startSimServer({ ttft: "2", itl: "1" });
  try {
    await withNats(async ({ url: nats }) => {
      const never = new AbortController().signal;
      const host = {
        ...{ print() {}, note() {}, progress() {}, interrupt() {} },
        ...{ stdoutIsTerminal: false, color: false, columns: 80, commandLine: [] },
        ...{ interrupted: never, aborted: never },
      };
      const buses = await Promise.all(
        [0, 1].map((i) => connectBus({ servers: nats, fleet: "g", name: `agent ${i}` })),
      );
      const agents = buses.map((bus) => joinFleet(bus, { fleet: "g" }, host));
      const summary = await leadFleet(sim.url, {
        ...{ fleet: "g", agents: 2, nats, sendKey: true, apiKey: "key-of-a-test-1" },
        ...{ rate: [40], requests: 40, outputTokens: 3 },
      });
      assertEquals(await Promise.all(agents), [0, 0]);
      await Promise.all(buses.map((bus) => bus.close()));
      const [load] = summary.loads;
      assertEquals(load?.counts.completed, 40);
      assertEquals(load?.fleet?.agents.map(({ sent }) => sent), [20, 20]);
      assert(!JSON.stringify(summary).includes("key-of-a-test-1"));
    });
  } finally {
    await sim.stop();
  }
});

natsTest("a key is not sent unless --send-key says so", async () => {
  await holdNats();
  const refused = async (...options: readonly string[]) => {
    const { code, err } = await runCli([
      ...["bench", ...options, "--fleet=f", "--agents=1", "--nats=nats://127.0.0.1:1"],
    ]);
    assertEquals(code, 2);
    return err;
  };
  assertStringIncludes(
    await refused("http://127.0.0.1:1", "--api-key=abcdef1234"),
    "Cannot use --api-key with --fleet: it is secret, and stays here unless --send-key",
  );
  assertStringIncludes(
    await refused("http://127.0.0.1:1", "-H", "X-Token: abcdef1234"),
    "Cannot use --header with --fleet",
  );
  assertStringIncludes(
    await refused("http://me:abcdef1234@127.0.0.1:1"),
    "Cannot use the password in the address with --fleet",
  );
  assertStringIncludes(
    await refused("http://127.0.0.1:1", '--extra-body={"api_key":"abcdef1234"}'),
    "Cannot use --extra-body with --fleet",
  );
});

Deno.test("what has no effect with a fleet, or without one, is refused", async () => {
  const refused = async (...options: readonly string[]) => {
    const { code, err } = await runCli(["bench", ...options]);
    assertEquals(code, 2, err);
    return err;
  };
  const url = "http://127.0.0.1:1";
  const fleet = [url, "--fleet=f", "--agents=2"];
  assertStringIncludes(await refused(url, "--agents=2"), "--agents without --fleet");
  assertStringIncludes(await refused(url, "--nats=nats://a"), "--nats without --fleet");
  assertStringIncludes(await refused(url, "--fleet=f"), "--fleet without --agents");
  assertStringIncludes(await refused(...fleet, "--values=raw"), "--values raw with --fleet");
  assertStringIncludes(await refused(...fleet, "--otel=http://a"), "--otel");
  assertStringIncludes(
    await refused("--launch=vllm", "--fleet=f", "--agents=2", "--launch-model=m"),
    "--launch",
  );
  assertStringIncludes(await refused(url, "--fleet=a b", "--agents=2", "--nats=nats://a"), '"a b"');
});
