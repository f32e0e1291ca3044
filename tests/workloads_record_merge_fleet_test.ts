import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { defined } from "../backends/defined.ts";
import { createRandom } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import { reportJson } from "../metrics/report_json.ts";
import type { Run, RunHeader } from "../metrics/run.ts";
import {
  type Accumulator,
  createAccumulator,
  summarize,
  type Summary,
} from "../metrics/summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { mergeRecordFiles } from "../workloads/record_merge.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { UserError } from "../workloads/user_error.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { writeParts } from "./support/write_parts.ts";

const EPOCH = 1_790_000_000_000;
const MACHINE = { version: "0.1.0", transport: "fetch", workers: 1 };

/** Requests as one machine would have recorded them, of a schedule. */
function schedule(): Run {
  const random = createRandom(7, "parts");
  const us = (ms: number) => Math.round(ms * 1000) / 1000;
  const records = Array.from({ length: 400 }, (_, index): RequestRecord => {
    const intendedMs = us(index * 12.5);
    const sentMs = us(intendedMs + random.next());
    if (index % 50 === 13) return createFailure("http_error", { index, intendedMs, sentMs });
    let ms = sentMs + 30 + 20 * random.next();
    const ticks = Array.from({ length: 12 }, (_, i): [number, number] => {
      ms += 4 + 100 * random.next() ** 8;
      return [us(ms), i + 1];
    });
    return createRecord({ index, user: index % 4, intendedMs, sentMs, ticks, endMs: us(ms + 1) });
  });
  return createRun(records, {
    loads: [{ label: "80 req/s", kind: "open", ratePerSec: 80, stopRequests: 400 }],
    ends: [{ startedAtMs: EPOCH }],
  });
}

async function merged(
  paths: readonly string[],
  values: "raw" | "histogram" = "histogram",
): Promise<{ header: RunHeader; summary: Summary; records: RequestRecord[] }> {
  let accumulator: Accumulator | undefined;
  let header: RunHeader | undefined;
  const records: RequestRecord[] = [];
  for await (const entry of mergeRecordFiles(paths)) {
    if (entry.header !== undefined) {
      header = entry.header;
      accumulator = createAccumulator(header, { values });
    }
    if (entry.record !== undefined) {
      records.push(entry.record);
      accumulator!.add(entry.record);
    }
    if (entry.session !== undefined) accumulator!.session(entry.session);
    if (entry.end !== undefined) accumulator!.end(entry.end);
  }
  return { header: header!, summary: accumulator!.summary(), records };
}

/** What one machine would have found, with values over time as coarse as a fleet keeps them. */
function asOne(run: Run, { header: { fleet } }: Summary, values: "raw" | "histogram"): unknown {
  return results(
    summarize({ ...run, header: { ...run.header, ...defined({ fleet }) } }, { values }),
  );
}

/** All of a load's report but what tells of its machines. */
function results(summary: Summary): unknown {
  const { fleet: _, client: _client, checks, ...rest } =
    JSON.parse(reportJson.render(summary)).loads[0];
  const own = checks.filter(({ name }: { name: string }) => !name.startsWith("fleet"));
  return { ...rest, checks: own };
}

for (const values of ["histogram", "raw"] as const) {
  Deno.test(`the parts of a fleet's run are that run, ${values}: numbers, users, sessions and results`, () =>
    inTempFolder(async (folder) => {
      const whole = schedule();
      for (const agents of [2, 3]) {
        const paths = await writeParts(`${folder}/${agents}`, whole, {
          agents,
          // Each ends sending with its own last request, and reads its own machine's clock.
          endOf: (agent, end) => ({
            ...end,
            startedAtMs: EPOCH + 3000 * agent,
            sendingEndMs: whole.records.findLast(({ index }) => index % agents === agent)!.sentMs!,
          }),
        });
        const { header, summary, records } = await merged(paths.toReversed(), values);
        assertEquals(results(summary), asOne(whole, summary, values));
        assertEquals(new Set(records.map(({ index }) => index)).size, 400);
        assertEquals(header.loads, whole.header.loads);
        assertEquals([header.part, header.merged], [undefined, undefined]);
        assertEquals(
          summary.loads[0]!.fleet?.agents.map(({ sent, hostname }) => [sent, hostname]),
          [
            ...Array.from({ length: agents }, (_, agent) => [
              whole.records.filter(({ index }) => index % agents === agent).length,
              `node-${agent}`,
            ]),
          ],
        );
        assert(summary.loads[0]!.fleet?.asAsked);
      }
      const sessions = createSessionsRun();
      const parts = await writeParts(`${folder}/sessions`, sessions, {
        ...{ agents: 3, agentOf: ({ user }) => user % 3 },
      });
      const { summary } = await merged(parts, values);
      const one = await writeParts(`${folder}/one`, sessions, {
        ...{ agents: 1, agentOf: () => 0, header: () => ({}) },
      });
      assertEquals(
        results(summary),
        asOne(await readRecordFile(one[0]!), summary, values),
      );
    }));
}

Deno.test("a part that is missing is lost, with its leader's file and without", () =>
  inTempFolder(async (folder) => {
    const whole = schedule();
    await Deno.mkdir(`${folder}/run`);
    const paths = await writeParts(`${folder}/run/agents`, whole, { agents: 3 });
    const { summary } = await merged([paths[0]!, paths[2]!]);
    const { fleet, counts } = summary.loads[0]!;
    assertEquals([counts.offered, fleet!.asAsked], [267, false]);
    assertEquals(fleet!.agents.map(({ lost }) => lost?.reason), [
      undefined,
      "nothing was heard of it",
      undefined,
    ]);

    // The leader knows what its agents sent, by their numbers; its file has no requests.
    const agents = [0, 1, 2].map((agent) => ({ ...MACHINE, hostname: `n${agent}` }));
    const header = { ...whole.header, fleet: { name: "f", run: "run-1", agents } };
    const leader = `${folder}/run/records.jsonl`;
    const writer = startRecordFile(await openRecordFile(leader), header);
    const clock = { offsetMs: 3000, uncertaintyMs: 0.2, samples: 9 };
    const part = { completed: 1, failed: 0, outputTokens: 1, lateMs: 0, clock };
    writer.end({
      ...whole.ends[0]!,
      fleet: { parts: [0, 1, 2].map((agent) => ({ ...part, agent, sent: 133 })) },
    });
    await writer.close();
    await Deno.remove(`${folder}/run/agents/1`, { recursive: true });
    // A folder of parts is one run, with what its leader knows.
    const report = await runCli(["report", `${folder}/run/agents`, "--format", "json"]);
    const { loads: [load] } = JSON.parse(report.out);
    assertEquals(load.fleet.agents.map((one: { hostname: string }) => one.hostname), [
      ...["n0", "n1", "n2"],
    ]);
    assertEquals(load.fleet.agents[1].lost.reason, "its record file is not here");
    assertEquals(load.fleet.agents[0].clock.offsetMs, 3000);
    assertEquals(load.counts.offered, 267);
    const vllm = await runCli(["report", `${folder}/run/agents`, "--as", "vllm"]);
    assertEquals(vllm.code, 0, vllm.err);
    // Without requests there are no figures of other tools.
    const alone = await runCli(["report", `${folder}/run`, "--as", "vllm"]);
    assertEquals(alone.code, 2);
    assertStringIncludes(alone.err, "name the record files of its agents");
  }));

Deno.test("a lost agent stays lost as its leader saw it, and counts where its own file is there", () =>
  inTempFolder(async (folder) => {
    const whole = schedule();
    const paths = await writeParts(`${folder}/agents`, whole, {
      ...{ agents: 2, endOf: (agent, end) => agent === 1 ? undefined : end },
    });
    const leader = `${folder}/records.jsonl`;
    const fleet = { name: "f", run: "run-1", agents: [MACHINE, MACHINE] };
    const writer = startRecordFile(await openRecordFile(leader), { ...whole.header, fleet });
    const part = { completed: 3, failed: 0, outputTokens: 9, lateMs: 0 };
    const lost = { atMs: 2837, reason: "nothing was heard of it" };
    writer.end({
      ...whole.ends[0]!,
      fleet: { parts: [{ ...part, agent: 0, sent: 200 }, { ...part, agent: 1, sent: 3, lost }] },
    });
    await writer.close();
    const without = (await merged([leader, paths[0]!])).summary.loads[0]!;
    assertEquals(without.counts.offered, 200);
    assertEquals(without.fleet!.agents[1]!.lost, { ...lost, counted: false });
    const all = (await merged([leader, ...paths])).summary.loads[0]!;
    assertEquals(all.counts.offered, 400);
    const { sent, completed, failed, lost: known } = all.fleet!.agents[1]!;
    assertEquals([sent, completed, failed], [200, 192, 8]);
    assertEquals(known, { ...lost, counted: true });
  }));

Deno.test("an agent that was killed is told by its file, and so is one without users", () =>
  inTempFolder(async (folder) => {
    const whole = createRun(
      [0, 1, 2, 3].map((index) =>
        createRecord({ index, user: index % 2, sentMs: 10 + index * 40 })
      ),
      { loads: [{ label: "2 users", users: 2 }], ends: [{ sendingEndMs: 90, startedAtMs: EPOCH }] },
    );
    const idle = { durationMs: 0, sendingEndMs: 0 };
    const fields = { agents: 3, agentOf: ({ user }: { user: number }) => user };
    const paths = await writeParts(`${folder}/a`, whole, {
      ...fields,
      endOf: (agent, end) => agent === 1 ? undefined : agent === 2 ? { ...end, ...idle } : end,
    });
    const { summary } = await merged(paths);
    const [load] = summary.loads;
    assertEquals(load!.fleet?.agents.map(({ sent, lost }) => [sent, lost?.reason]), [
      [2, undefined],
      [2, "its record file has no end"],
      [0, undefined],
    ]);
    // The agent without users does not end the others' steady window.
    assertEquals(load!.complete, false);
    const well = await merged(
      await writeParts(`${folder}/b`, whole, {
        ...fields,
        endOf: (agent, end) => agent === 2 ? { ...end, ...idle } : end,
      }),
    );
    assertEquals(results(well.summary), asOne(whole, well.summary, "histogram"));
  }));

Deno.test("files that are not the parts of one run are refused, in a sentence", () =>
  inTempFolder(async (folder) => {
    const whole = schedule();
    const first = await writeParts(`${folder}/a`, whole, { agents: 2 });
    const other = await writeParts(`${folder}/b`, whole, {
      agents: 2,
      header: (agent) => ({ part: { fleet: "f", run: "run-2", agent, agents: 2 } }),
    });
    const single = await writeParts(`${folder}/c`, whole, {
      ...{ agents: 1, header: () => ({}) },
    });
    const agents = [MACHINE, MACHINE];
    const leader = await writeParts(`${folder}/d`, whole, {
      ...{ agents: 1, agentOf: () => 1 },
      header: () => ({ fleet: { name: "f", run: "run-1", agents } }),
    });
    for (
      const [paths, message] of [
        [[first[0], other[1]], "they are of different runs of a fleet"],
        [[first[0], first[0]], "both are of agent 0 and count once"],
        [[first[0], single[0]], "one is of a fleet's run and the other is not"],
        [[single[0], first[0]], "one is of a fleet's run and the other is not"],
        [[leader[0], single[0]], "one is of a fleet's run and the other is not"],
        [[leader[0], leader[0]], "both are the leader's of one run"],
      ] as const
    ) {
      const error = await assertRejects(() => merged(paths.map((path) => path!)), UserError);
      assertStringIncludes(error.message, message);
    }
    const aligned = await runCli(["report", ...first, "--align", "wall"]);
    assertStringIncludes(aligned.err, "its agents began each load at a common instant");
  }));
