/** The script that `tokometer fleet ssh` prints, run by bash with an ssh whose hosts are this machine. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { SshStart } from "../workloads/fleet_start.ts";
import { renderFleetStart } from "../workloads/fleet_start_texts.ts";
import { type Call, fileIn, runWithFakes } from "./support/fleet_start_fakes.ts";
import { inTempFolder } from "./support/run_cli.ts";

/** Words that a shell, ssh and a second shell would change, each in its own way. */
const HARD = [
  "http://x:8000/v1?a=b&c",
  "--system-prompt",
  `it's "$HOME" \`id\` $(id) * \\ ~\n!1 ä`,
];

function plan(folder: string, change: Partial<SshStart> = {}): SshStart {
  return {
    way: "ssh",
    name: "trial",
    agents: change.hosts?.length ?? 2,
    bench: HARD,
    hosts: ["one", "root@two"],
    program: ["tokometer"],
    here: ["tokometer"],
    sshOptions: [],
    port: 24_222,
    folder,
    out: `${folder}/out`,
    ...change,
  };
}

function callsOf(calls: readonly Call[], command: string): readonly Call[] {
  return calls.filter(({ program, args }) => program === "tokometer" && args[0] === command);
}

/** Folders that agents had on their hosts. */
function leftIn(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.startsWith("tokometer-"));
}

Deno.test("ssh: agents are started with what they need, and everything is taken away", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(plan(folder));
    const { code, err, calls } = await runWithFakes(start, folder);
    assertEquals(code, 5, err);
    const [leader] = callsOf(calls, "bench");
    const nats = leader!.args[leader!.args.indexOf("--nats-listen") + 1]!;
    assertMatch(nats, /^127\.0\.0\.1:\d+$/);
    assertEquals(
      leader!.args,
      ["bench", "--fleet", "trial", "--agents", "2", "--nats", "embedded", "--nats-listen", nats]
        .concat(HARD),
    );
    assertMatch(leader!.token, /^[0-9a-f]{48}$/);
    const agents = callsOf(calls, "agent").toSorted((a, b) => a.args[4]! < b.args[4]! ? -1 : 1);
    const port = Number(nats.split(":")[1]);
    assertEquals(
      agents.map(({ args }) => args),
      [0, 1].map((rank) =>
        ["agent", "--fleet", "trial", "--rank", `${rank}`]
          .concat("--nats", `nats://127.0.0.1:${port + 1 + rank}`)
          .concat("--wait", "900", "--out", "results")
      ),
    );
    assertEquals(agents.map(({ token }) => token), [leader!.token, leader!.token]);
    // Their messages go through the connection, and no list of processes has what they share.
    const started = calls.filter(({ args }) => args.includes("-R"));
    assertEquals(
      started.map(({ args }) => args[args.indexOf("-R") + 1]).toSorted(),
      [0, 1].map((rank) => `127.0.0.1:${port + 1 + rank}:${nats}`),
    );
    assert(calls.every(({ args }) => !args.join().includes(leader!.token)));
    assertEquals(leftIn(folder), []);
  });
});

Deno.test("ssh: the executable is copied, and what agents wrote is brought", async () => {
  await inTempFolder(async (folder) => {
    const copy = `${folder}/it's an executable`;
    const agent =
      'mkdir results; echo "$0" >results/name; while [ ! -e "$FAKES/over" ]; do sleep 0.05; done';
    await Deno.writeTextFile(copy, `#!/bin/sh\n${agent}\n`);
    const { start } = renderFleetStart(plan(folder, { copy }));
    const { code, err } = await runWithFakes(start, folder);
    assertEquals(code, 5, err);
    for (const number of [0, 1]) {
      assertEquals(await Deno.readTextFile(`${folder}/out/agent-${number}/name`), "./tokometer\n");
    }
    assertEquals(leftIn(folder), []);
  });
});

Deno.test("ssh: a host that cannot be reached is named, and nothing starts", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(plan(folder, { hosts: ["one", "dead", "three"] }));
    const { code, err, calls } = await runWithFakes(start, folder);
    assertEquals(code, 3);
    assertStringIncludes(err, "Connection refused");
    assertStringIncludes(err, "dead: cannot be prepared");
    assertEquals(calls.filter(({ program }) => program === "tokometer"), []);
    assertEquals(leftIn(folder), []);
  });
});

Deno.test("ssh: an agent that ends early is named while the run goes on", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(plan(folder, { hosts: ["one"] }));
    const { code, err } = await runWithFakes(start, folder, {
      agent: "echo no such option; exit 2",
      lead: "sleep 1; exit 6",
    });
    assertEquals(code, 6);
    assertMatch(err, /one: its agent ended with exit code 2; see .*\/out\/agent-0\.log/);
    assertEquals(await Deno.readTextFile(`${folder}/out/agent-0.log`), "no such option\n");
  });
});

Deno.test("ssh: a signal goes to the leader, whose report and exit code still come", async () => {
  await inTempFolder(async (folder) => {
    const { start } = renderFleetStart(plan(folder));
    const { code, err, out } = await runWithFakes(start, folder, {
      // As the program does, which a shell in the background could not: it takes SIGINT again.
      lead: `exec perl -e '
        $SIG{INT} = sub { print "report\\n"; open(F, ">$ENV{FAKES}/over"); exit 130 };
        open(F, ">$ENV{FAKES}/listens"); sleep 60'`,
      async meanwhile(script, folder) {
        await fileIn(`${folder}/listens`);
        script.kill("SIGTERM");
      },
    });
    assertEquals([code, out], [130, "report\n"], err);
    assertEquals(leftIn(folder), []);
  });
});

Deno.test("ssh: agents that nobody led are ended, also by --down after a leader that was killed", async () => {
  await inTempFolder(async (folder) => {
    const { start, down } = renderFleetStart(plan(folder));
    const killed = await runWithFakes(start, folder, {
      lead: "exec sleep 60",
      async meanwhile(script, folder) {
        await fileIn(`${folder}/leads`);
        while (leftIn(folder).length < 2) await fileIn(folder);
        for (const name of leftIn(folder)) await fileIn(`${folder}/${name}/pid`);
        script.kill("SIGKILL");
        // What it started holds its outputs: the processes of the leader's group, by their folder.
        for (const pid of childrenIn(folder, "sleep")) Deno.kill(pid, "SIGKILL");
        await Deno.remove(`${folder}/bin`, { recursive: true });
        const ended = await runWithFakes(down, folder);
        assertEquals([ended.code, ended.err], [0, ""]);
      },
    });
    assertEquals(killed.code, 137);
    assertEquals(leftIn(folder), []);
    await fileIn(`${folder}/agent-told`);
  });
});

/** Processes of that program that have this folder as theirs. */
function childrenIn(folder: string, program: string): readonly number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
    try {
      return pid > 0 && Deno.readLinkSync(`/proc/${pid}/cwd`) === folder &&
        Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === program;
    } catch {
      return false;
    }
  });
}
