import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import type { BusOptions, FleetBus } from "../workloads/fleet_bus.ts";
import { connectBus } from "../workloads/fleet_nats.ts";
import { loadNats } from "../workloads/fleet_nats_library.ts";
import { type NatsServer, startNatsServer } from "../workloads/fleet_server.ts";
import { UserError } from "../workloads/user_error.ts";
import { makeCertificates } from "./support/certificates.ts";
import { holdNats, natsTest, withNats } from "./support/nats.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { openProxy, type TcpProxy } from "./support/tcp_proxy.ts";

const never: AbortSignal = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : new TextDecoder().decode(data);
/** Bytes that do not become smaller. */
const filled = (length: number, seed: number): Uint8Array<ArrayBuffer> => {
  const data = new Uint8Array(length);
  for (let i = 0, x = seed + 1; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    data[i] = x;
  }
  return data;
};
const file = (data: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> =>
  new Blob([data]).stream();

function options(servers: string, more: Partial<BusOptions> = {}): BusOptions {
  return { servers, fleet: "alpha", name: "test", ...more };
}

/** Connects two members of a fleet, lends them, and ends their connections. */
async function withTwo(
  server: Pick<NatsServer, "url">,
  use: (one: FleetBus, other: FleetBus) => Promise<void>,
  more: Partial<BusOptions> = {},
): Promise<void> {
  const one = await connectBus(options(server.url));
  const other = await connectBus(options(server.url, more));
  try {
    await use(one, other);
  } finally {
    await one.close();
    await other.close();
  }
}

/** Waits until something holds, however slow the machine is. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; !holds(); i++) {
    if (i > 6000) throw new Error(`Still not: ${what}`);
    await delay(10);
  }
}

/** Resolves when the server knows what a member listens to. */
async function settled(bus: FleetBus): Promise<void> {
  await bus.request("nobody", bytes(""), { timeoutMs: 9000 });
}

natsTest(
  "messages reach who listens in the same fleet, and nobody else",
  () =>
    withNats((server) =>
      withTwo(server, async (leader, agent) => {
        const stranger = await connectBus(options(server.url, { fleet: "beta" }));
        const heard: string[] = [];
        const strange: string[] = [];
        stranger.subscribe(">", ({ subject }) => strange.push(subject));
        const listening = leader.subscribe("*.update", ({ subject, data, respond }) => {
          heard.push(`${subject} ${textOf(data)}`);
          respond(bytes("ok"));
        });
        await settled(leader);
        agent.publish("r1.update", bytes("a"));
        agent.publish("r1.other", bytes("b"));
        const ask = (bus: FleetBus, subject: string, signal?: AbortSignal) =>
          bus.request(subject, bytes("c"), { timeoutMs: 5000, ...(signal && { signal }) });
        assertEquals(textOf(await ask(agent, "r2.update")), "ok");
        assertEquals(heard, ["r1.update a", "r2.update c"]);
        // Nobody listens, or it is not waited for.
        assertEquals(await ask(agent, "nobody"), undefined);
        assertEquals(await ask(agent, "r2.update", AbortSignal.abort()), undefined);
        leader.subscribe("silent", () => {});
        await settled(leader);
        assertEquals(await agent.request("silent", bytes(""), { timeoutMs: 50 }), undefined);
        const left = new AbortController();
        const asked = ask(agent, "silent", left.signal);
        left.abort();
        assertEquals(await asked, undefined);
        const strangely = { timeoutMs: 100 };
        assertEquals(await stranger.request("r2.update", bytes("c"), strangely), undefined);
        listening.close();
        assertEquals(await ask(agent, "r2.update"), undefined);
        assertEquals(strange.filter((subject) => !subject.startsWith("_inbox")), ["r2.update"]);
        assertThrows(() => agent.publish("a.b", new Uint8Array(2e6)), RangeError, "2000000 bytes");
        assert(agent.connected());
        await stranger.close();
        assert(!stranger.connected());
      })
    ),
);

natsTest(
  "what is delivered comes once, also before anybody receives, of any size",
  () =>
    withNats((server) =>
      withTwo(server, async (leader, agent) => {
        const large = filled(3_000_000, 1);
        await agent.deliver("r.end.1", large, { id: "0", signal: never });
        await agent.deliver("r.end.1", large, { id: "0", signal: never });
        const got: string[] = [];
        const sizes: number[] = [];
        const take =
          (name: string) => ({ subject, data }: { subject: string; data: Uint8Array }) => {
            got.push(`${name} ${subject}`);
            sizes.push(data.length);
            if (data.length > 100) assertEquals(new Uint8Array(data), large);
          };
        const first = await leader.receive("r.*.*", take("first"));
        await until(() => got.length === 1, "the large one");
        await agent.deliver("r.end.2", bytes("x"), { id: "0", signal: never });
        await agent.deliver("s.end.2", bytes("x"), { id: "0", signal: never });
        await agent.deliver("r.done.1", bytes(""), { id: "0", signal: never });
        await until(() => got.length === 3, "the others");
        first.close();
        const second = await leader.receive("r.>", take("second"));
        await until(() => got.length === 6, "all again for another one");
        second.close();
        assertEquals(got, [
          ...["first r.end.1", "first r.end.2", "first r.done.1"],
          ...["second r.end.1", "second r.end.2", "second r.done.1"],
        ]);
        assertEquals(sizes, [3_000_000, 1, 0, 3_000_000, 1, 0]);
        // What is mostly the same takes little of the server, and comes as it was.
        await agent.deliver("r.zeros", new Uint8Array(5_000_000), { id: "0", signal: never });
        const zeros = Promise.withResolvers<Uint8Array>();
        const fourth = await leader.receive("r.zeros", ({ data }) => zeros.resolve(data));
        const came = await zeros.promise;
        assertEquals([came.length, came.every((byte) => byte === 0)], [5_000_000, true]);
        fourth.close();
        await leader.forget("r.>");
        const third = await leader.receive("*.end.*", take("third"));
        await until(() => got.length === 7, "what was not forgotten");
        assertEquals(got[6], "third s.end.2");
        third.close();
        await assertRejects(() =>
          agent.deliver("r.end.1", bytes(""), { id: "1", signal: AbortSignal.abort() })
        );
      })
    ),
);

natsTest(
  "a value that is kept is replaced by who knew it, and by nobody else",
  () =>
    withNats((server) =>
      withTwo(server, async (one, other) => {
        assertEquals(await one.read("lead"), undefined);
        const first = await one.keep("lead", bytes("1"), 0);
        assertEquals(await other.keep("lead", bytes("2"), 0), undefined);
        const there = (await other.read("lead"))!;
        assertEquals([textOf(there.data), there.revision], ["1", first]);
        const second = await other.keep("lead", bytes("2"), there.revision);
        assert(second! > first!);
        assertEquals(await one.keep("lead", bytes("3"), there.revision), undefined);
        assert(await one.keep("lead", bytes("4")) !== undefined);
        assertEquals(textOf((await other.read("lead"))!.data), "4");
        await one.drop("lead");
        assertEquals(await other.read("lead"), undefined);
        assert(await other.keep("lead", bytes("5"), 0) !== undefined);
      })
    ),
);

natsTest(
  "a file is stored once and read part by part",
  () =>
    withNats((server) =>
      withTwo(server, async (one, other) => {
        const data = filled(1_500_001, 2);
        const read = async (name: string) => {
          const content = await other.load(name);
          return content === undefined
            ? undefined
            : new Uint8Array(await new Response(content).bytes());
        };
        assertEquals(await read("a/b c"), undefined);
        await one.store("a/b c", file(data));
        assertEquals(await read("a/b c"), data);
        await other.store("a/b c", file(filled(3, 3)));
        assertEquals(await read("a/b c"), data);
        await one.store("empty", file(new Uint8Array(0)));
        assertEquals(await read("empty"), new Uint8Array(0));
        await one.remove("a/b c");
        assertEquals(await read("a/b c"), undefined);
        await one.remove("a/b c");
        const broken = new ReadableStream<Uint8Array>({
          pull(controller) {
            controller.enqueue(filled(600_000, 4));
            controller.error(new Error("disk"));
          },
        });
        await assertRejects(() => one.store("broken", broken), Error, "disk");
        assertEquals(await read("broken"), undefined);
      })
    ),
);

/** Members whose link to the server can be cut. */
async function withCut(
  use: (proxy: TcpProxy, leader: FleetBus, agent: FleetBus, changes: boolean[]) => Promise<void>,
): Promise<void> {
  await withNats(async (server) => {
    const proxy = openProxy(server.port);
    const servers = `nats://127.0.0.1:${proxy.port}`;
    try {
      await withTwo(server, async (leader, agent) => {
        const changes: boolean[] = [];
        agent.onChange((connected) => changes.push(connected));
        await use(proxy, leader, agent, changes);
      }, { servers, pingMs: 100 });
    } finally {
      await proxy.end();
    }
  });
}

for (const kind of ["closed", "silent"] as const) {
  natsTest(
    `a network that is ${kind} for a while loses nothing that is delivered`,
    () =>
      withCut(async (proxy, leader, agent, changes) => {
        const got: string[] = [];
        const told: string[] = [];
        const back: string[] = [];
        const listening = [
          await leader.receive("r.end.*", ({ subject, data }) => {
            got.push(`${subject} ${data.length}`);
          }),
          await agent.receive("r.plan", ({ data }) => back.push(textOf(data)!)),
        ];
        leader.subscribe("r.update", ({ data }) => told.push(textOf(data)!));
        agent.subscribe("r.beat", ({ respond }) => respond(bytes("heard")));
        await settled(leader);
        await agent.deliver("r.end.1", bytes("x"), { id: "1", signal: never });
        agent.publish("r.update", bytes("before"));
        await until(() => got.length === 1 && told.length === 1, "both messages");
        if (kind === "closed") proxy.close();
        else proxy.silence();
        const waiting = agent.deliver("r.end.2", filled(2_500_000, 1), { id: "2", signal: never });
        const storing = agent.store("file", file(filled(2_000_000, 2)));
        await until(() => !agent.connected(), "cut off");
        agent.publish("r.update", bytes("meanwhile"));
        assertEquals(await agent.request("r.any", bytes(""), { timeoutMs: 20 }), undefined);
        await leader.deliver("r.plan", bytes("plan"), { id: "1", signal: never });
        const stopped = new AbortController();
        const given = agent.deliver("r.end.3", bytes(""), { id: "3", signal: stopped.signal });
        stopped.abort();
        await assertRejects(() => given, Error, "did not answer");
        proxy.heal();
        await waiting;
        await storing;
        await until(() => got.length === 2 && back.length === 1, "what was delivered");
        assertEquals(got, ["r.end.1 1", "r.end.2 2500000"]);
        assertEquals(back, ["plan"]);
        assertEquals(changes, [false, true]);
        agent.publish("r.update", bytes("after"));
        await until(() => told.includes("after"), "an update");
        assertEquals(
          textOf(await leader.request("r.beat", bytes(""), { timeoutMs: 9000 })),
          "heard",
        );
        const stored = await leader.load("file");
        assertEquals((await new Response(stored).bytes()).length, 2_000_000);
        for (const one of listening) one.close();
      }),
  );
}

natsTest(
  "a server that is restarted with its store, and one without, is used again",
  () =>
    inTempFolder(async (folder) => {
      await holdNats();
      let server = await startNatsServer({ store: `${folder}/store` });
      const { port } = server;
      try {
        await withTwo(server, async (leader, agent) => {
          const got: string[] = [];
          const listening = await leader.receive("r.end.*", ({ subject }) => got.push(subject));
          await agent.deliver("r.end.1", bytes("1"), { id: "1", signal: never });
          await leader.keep("lead", bytes("me"));
          await until(() => got.length === 1, "the first");
          await server.stop();
          assertMatch(await server.ended, /^(ended|was ended)/);
          await until(() => !leader.connected() && !agent.connected(), "cut off");
          const second = agent.deliver("r.end.2", bytes("2"), { id: "2", signal: never });
          server = await startNatsServer({ store: `${folder}/store`, port });
          await second;
          await until(() => got.length === 2, "the second");
          assertEquals(textOf((await agent.read("lead"))?.data), "me");
          await server.stop();
          server = await startNatsServer({ port });
          await agent.deliver("r.end.3", bytes("3"), { id: "3", signal: never });
          await until(() => got.length === 3, "the third");
          assertEquals(got, ["r.end.1", "r.end.2", "r.end.3"]);
          assertEquals(await agent.read("lead"), undefined);
          assert(await leader.keep("lead", bytes("me"), 0) !== undefined);
          listening.close();
        });
      } finally {
        await server.stop();
      }
    }),
);

natsTest(
  "credentials are bound to a fleet: others can neither read nor answer its plans",
  () =>
    inTempFolder(async (folder) => {
      const config = await Deno.readTextFile(new URL("fixtures/nats_fleets.conf", import.meta.url));
      const alpha = config.slice(config.indexOf("accounts {"))
        .replace("$LEADER_PASSWORD", "leader-1234").replace("$AGENT_PASSWORD", "agent-1234");
      const [, users = ""] = /users: \[\n([^]*)\n {4}\]\n/.exec(alpha)!;
      const beta = users.replaceAll("alpha", "beta");
      const both = alpha.replace(users, `${users}\n${beta}`);
      await withNats(async (server) => {
        const as = (user: string, fleet: string) =>
          connectBus(options(server.url, { fleet, user, password: `${user.split("-")[1]}-1234` }));
        // An agent that comes first waits for the streams, which its leader makes.
        const agent = await as("alpha-agent", "alpha");
        const early = agent.deliver("r.end.1", filled(1_200_000, 1), { id: "1", signal: never });
        const leader = await as("alpha-leader", "alpha");
        leader.subscribe("hello", ({ respond }) => respond(bytes("plan")));
        await settled(leader);
        const ask = () => agent.request("hello", bytes(""), { timeoutMs: 9000 });
        assertEquals(textOf(await ask()), "plan");
        await early;
        const got: string[] = [];
        const listening = await leader.receive("r.end.*", ({ subject }) => got.push(subject));
        await until(() => got.length === 1, "the end");
        await leader.keep("lead", bytes("me"), 0);
        await leader.store("data", file(filled(700_000, 2)));
        assertEquals((await new Response(await agent.load("data")).bytes()).length, 700_000);
        await agent.store("records", file(filled(10, 3)));
        assertEquals((await new Response(await leader.load("records")).bytes()).length, 10);
        await leader.remove("data");
        await leader.drop("lead");
        await leader.forget("r.>");
        listening.close();
        // Another fleet's credentials.
        for (const user of ["beta-leader", "beta-agent"]) {
          await assertRejects(() => as(user, "alpha"), UserError, "do not permit");
        }
        const beta = await as("beta-leader", "beta");
        assertEquals(await beta.request("hello", bytes(""), { timeoutMs: 200 }), undefined);
        // The same connection with subjects of the other fleet.
        const { connect } = await loadNats();
        const stranger = await connect({
          servers: [server.url],
          authenticator: (await loadNats()).usernamePasswordAuthenticator(
            "beta-agent",
            "agent-1234",
          ),
          ...{ name: "x", inboxPrefix: "tokometer.beta._inbox", reconnect: false },
          ...{ maxReconnectAttempts: 0, reconnectTimeWait: 1, reconnectJitter: 1, timeout: 5000 },
          ...{ pingInterval: 5000, maxPingOut: 2, ignoreAuthErrorAbort: true, noAsyncTraces: true },
        });
        const read: string[] = [];
        const errors: string[] = [];
        for (const subject of ["tokometer.alpha.>", ">", "_INBOX.>"]) {
          stranger.subscribe(subject, {
            callback: (error, message) => {
              if (error === null) read.push(message.subject);
              else errors.push(error.name);
            },
          });
        }
        stranger.publish("tokometer.alpha.r.beat", bytes("forged"));
        const beats: string[] = [];
        agent.subscribe("r.beat", ({ data }) => beats.push(textOf(data)!));
        for (
          const subject of [
            "tokometer.alpha.hello",
            "$JS.API.STREAM.INFO.tokometer_alpha",
            "$JS.API.STREAM.CREATE.tokometer_beta",
            "$JS.API.STREAM.MSG.GET.tokometer_alpha",
            "$JS.API.DIRECT.GET.tokometer_alpha",
            "$JS.API.DIRECT.GET.KV_tokometer_alpha.$KV.tokometer_alpha.lead",
            "$JS.API.CONSUMER.CREATE.tokometer_alpha",
          ]
        ) {
          await assertRejects(
            () => stranger.request(subject, bytes("{}"), { timeout: 5000 }),
            Error,
            "Permissions Violation",
            subject,
          );
        }
        assertEquals(textOf(await ask()), "plan");
        leader.publish("r.beat", bytes("true"));
        await until(() => beats.length > 0, "the leader's beat");
        assertEquals(beats, ["true"]);
        assertEquals(read, []);
        assertEquals(errors, Array(3).fill("PermissionViolationError"));
        await stranger.close();
        for (const bus of [agent, leader, beta]) await bus.close();
      }, { config: both, store: folder });
    }),
);

natsTest(
  "what a server refuses is said: no server, no JetStream, a wrong token, a strange name",
  async () => {
    const token = "s3cret-of-a-fleet";
    await withNats(async (server) => {
      const wrong = await assertRejects(
        () => connectBus(options(server.url, { token: "wrong-t0ken" })),
        UserError,
        "Cannot log in",
      );
      assertEquals(wrong.exitCode, 3);
      await assertRejects(() => connectBus(options(server.url)), UserError, "Cannot log in");
      const url = server.url.replace("nats://", `nats://${token}@`);
      const bus = await connectBus(options(url));
      assertEquals(bus.shown, server.url);
      await bus.close();
    }, { token });
    await assertRejects(() => connectBus(options("nats://127.0.0.1:1")), UserError, "Cannot reach");
    for (const servers of ["", "http://a:1", "nats://a b", "ws://a:1,nats://b:2"]) {
      await assertRejects(() => connectBus(options(servers)), UserError);
    }
    await assertRejects(() => connectBus(options("a", { fleet: "a.b" })), UserError, "a.b");
    await withNats(async (server) => {
      await assertRejects(() => connectBus(options(server.url)), UserError, "no JetStream");
    }, { jetStream: false });
  },
);

natsTest(
  "connectBus waits for a server that is not there yet, and no longer than it is told",
  async () => {
    await holdNats();
    const first = await startNatsServer();
    const { port, url } = first;
    await first.stop();
    const coming = connectBus(options(url, { waitMs: 600_000 }));
    const server = await startNatsServer({ port });
    await (await coming).close();
    await server.stop();
    const left = new AbortController();
    const waiting = connectBus(options(url, { waitMs: 600_000, signal: left.signal }));
    left.abort();
    await assertRejects(() => waiting, UserError, "Cannot reach");
  },
);

natsTest(
  "nkeys, files of credentials and authorities are read from files",
  () =>
    inTempFolder(async (folder) => {
      await holdNats();
      const { nkeys } = await loadNats() as unknown as {
        readonly nkeys: {
          createUser(): { getPublicKey(): string; getSeed(): Uint8Array };
        };
      };
      const user = nkeys.createUser();
      const seed = new TextDecoder().decode(user.getSeed());
      await Deno.writeTextFile(`${folder}/seed.nk`, `# mine\n${seed}\n`);
      await Deno.writeTextFile(`${folder}/none.nk`, "nothing\n");
      const certificates = await makeCertificates();
      let tls = "";
      if (certificates !== undefined) {
        for (const name of ["ca", "otherCa", "cert", "key"] as const) {
          await Deno.writeTextFile(`${folder}/${name}.pem`, certificates[name]);
        }
        tls = `tls { cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem" }`;
      }
      const config = `${tls}\nauthorization { users: [ { nkey: ${user.getPublicKey()} } ] }`;
      await withNats(async ({ url: plain }) => {
        const url = tls === ""
          ? plain
          : plain.replace("nats:", "tls:").replace("127.0.0.1", "localhost");
        const ca = tls === "" ? {} : { caCert: `${folder}/ca.pem` };
        const bus = await connectBus(options(url, { ...ca, nkeyFile: `${folder}/seed.nk` }));
        await bus.keep("lead", bytes("me"));
        await bus.close();
        const refused = async (more: Partial<BusOptions>, words: string) =>
          void await assertRejects(() => connectBus(options(url, more)), UserError, words);
        await refused(ca, "Cannot log in");
        await refused({ ...ca, nkeyFile: `${folder}/none.nk` }, "no seed of an nkey");
        await refused({ ...ca, nkeyFile: `${folder}/absent.nk` }, "absent.nk");
        await refused({ ...ca, credsFile: `${folder}/seed.nk` }, "no file of credentials");
        if (tls === "") return;
        const nkeyFile = `${folder}/seed.nk`;
        await refused({ nkeyFile }, "Cannot reach");
        await refused({ nkeyFile, caCert: `${folder}/otherCa.pem` }, "Cannot reach");
        await refused({ nkeyFile, caCert: `${folder}/none.pem` }, "none.pem");
      }, { config });
      // Who asks for TLS is not connected without it.
      await withNats(async ({ url }) => {
        const error = await assertRejects(() => connectBus(options(url.replace("nats:", "tls:"))));
        assertMatch((error as Error).message, /tls/i);
      });
    }),
);
