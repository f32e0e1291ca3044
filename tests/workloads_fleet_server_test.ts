import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { FleetBus } from "../workloads/fleet_bus.ts";
import { openFleetBus, type OpenOptions } from "../workloads/fleet_open.ts";
import { isPrivate, startNatsServer } from "../workloads/fleet_server.ts";
import { UserError } from "../workloads/user_error.ts";
import { holdNats, natsTest, withNats } from "./support/nats.ts";

function about(read: Readonly<Record<string, string>> = {}, notes: string[] = []): OpenOptions {
  return {
    ...{ fleet: "alpha", name: "test", signal: new AbortController().signal },
    note: (line) => notes.push(line),
    read: (name) => read[name],
  };
}

async function reaches(bus: FleetBus): Promise<boolean> {
  const revision = await bus.keep("lead", new Uint8Array(1));
  await bus.close();
  return revision !== undefined;
}

Deno.test("isPrivate knows loopback and private addresses, and takes nothing else for one", () => {
  for (
    const address of [
      ...["127.0.0.1", "localhost", "::1", "[::1]", "10.1.2.3", "192.168.0.1", "172.16.0.1"],
      ...["172.31.255.1", "169.254.1.1", "fd00::1", "fe80::1", "[fd12:3::4]"],
    ]
  ) assert(isPrivate(address), address);
  for (
    const address of [
      ...["0.0.0.0", "::", "[::]", "8.8.8.8", "172.15.0.1", "172.32.0.1", "11.0.0.1"],
      ...[
        "192.169.0.1",
        "2001:db8::1",
        "node1",
        "10.example.org",
        "127.evil.org",
        "fd.example.org",
      ],
    ]
  ) assert(!isPrivate(address), address);
});

Deno.test("startNatsServer is open to nobody without credentials, and says what is missing", async () => {
  for (const address of ["0.0.0.0", "8.8.8.8", "example.org"]) {
    await assertRejects(() => startNatsServer({ address }), UserError, "without credentials");
    await assertRejects(() => startNatsServer({ address, user: "a" }), UserError, "NATS_TOKEN");
  }
  await assertRejects(
    () => startNatsServer({ program: "no-nats-server" }),
    UserError,
    "apt install nats-server",
  );
});

natsTest("startNatsServer says why it could not start, and leaves nothing", async () => {
  const first = await startNatsServer();
  const taken = await assertRejects(() => startNatsServer({ port: first.port }), UserError);
  assertMatch(
    taken.message,
    /Cannot start nats-server on 127\.0\.0\.1:\d+: .*address already in use/,
  );
  await assertRejects(() => startNatsServer({ config: "nonsense {" }), UserError, "Cannot start");
  await first.stop();
  await first.stop();
});

natsTest("a server with credentials listens anywhere", () =>
  withNats(async (server) => {
    assertMatch(server.url, /^nats:\/\/127\.0\.0\.1:\d+$/);
    const values = { nats: server.url, natsToken: "s3cret-token" };
    assert(await reaches(await openFleetBus(values, about())));
  }, { address: "0.0.0.0", token: "s3cret-token" }));

natsTest(
  "openFleetBus starts a server that ends with it, and says how agents reach it",
  async () => {
    await holdNats();
    const notes: string[] = [];
    const leader = await openFleetBus({ nats: "embedded" }, about({}, notes));
    const [, pid, url] =
      /^Started nats-server as process (\d+); agents: --nats (\S+) --fleet alpha$/
        .exec(notes.join("\n"))!;
    assert(await reaches(await openFleetBus({ nats: url! }, about())));
    await leader.close();
    assert(!isRunning(Number(pid)));
    const joining = { ...about(), leads: false };
    await assertRejects(() => openFleetBus({ nats: "embedded" }, joining), UserError, "the leader");
    const file = { nats: "embedded", natsCreds: "a.creds" };
    await assertRejects(() => openFleetBus(file, about()), UserError, "a.creds");
    for (const natsListen of ["", "1.2.3.4:0", "1.2.3.4:70000", "a b", "10.0.0.1:4222:1"]) {
      const values = { nats: "embedded", natsListen };
      await assertRejects(() => openFleetBus(values, about()), UserError, "ADDRESS:PORT");
    }
    await assertRejects(
      () => openFleetBus({ nats: "embedded", natsListen: "0.0.0.0" }, about()),
      UserError,
      "without credentials",
    );
  },
);

natsTest(
  "openFleetBus takes from the environment what the options do not say",
  () =>
    withNats(async (server) => {
      const login = { NATS_USER: "me", NATS_PASSWORD: "s3cret-password" };
      const all = { NATS_URL: server.url, ...login };
      assert(await reaches(await openFleetBus({}, about(all))));
      assert(await reaches(await openFleetBus({ nats: server.url }, about(login))));
      const given = { natsUser: "me", natsPassword: "s3cret-password" };
      // Credentials of the command line are meant, not those of the environment.
      const other = { ...all, NATS_CREDS: "/nowhere", NATS_TOKEN: "another-token" };
      assert(await reaches(await openFleetBus(given, about(other))));
      await assertRejects(() => openFleetBus({}, about(other)), UserError, "/nowhere");
      await assertRejects(() => openFleetBus({}, about()), UserError, "--nats URL");
      await assertRejects(
        () => openFleetBus({ nats: server.url, natsToken: "$NATS_TOKEN" }, about()),
        UserError,
        "a placeholder",
      );
    }, { user: "me", password: "s3cret-password" }),
);

natsTest("a server ends when who started it is killed", async () => {
  const program = `
    import { startNatsServer } from ${
    JSON.stringify(new URL("../workloads/fleet_server.ts", import.meta.url).href)
  };
    const { pid } = await startNatsServer();
    console.log(pid);
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "-A",
      "--no-lock",
      `--config=${new URL("../deno.json", import.meta.url).pathname}`,
      "-",
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const pid = Number((await reader.read()).value);
  assert(isRunning(pid));
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  for (let i = 0; isRunning(pid); i++) {
    assert(i < 600, `process ${pid} still runs`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assertEquals(isRunning(pid), false);
});

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
