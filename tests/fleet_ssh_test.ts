/** The script that `tokometer fleet ssh` prints, with OpenSSH on loopback. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderFleetStart } from "../workloads/fleet_start_texts.ts";
import { runWithFakes } from "./support/fleet_start_fakes.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { hasSshd, startSshd } from "./support/sshd.ts";

/** A line goes through the port that ssh brought to the host, to where the leader listens. */
const HEAR = `exec perl -MIO::Socket::INET -e '
  alarm 30;
  my $port = (grep { /^127\\.0\\.0\\.1:\\d+$/ } @ARGV)[0];
  my $server = IO::Socket::INET->new(LocalAddr => $port, Listen => 9, ReuseAddr => 1) or die $!;
  for (1, 2) { my $one = $server->accept; print scalar <$one>; }
  $| = 1; open(F, ">$ENV{FAKES}/over"); exit 5' -- "$@"`;
const SAY = `#!/usr/bin/perl
use IO::Socket::INET;
my ($port) = map { m{^nats://(127\\.0\\.0\\.1:\\d+)$} ? $1 : () } @ARGV;
for (1 .. 200) {
  last if $leader = IO::Socket::INET->new(PeerAddr => $port) and print $leader "agent $ARGV[4]\\n";
  select(undef, undef, undef, 0.05);
}
mkdir "results"; open(F, ">results/record"); print F "of agent $ARGV[4]\\n";
`;

Deno.test({
  name: "ssh: two agents on hosts of OpenSSH are copied, reach the leader, and leave nothing",
  ignore: !hasSshd(),
  async fn() {
    await inTempFolder(async (folder) => {
      await Deno.mkdir(`${folder}/sshd`);
      await using sshd = await startSshd(`${folder}/sshd`);
      const copy = `${folder}/executable`;
      await Deno.writeTextFile(copy, SAY);
      const { start } = renderFleetStart({
        way: "ssh",
        name: "trial",
        agents: 2,
        bench: ["http://x:8000"],
        hosts: [`${sshd.user}@127.0.0.1`, "127.0.0.1"],
        program: [],
        copy,
        here: ["tokometer"],
        sshOptions: sshd.options,
        port: 24_722,
        folder,
        out: `${folder}/out`,
      });
      // The fakes without their ssh, which is OpenSSH's here.
      const { code, out, err } = await runWithFakes(start, folder, {
        lead: HEAR,
        programs: { ssh: 'exec /usr/bin/ssh "$@"' },
      });
      assertEquals(code, 5, err);
      assertEquals(out.split("\n").toSorted().join(" "), " agent 0 agent 1");
      for (const number of [0, 1]) {
        const record = await Deno.readTextFile(`${folder}/out/agent-${number}/record`);
        assertStringIncludes(record, `of agent ${number}`);
      }
      const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
      assert(!left.some((name) => name.startsWith("tokometer-")), left.join());
    });
  },
});
