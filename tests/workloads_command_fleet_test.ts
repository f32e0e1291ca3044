/** `tokometer fleet` as a user writes it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const SLURM = ["fleet", "slurm", "--agents=2", "--program=tokometer", "--"];
const SSH = ["fleet", "ssh", "--hosts=a,b", "--program=tokometer"];
const K8S = ["fleet", "k8s", "--agents=2", "--image=tokometer"];
const LOAD = ["http://x:8000", "--rate=5", "--duration=10"];

async function refused(argv: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(argv);
  assertEquals([code, out], [2, ""], err);
  return err;
}

Deno.test("fleet prints what starts it, with the load as it was given, and runs nothing", async () => {
  const slurm = await runCli([...SLURM, ...LOAD, "--stop", "two words; $HOME"]);
  assertEquals([slurm.code, slurm.err], [0, ""]);
  assertStringIncludes(
    slurm.out,
    "  http://x:8000 --rate=5 --duration=10 --stop 'two words; $HOME' &\n",
  );
  const ssh = await runCli([...SSH, "--", ...LOAD]);
  assertEquals([ssh.code, ssh.err], [0, ""]);
  assertStringIncludes(ssh.out, "hosts=(a b)\n");
  const k8s = await runCli([...K8S, "--", ...LOAD]);
  assertEquals([k8s.code, k8s.err], [0, ""]);
  assertStringIncludes(k8s.out, "kind: Job\n");
  // Another fleet of the same name has another token.
  const token = (text: string) => /\btoken: (\S+)/.exec(text)![1]!;
  const again = await runCli([...K8S, "--", ...LOAD]);
  assert(token(k8s.out) !== token(again.out));
});

Deno.test("fleet --down prints what ends it, without a load", async () => {
  const slurm = await runCli(["fleet", "slurm", "--down", "--name=trial"]);
  assertEquals(slurm, { code: 0, out: "scancel --me --name=trial\n", err: "" });
  const k8s = await runCli(["fleet", "k8s", "--down", "--namespace=llm"]);
  assertMatch(k8s.out, /^kubectl --namespace=llm delete \S+ --selector=\S+=tokometer\n$/);
  const ssh = await runCli(["fleet", "ssh", "--down", "--hosts=a,b"]);
  assertStringIncludes(ssh.out, "each_host end_agent");
});

Deno.test("fleet says what of the load is wrong before anything is started", async () => {
  assertStringIncludes(await refused([...SLURM, "http://x", "--rats=5"]), "did you mean --rate?");
  assertStringIncludes(await refused(SLURM), "give the arguments of bench after --");
  assertStringIncludes(await refused([...SLURM, ...LOAD, "--fleet=a"]), "Cannot use --fleet");
  assertStringIncludes(await refused([...SLURM, ...LOAD, "--agents=4"]), "Cannot use --agents");
  assertStringIncludes(
    await refused([...SLURM, ...LOAD, "--stop", "a\u202eb"]),
    "not seen",
  );
});

Deno.test("fleet writes no secret, but where it is read from", async () => {
  for (
    const secret of [
      ["--api-key=opensesame1"],
      ["--api-key", "opensesame1"],
      ["--header", "Authorization: Bearer opensesame1"],
      ["--header=X-Api-Key: opensesame1"],
      ["--url", "http://user:opensesame1@y:8000"],
      ["--extra-body", '{"api_key": "opensesame1"}'],
    ]
  ) {
    const err = await refused([...SLURM, ...LOAD, ...secret]);
    assertStringIncludes(err, "Cannot write a secret of bench into a script");
    assert(!err.includes("opensesame1"), err);
  }
  const sources = ["--api-key=env:KEY", "--header=X-Key: file:/key", "--header=X-Team: blue team"];
  const { code, out } = await runCli([...SLURM, ...LOAD, ...sources]);
  assertEquals(code, 0);
  assertStringIncludes(out, "--api-key=env:KEY '--header=X-Key: file:/key' '--header=X-Team: blue");
  // A pod has neither the variable nor the file.
  const err = await refused([...K8S, "--", ...LOAD, "--api-key=env:KEY"]);
  assertStringIncludes(err, "--key-secret");
});

Deno.test("fleet refuses what a shell, Slurm or Kubernetes would take for something else", async () => {
  for (const name of ["-x", "A", "a.b", "a b", "a-", "1", "x".repeat(41)]) {
    assertStringIncludes(await refused([...SLURM.slice(0, -1), `--name=${name}`]), "lower-case");
  }
  for (const sbatch of ["a b", "mem=1\n#SBATCH --x", "mem='1'", "mem=$(id)", "--"]) {
    const argv = ["fleet", "slurm", "--agents=2", `--sbatch=${sbatch}`, "--", ...LOAD];
    assertStringIncludes(await refused(argv), "give an option of sbatch");
  }
  for (const host of ["-oProxyCommand=id", "a b", "a;id", "$(id)", "a/b"]) {
    const argv = ["fleet", "ssh", `--hosts=${host}`, "--program=tokometer", "--", ...LOAD];
    assertStringIncludes(await refused(argv), "as ssh takes it");
  }
  const folder = await refused([...SSH, "--host-folder=/tmp/$(id)", "--", ...LOAD]);
  assertStringIncludes(folder, "give a path");
  assertStringIncludes(await refused([...K8S, "--memory=4 gigs", "--", ...LOAD]), "such as 4Gi");
  assertStringIncludes(await refused([...K8S, "--claim=a: b", "--", ...LOAD]), "--claim");
});

Deno.test("fleet says what is missing, and what has no effect", async () => {
  const err = await refused(["fleet", "ssh", "--hosts=a", "--", ...LOAD]);
  assertStringIncludes(err, "Cannot copy this program");
  assertStringIncludes(
    await refused(["fleet", "ssh", "--program=x", "--", ...LOAD]),
    "give --hosts or --host-file",
  );
  assertStringIncludes(await refused(["fleet", "slurm", "--", ...LOAD]), "without --agents");
  assertStringIncludes(await refused(["fleet", "k8s", "--agents=2", "--", ...LOAD]), "--image");
  assertStringIncludes(await refused([...SSH, "--image=x", "--", ...LOAD]), "Cannot use --image");
  const file = await refused([...K8S, "--", ...LOAD, "--dataset=jsonl", "--dataset-path=a.jsonl"]);
  assertStringIncludes(file, "--lead here");
});

Deno.test("fleet takes hosts from a file", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/hosts`;
    await Deno.writeTextFile(path, "# rack 1\nroot@a:22 \n\n  [fe80::1%eth0] # six\nb.example\n");
    const argv = ["fleet", "ssh", `--host-file=${path}`, "--program=tokometer", "--", ...LOAD];
    const { out, err } = await runCli(argv);
    assertEquals(err, "");
    assertStringIncludes(out, "hosts=(root@a:22 '[fe80::1%eth0]' b.example)\n");
    assertStringIncludes(out, "--agents 3 ");
    assertStringIncludes(
      await refused([...SSH, "--host-file=/none", "--", ...LOAD]),
      "no such file",
    );
  });
});
