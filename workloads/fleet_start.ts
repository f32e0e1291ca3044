/**
 * What starts the machines of a fleet: one plan, and a text of it for each way of starting. The texts are
 * complete: they start the agents and what carries their messages, lead the run, and leave nothing behind.
 *
 * @module
 */

/** A fleet to start, whatever starts it. */
export interface FleetStart {
  /** Name of the fleet: letters, digits and `-`. */
  readonly name: string;
  /** How many machines send. */
  readonly agents: number;
  /** Arguments of `bench`, as they are given on one machine. */
  readonly bench: readonly string[];
  /** Agents keep no record files. Default `false`. */
  readonly unsaved?: boolean;
}

/** Agents that nobody led go after so long, s: what started them may be gone. */
export const AGENTS_WAIT_S = 900;

/** A job of Slurm. */
export interface SlurmStart extends FleetStart {
  /** Slurm starts it. */
  readonly way: "slurm";
  /** Words that start Tokometer on every node, where no file is copied. */
  readonly program: readonly string[];
  /** Executable that is copied to each node; absent = `program` is there. */
  readonly copy?: string;
  /** Processors of each agent; absent = whole nodes. */
  readonly cpus?: number;
  /** Port of the NATS server on the first node; absent = one by the number of the job. */
  readonly port?: number;
  /** Further directives without their dashes, e.g. `partition=batch`. */
  readonly directives: readonly string[];
}

/** Jobs and services of Kubernetes. */
export interface KubernetesStart extends FleetStart {
  /** Kubernetes starts it. */
  readonly way: "k8s";
  /** Image that holds `tokometer` and `nats-server`. */
  readonly image: string;
  /** Image of the NATS server; absent = `image`. */
  readonly natsImage?: string;
  /** Absent = the one that kubectl uses. */
  readonly namespace?: string;
  /** Where the run is led: a pod, or the machine that renders this. */
  readonly lead: "pod" | "here";
  /** Words that start Tokometer here, for `lead: "here"`. */
  readonly program: readonly string[];
  /** Processors of each agent, as Kubernetes writes them. */
  readonly cpus: string;
  /** The same for its memory. */
  readonly memory: string;
  /** `NAME` or `NAME/FIELD` of a Secret with the API key; absent = none is needed. */
  readonly keySecret?: string;
  /** Claim of a volume for the results; absent = they end with their pods. */
  readonly claim?: string;
  /** What the pods and the NATS server share, drawn for each rendering. */
  readonly token: string;
}

/** Processes on hosts that ssh reaches. */
export interface SshStart extends FleetStart {
  /** ssh starts it. */
  readonly way: "ssh";
  /** As ssh takes them, one an agent; a host that is named twice has two. */
  readonly hosts: readonly string[];
  /** Words that start Tokometer on every host, where no file is copied. */
  readonly program: readonly string[];
  /** Executable that is copied to each host; absent = `program` is there. */
  readonly copy?: string;
  /** Words that start Tokometer here. */
  readonly here: readonly string[];
  /** Further options of ssh, e.g. `-p2222`. */
  readonly sshOptions: readonly string[];
  /** First of the ports that are taken, here and on the hosts, each of them on loopback. */
  readonly port: number;
  /** Folder on the hosts in which each agent has one of its own. */
  readonly folder: string;
  /** New folder here for what the agents wrote; absent = one by the time. */
  readonly out?: string;
}

/** A fleet to start, and the way. */
export type AnyStart = SlurmStart | KubernetesStart | SshStart;

/** Names of the ways. */
export const START_WAYS = ["slurm", "k8s", "ssh"] as const;

/** What starts a fleet, and what ends it early. */
export interface StartTexts {
  /** A batch script, manifests, or a script for bash. */
  readonly start: string;
  /** Lines for bash that start it and stay with it: what `--run` runs. */
  readonly run: string;
  /** Lines for bash that end what is left of it, whether it runs or not. */
  readonly down: string;
}
