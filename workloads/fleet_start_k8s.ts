/**
 * A fleet in Kubernetes, without anything but what every cluster has: a Job whose pods are numbered, a
 * NATS server that only they reach, and a Job that leads.
 *
 * @module
 */
import { AGENTS_WAIT_S, type KubernetesStart, type StartTexts } from "./fleet_start.ts";
import { yamlDocuments, type YamlValue } from "./fleet_start_yaml.ts";
import { shellWord, shellWords } from "./shell_split.ts";

/** Manifests for `kubectl apply`, Kubernetes 1.24 and later. */
export function startKubernetes(start: KubernetesStart): StartTexts {
  const documents = manifests(start);
  const down = downLine(start);
  const text = `# One load from ${start.agents} ${
    start.agents === 1 ? "pod" : "pods"
  }: tokometer fleet k8s wrote this, with a token of its own.
#   kubectl apply -f FILE
${
    start.lead === "pod"
      ? `#   ${kubectl(start)} logs --follow --pod-running-timeout=5m job/${start.name}-leader\n`
      : ""
  }#   ${down}
${yamlDocuments(documents)}`;
  return { start: text, run: runScript(start, text), down: `${down}\n` };
}

function kubectl({ namespace }: KubernetesStart): string {
  return namespace === undefined ? "kubectl" : `kubectl --namespace=${shellWord(namespace)}`;
}

const KINDS = "job,deployment,service,secret,networkpolicy";

function downLine(start: KubernetesStart): string {
  return `${kubectl(start)} delete ${KINDS} --selector=app.kubernetes.io/instance=${start.name}`;
}

/** All objects, in the order in which they are needed. */
export function manifests(start: KubernetesStart): readonly YamlValue[] {
  const { name, token } = start;
  const meta = (part: string, suffix = `-${part}`) => ({
    name: `${name}${suffix}`,
    ...(start.namespace === undefined ? {} : { namespace: start.namespace }),
    labels: labels(start, part),
  });
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: meta("nats"),
      type: "Opaque",
      stringData: {
        token,
        // In a file, since arguments and variables are shown to whoever may look at pods.
        "nats.conf": [
          'listen: "0.0.0.0:4222"',
          "jetstream { store_dir: /data }",
          "max_payload: 1MB",
          `authorization { token: "${token}" }`,
          "",
        ].join("\n"),
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: meta("nats"),
      spec: {
        replicas: 1,
        // Two servers at once would be two fleets.
        strategy: { type: "Recreate" },
        selector: { matchLabels: labels(start, "nats") },
        template: { metadata: { labels: labels(start, "nats") }, spec: natsPod(start) },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: meta("nats"),
      spec: {
        selector: labels(start, "nats"),
        ports: [{ name: "nats", port: 4222, targetPort: "nats" }],
      },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: meta("nats"),
      spec: {
        podSelector: { matchLabels: labels(start, "nats") },
        policyTypes: ["Ingress"],
        ingress: [{
          from: [{ podSelector: { matchLabels: labels(start) } }],
          ports: [{ protocol: "TCP", port: 4222 }],
        }],
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      // The domain of the agents: NAME-agent-0.NAME.
      metadata: meta("agent", ""),
      spec: { clusterIP: "None", selector: labels(start, "agent") },
    },
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: meta("agent"),
      spec: {
        completionMode: "Indexed",
        completions: start.agents,
        parallelism: start.agents,
        // An agent that failed is lost; another one in its place would send what it has sent.
        backoffLimit: 0,
        template: { metadata: { labels: labels(start, "agent") }, spec: agentPod(start) },
      },
    },
    ...(start.lead === "here" ? [] : [{
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: meta("leader"),
      spec: {
        backoffLimit: 0,
        template: { metadata: { labels: labels(start, "leader") }, spec: leaderPod(start) },
      },
    }]),
  ];
}

/** All of a fleet, or one part of it. */
function labels({ name }: KubernetesStart, part?: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": "tokometer",
    "app.kubernetes.io/instance": name,
    ...(part === undefined ? {} : { "app.kubernetes.io/component": part }),
  };
}

/** Pods that may do nothing but what they are for. */
const POD = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    fsGroup: 65532,
    seccompProfile: { type: "RuntimeDefault" },
  },
} as const;

const CONTAINER = {
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  },
} as const;

function natsPod(start: KubernetesStart): YamlValue {
  return {
    ...POD,
    containers: [{
      name: "nats",
      image: start.natsImage ?? start.image,
      command: ["nats-server", "--config", "/etc/tokometer/nats.conf"],
      ports: [{ name: "nats", containerPort: 4222 }],
      readinessProbe: { tcpSocket: { port: "nats" }, periodSeconds: 2 },
      resources: { requests: { cpu: "1", memory: "512Mi" }, limits: { memory: "2Gi" } },
      ...CONTAINER,
      volumeMounts: [
        { name: "config", mountPath: "/etc/tokometer", readOnly: true },
        { name: "data", mountPath: "/data" },
      ],
    }],
    volumes: [
      {
        name: "config",
        secret: {
          secretName: `${start.name}-nats`,
          items: [{ key: "nats.conf", path: "nats.conf" }],
        },
      },
      { name: "data", emptyDir: {} },
    ],
  };
}

function agentPod(start: KubernetesStart): YamlValue {
  return {
    ...POD,
    restartPolicy: "Never",
    subdomain: start.name,
    terminationGracePeriodSeconds: 60,
    // Two agents on one machine would share what one machine can send.
    topologySpreadConstraints: [{
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: labels(start, "agent") },
    }],
    ...container(start, {
      name: "agent",
      args: ["agent", "--fleet", start.name, "--nats", natsUrl(start), "--wait", `${AGENTS_WAIT_S}`]
        // A claim has the folders of earlier runs, too; no two pods have one name.
        .concat(start.unsaved ? ["--no-save"] : ["--out", "/results/$(POD)"]),
      cpus: start.cpus,
      memory: start.memory,
    }),
  };
}

function leaderPod(start: KubernetesStart): YamlValue {
  return {
    ...POD,
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 90,
    ...container(start, {
      name: "leader",
      args: ["bench", "--fleet", start.name, "--agents", `${start.agents}`].concat(
        "--nats",
        natsUrl(start),
        // Kubernetes replaces $(NAME) in arguments, and $$ by $.
        start.bench.map((arg) => arg.replaceAll("$", "$$$$")),
      ),
      cpus: "1",
      memory: "2Gi",
    }),
  };
}

function natsUrl({ name }: KubernetesStart): string {
  return `nats://${name}-nats:4222`;
}

/** Containers and volumes of a pod that runs Tokometer. */
function container(
  { name, image, keySecret, claim }: KubernetesStart,
  own: {
    readonly name: string;
    readonly args: readonly string[];
    readonly cpus: string;
    readonly memory: string;
  },
): { readonly [name: string]: YamlValue } {
  const [keyName = "", field = "key"] = keySecret?.split("/") ?? [];
  const variable = (variable: string, name: string, key: string) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key } },
  });
  return {
    containers: [{
      name: own.name,
      image,
      command: ["tokometer"],
      args: own.args,
      workingDir: "/results",
      env: [
        { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        variable("NATS_TOKEN", `${name}-nats`, "token"),
        ...(keySecret === undefined ? [] : [variable("TOKOMETER_API_KEY", keyName, field)]),
        { name: "HOME", value: "/tmp" },
      ],
      // Equal ones give whole processors where the cluster hands them out.
      resources: {
        requests: { cpu: own.cpus, memory: own.memory },
        limits: { cpu: own.cpus, memory: own.memory },
      },
      ...CONTAINER,
      volumeMounts: [
        { name: "tmp", mountPath: "/tmp" },
        { name: "results", mountPath: "/results" },
      ],
    }],
    volumes: [
      { name: "tmp", emptyDir: {} },
      {
        name: "results",
        ...(claim === undefined
          ? { emptyDir: {} }
          : { persistentVolumeClaim: { claimName: claim } }),
      },
    ],
  };
}

/** Starts it, stays with it to its report, and takes it away. */
function runScript(start: KubernetesStart, text: string): string {
  const { name } = start;
  const control = kubectl(start);
  return `#!/usr/bin/env bash
set -u
tear_down() {
  trap '' INT TERM
  trap - EXIT
  [ -z "\${forward-}" ] || kill "$forward" 2>/dev/null
  ${downLine(start)} --wait=false >&2
}
trap tear_down EXIT
trap 'exit 130' INT TERM
${control} apply -f - >&2 <<'TOKOMETER_END' || exit 3
${text}TOKOMETER_END
${control} rollout status --timeout=5m deployment/${name}-nats >&2 || exit 3
${start.lead === "here" ? leadHere(start, control) : followPod(start, control)}`;
}

/** The leader here reaches the NATS server over the connection of kubectl. */
function leadHere({ name, agents, program, bench }: KubernetesStart, control: string): string {
  return `NATS_TOKEN=$(${control} get secret ${name}-nats --output=jsonpath='{.data.token}' | base64 -d)
export NATS_TOKEN
port=24222
while (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
${control} port-forward service/${name}-nats "$port:4222" >/dev/null &
forward=$!
${shellWords(program)} bench --fleet ${name} --agents ${agents} \\
  --nats "nats://127.0.0.1:$port" \\
  ${shellWords(bench)} <&0 &
leader=$!
# What this script is told, the leader is told.
trap 'kill -INT "$leader" 2>/dev/null' INT TERM
while kill -0 "$leader" 2>/dev/null; do wait "$leader"; done
wait "$leader"
exit
`;
}

function followPod({ name, ...start }: KubernetesStart, control: string): string {
  const pods = selector({ name, ...start }, "leader");
  return `stopped=
# Process 1 of the pod is the leader, which reports before it ends.
stop() {
  stopped=130
  ${control} exec job/${name}-leader -- sh -c 'kill -INT 1' ||
    ${control} delete pod --wait=false --selector=${pods}
}
trap 'stop >&2' INT TERM
${control} logs --follow --pod-running-timeout=5m job/${name}-leader &
logs=$!
while kill -0 "$logs" 2>/dev/null; do wait "$logs"; done
for ((i = 0; i < 50; i++)); do
  code=$(${control} get pods --selector=${pods} \\
    --output=jsonpath='{.items[0].status.containerStatuses[0].state.terminated.exitCode}')
  [ -z "$code" ] || exit "$code"
  sleep 0.2
done
exit "\${stopped:-3}"
`;
}

function selector(start: KubernetesStart, part: string): string {
  return Object.entries(labels(start, part)).map(([key, value]) => `${key}=${value}`).join(",");
}
