/**
 * The lines with which docs/several-machines.md begins run as they stand, on a smaller load: two agents, a
 * leader, and the NATS server that it starts.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { fleetIsBroken } from "../metrics/summary_fleet.ts";
import { holdNats, natsTest } from "./support/nats.ts";
import { pageCommands } from "./support/page_commands.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { readPage } from "./tools/docs.ts";

natsTest("the first example of docs/several-machines.md", async () => {
  await holdNats();
  const [simulate, ...others] = pageCommands(await readPage("docs/several-machines.md")).slice(
    0,
    4,
  );
  assertEquals(simulate!.words[0], "simulate");
  const port = freePort();
  const server = await startSimServer({ ttft: "20", itl: "2" });
  try {
    await inTempFolder(async (folder) => {
      const runs = others.map(({ words }, i) =>
        runCli([
          ...words.map((word) =>
            word.replace(/:4222$/, `:${port}`).replace("http://127.0.0.1:8000", server.url)
              .replace(/^10$/, "1.5")
          ),
          ...["--out", `${folder}/${i}`],
        ])
      );
      const [one, two, leader] = await Promise.all(runs);
      assertEquals([one!.code, two!.code, leader!.code], [0, 0, 0], `${leader!.err}${one!.err}`);
      assertStringIncludes(leader!.out, "fleet try: 2 agents on ");
      const report = JSON.parse(await Deno.readTextFile(`${folder}/2/report.json`));
      const [load] = report.loads;
      assertEquals([load.fleet.asAsked, load.fleet.lost, fleetIsBroken(report)], [true, 0, false]);
      const sent = load.fleet.agents.map(({ sent }: { readonly sent: number }) => sent);
      assertEquals(sent[0] + sent[1], load.counts.offered);
      // Departures are dealt one by one.
      assertEquals(Math.abs(sent[0] - sent[1]) <= 1, true, `${sent}`);
    });
  } finally {
    await server.stop();
  }
});

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
