/** The manifests that `tokometer fleet k8s` prints, read by another YAML library, and what --run does. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { KubernetesStart } from "../workloads/fleet_start.ts";
import { renderFleetStart } from "../workloads/fleet_start_texts.ts";
import { yamlDocuments, type YamlValue } from "../workloads/fleet_start_yaml.ts";
import { fileIn, runWithFakes } from "./support/fleet_start_fakes.ts";
import { readYaml } from "./support/read_yaml.ts";
import { inTempFolder } from "./support/run_cli.ts";

const HARD = [
  "http://x:8000",
  "--system-prompt",
  `it's "$HOME" $(NATS_TOKEN) $$ * \\ ~\n!1 ä: # no`,
];

const PLAN: KubernetesStart = {
  way: "k8s",
  name: "trial",
  agents: 4,
  bench: HARD,
  image: "registry:5000/tokometer@sha256:00",
  lead: "pod",
  program: ["tokometer"],
  cpus: "2",
  memory: "4Gi",
  token: "0123",
};

// deno-lint-ignore no-explicit-any -- a document of any kind, looked at by names.
type Document = any;

async function documents(plan: KubernetesStart): Promise<readonly Document[]> {
  const { old, now } = await readYaml(renderFleetStart(plan).start);
  assertEquals(old, now);
  return now;
}

function find(all: readonly Document[], kind: string, name: string): Document {
  const found = all.filter(({ kind: one, metadata }) => one === kind && metadata.name === name);
  assertEquals(found.length, 1, `${kind} ${name}`);
  return found[0];
}

Deno.test("yaml: any value is read as what it was", async () => {
  const texts = ["", "no", "~", "1e3", "0x1", "1:20", "a: b", "a #b", " a", "- a", "{a}", "*a", "%"]
    .concat("a\nb", "\ta", '"', "'", "\\", "null", "2026-12-01", "=", "<<", "ä😀", "a".repeat(300));
  const value: YamlValue = {
    texts,
    nested: [{ a: [[1, true], []], "b c": {} }, [], [{ x: "y" }]],
    left: undefined,
    numbers: [0, -1.5, 1e21],
  };
  const { old, now } = await readYaml(yamlDocuments([value, "no"]));
  const { left: _, ...there } = value;
  for (const one of [old, now]) assertEquals(one, [there, "no"]);
});

Deno.test("k8s: an indexed job of agents with a headless service, NATS, and a job that leads", async () => {
  const all = await documents(PLAN);
  assertEquals(all.map(({ kind, metadata }) => `${kind} ${metadata.name}`), [
    "Secret trial-nats",
    "Deployment trial-nats",
    "Service trial-nats",
    "NetworkPolicy trial-nats",
    "Service trial",
    "Job trial-agent",
    "Job trial-leader",
  ]);
  const { spec: job } = find(all, "Job", "trial-agent");
  assertEquals(
    [job.completionMode, job.completions, job.parallelism, job.backoffLimit],
    ["Indexed", 4, 4, 0],
  );
  const pod = job.template.spec;
  const { spec: service } = find(all, "Service", "trial");
  assertEquals([service.clusterIP, pod.subdomain, pod.restartPolicy], ["None", "trial", "Never"]);
  // What selects, selects what is labeled so.
  for (const [owner, template] of [["nats", "Deployment"], ["agent", "Job"], ["leader", "Job"]]) {
    const { spec } = find(all, template!, `trial-${owner}`);
    const { labels } = spec.template.metadata;
    assertEquals(labels["app.kubernetes.io/component"], owner);
    assertEquals(labels["app.kubernetes.io/instance"], "trial");
    if (spec.selector !== undefined) assertEquals(spec.selector.matchLabels, labels);
  }
  const nats = find(all, "Deployment", "trial-nats").spec.template;
  assertEquals(find(all, "Service", "trial-nats").spec.selector, nats.metadata.labels);
  const policy = find(all, "NetworkPolicy", "trial-nats").spec;
  assertEquals(policy.podSelector.matchLabels, nats.metadata.labels);
  const allowed = policy.ingress[0].from[0].podSelector.matchLabels;
  for (const [label, value] of Object.entries(allowed)) {
    assertEquals(job.template.metadata.labels[label], value);
  }
  const [container] = pod.containers;
  assertEquals(
    container.args,
    ["agent", "--fleet", "trial", "--nats", "nats://trial-nats:4222", "--wait", "900"]
      .concat("--out", "/results/$(POD)"),
  );
  assertEquals(container.resources.requests, container.resources.limits);
});

Deno.test("k8s: arguments arrive as they are, though Kubernetes replaces $(NAME)", async () => {
  const [leader] =
    (find(await documents(PLAN), "Job", "trial-leader")).spec.template.spec.containers;
  // As k8s.io/kubernetes/third_party/forked/golang/expansion does.
  const expanded = leader.args.map((arg: string) =>
    arg.replaceAll(/\$(\$|\((\w+)\))/g, (all, what) => what === "$" ? "$" : `replaced ${all}`)
  );
  assertEquals(
    expanded,
    ["bench", "--fleet", "trial", "--agents", "4", "--nats", "nats://trial-nats:4222"].concat(HARD),
  );
});

Deno.test("k8s: pods are not root, write nowhere but to their volumes, and may do nothing", async () => {
  for (const { kind, spec } of await documents(PLAN)) {
    if (kind !== "Job" && kind !== "Deployment") continue;
    const pod = spec.template.spec;
    assertEquals(pod.automountServiceAccountToken, false);
    assertEquals(pod.securityContext.runAsNonRoot, true);
    assertEquals(pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
    for (const { securityContext, volumeMounts, resources } of pod.containers) {
      assertEquals(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      assert(resources.limits.memory !== undefined);
      const volumes = pod.volumes.map(({ name }: { name: string }) => name);
      for (const { name } of volumeMounts) assert(volumes.includes(name), name);
    }
  }
});

Deno.test("k8s: what is secret is in Secrets only", async () => {
  const token = "a-token-that-is-looked-for";
  const all = await documents({ ...PLAN, token, keySecret: "llm/api" });
  const [secret, ...others] = all;
  assertEquals(secret.kind, "Secret");
  assertStringIncludes(secret.stringData["nats.conf"], token);
  assert(!JSON.stringify(others).includes(token));
  const [agent] = find(all, "Job", "trial-agent").spec.template.spec.containers;
  const variable = (name: string) => agent.env.find((one: { name: string }) => one.name === name);
  assertEquals(variable("NATS_TOKEN").valueFrom.secretKeyRef, { name: "trial-nats", key: "token" });
  assertEquals(variable("TOKOMETER_API_KEY").valueFrom.secretKeyRef, { name: "llm", key: "api" });
});

/** kubectl whose leader's pod says and ends as it is told. */
const KUBECTL = `case " $* " in
*" apply "*) cat >"$FAKES/applied" ;;
*" logs "*) touch "$FAKES/follows"; echo report; while [ -e "$FAKES/stays" ] && [ ! -e "$FAKES/over" ]; do sleep 0.05; done ;;
*" exec "*) touch "$FAKES/over" ;;
*" get secret "*) printf %s 0123 | base64 ;;
*" get pods "*) [ ! -e "$FAKES/stays" ] && printf 6 || printf 130 ;;
*" port-forward "*) echo $$ >"$FAKES/forward"; exec sleep 60 ;;
esac
`;

Deno.test("k8s: --run applies, shows the leader's log, and takes everything away", async () => {
  for (const stays of [false, true]) {
    await inTempFolder(async (folder) => {
      if (stays) await Deno.writeTextFile(`${folder}/stays`, "");
      const { run, start } = renderFleetStart({ ...PLAN, namespace: "llm" });
      const { code, out, err, calls } = await runWithFakes(run, folder, {
        programs: { kubectl: KUBECTL },
        async meanwhile(script, folder) {
          await fileIn(`${folder}/follows`);
          // Ctrl-C: the leader is asked to end, in its pod.
          if (stays) script.kill("SIGINT");
        },
      });
      assertEquals([code, out], [stays ? 130 : 6, "report\n"], err);
      assertEquals(await Deno.readTextFile(`${folder}/applied`), start);
      assert(calls.every(({ args }) => args[0] === "--namespace=llm"));
      const deleted = calls.filter(({ args }) => args[1] === "delete").map(({ args }) => args);
      assertEquals(deleted, [[
        ...["--namespace=llm", "delete", "job,deployment,service,secret,networkpolicy"],
        ...["--selector=app.kubernetes.io/instance=trial", "--wait=false"],
      ]]);
      const kinds = new Set((await documents(PLAN)).map(({ kind }) => kind.toLowerCase()));
      assertEquals(new Set(deleted[0]![2]!.split(",")), kinds, "nothing is left");
    });
  }
});

Deno.test("k8s: a leader here reaches the server through kubectl", async () => {
  await inTempFolder(async (folder) => {
    const plan = { ...PLAN, lead: "here" } as const;
    const { run } = renderFleetStart(plan);
    assert(!(await documents(plan)).some(({ metadata }) => metadata.name === "trial-leader"));
    const { code, err, calls } = await runWithFakes(run, folder, {
      programs: { kubectl: KUBECTL },
      lead: 'while [ ! -e "$FAKES/forward" ]; do sleep 0.05; done; exit 5',
    });
    assertEquals(code, 5, err);
    const [leader] = calls.filter(({ program }) => program === "tokometer");
    const nats = leader!.args[6]!;
    assertMatch(nats, /^nats:\/\/127\.0\.0\.1:\d+$/);
    assertEquals(
      leader!.args,
      ["bench", "--fleet", "trial", "--agents", "4", "--nats", nats].concat(HARD),
    );
    assertEquals(leader!.token, "0123");
    const forward = calls.find(({ args }) => args.includes("port-forward"));
    assertEquals(forward!.args.at(-1), `${nats.split(":")[2]}:4222`);
    const pid = (await Deno.readTextFile(`${folder}/forward`)).trim();
    assertEquals(await Deno.stat(`/proc/${pid}`).catch(() => "ended"), "ended");
  });
});
