/**
 * Options that say how a fleet is started.
 *
 * @module
 */
import type { Need, OptionTable } from "./command.ts";
import { START_WAYS } from "./fleet_start.ts";
import { NATS_OPTIONS } from "./fleet_options.ts";
import { group, option, withNeeds } from "./option_table.ts";

/** Brings the record files of a run; it starts nothing. */
export const COLLECT = "collect";

type Way = typeof START_WAYS[number] | typeof COLLECT;

/** The same options, for some ways only. */
function only<T extends OptionTable>(ways: readonly Way[], because: string, table: T): T {
  const need: Need = { key: "way", is: ways, because };
  return withNeeds(table, need);
}

/** A fleet to start. */
export const START_OPTIONS = {
  way: option.argument({
    choices: [...START_WAYS, COLLECT],
    help: "slurm: a batch script; k8s: manifests of Kubernetes; ssh: a script for bash; collect: " +
      "record files of agents that bench --collect did not bring",
  }),
  bench: option.optionalRest({
    help: "after --: the arguments of bench, as on one machine; with collect the run's folder",
  }),
  ...group("Fleet", {
    ...only(["slurm", "k8s"], "with ssh each host is an agent", {
      agents: option.integer({
        min: 1,
        max: 10_000,
        aliases: ["n"],
        help: "How many machines send.",
      }),
    }),
    ...only(START_WAYS, "nothing is started", {
      name: option.text({
        default: "tokometer",
        help: "Name of the fleet and of what is made for it: lower-case letters, digits, and -.",
      }),
    }),
    ...only(["slurm", "ssh"], "the image has the program", {
      program: option.text({
        value: "WORDS",
        defaultText: "this program, by its path",
        help: "What starts Tokometer on the nodes, where it is there already.",
      }),
      copy: option.file({
        defaultText: "with ssh and without --program this executable",
        help: "Executable to copy to each node.",
        needs: [{ key: "program", not: true, because: "one of them starts the agents" }],
      }),
      port: option.integer({
        min: 1024,
        max: 60_000,
        defaultText: "Slurm: by the number of the job; ssh: 24222",
        help: "Port of the NATS server; with ssh the first of those taken on loopback.",
        advanced: true,
      }),
    }),
    ...only(["slurm", "k8s"], "a host is used as it is", {
      cpus: option.integer({
        min: 1,
        max: 4096,
        defaultText: "Slurm: whole nodes; Kubernetes: 2",
        help: "Processors of each agent.",
      }),
    }),
    ...only(START_WAYS, "nothing is started", {
      run: option.flag({ help: "Run it. Without this, it is printed only." }),
      down: option.flag({
        help:
          "What ends a fleet that was started so, in place of what starts it; with --run it is ended.",
      }),
    }),
  }),
  ...group(
    "Slurm",
    only(["slurm"], "it is for batch scripts", {
      sbatch: option.texts({
        repeat: true,
        value: "NAME=VALUE",
        help:
          "Further option of sbatch, e.g. partition=batch or time=30; may be given several times.",
      }),
    }),
  ),
  ...group(
    "Kubernetes",
    only(["k8s"], "it is for manifests", {
      image: option.text({ help: "Image that holds tokometer and nats-server.", value: "IMAGE" }),
      natsImage: option.text({
        value: "IMAGE",
        defaultText: "--image",
        help: "Another image for the NATS server.",
        advanced: true,
      }),
      namespace: option.text({ value: "NAME", defaultText: "kubectl's", help: "Namespace." }),
      lead: option.choice({
        choices: ["pod", "here"],
        default: "pod",
        help:
          "Where the run is led: in a pod, whose log has the report, or here, through kubectl " +
          "port-forward, with files and results on this machine.",
      }),
      memory: option.text({ value: "SIZE", default: "4Gi", help: "Memory of each agent." }),
      keySecret: option.text({
        value: "NAME/FIELD",
        defaultText: "none",
        help: "Secret of the cluster that holds the server's API key, and its field, else key.",
      }),
      claim: option.text({
        value: "NAME",
        defaultText: "none; results end with their pods",
        help: "PersistentVolumeClaim for results and record files, one that all nodes may write.",
      }),
    }),
  ),
  ...group(
    "ssh",
    only(["ssh"], "it is for hosts", {
      hosts: option.texts({
        value: "HOST,…",
        help: "Hosts as ssh takes them, one for each agent.",
      }),
      hostFile: option.file({ help: "File with a host in each line; # begins a comment." }),
      sshOption: option.texts({
        repeat: true,
        value: "OPTION",
        help: "Option of ssh, e.g. -p2222; may be given several times.",
      }),
      hostFolder: option.text({
        value: "DIR",
        default: "/tmp",
        help: "Folder of the hosts for the executable and the record file, which are taken away.",
        advanced: true,
      }),
      out: option.text({
        value: "DIR",
        defaultText: "a new one in tokometer-results",
        help: "Folder here for the agents' record files and what they said.",
      }),
    }),
  ),
  ...only([COLLECT], "agents and leader have it from what starts them", NATS_OPTIONS),
};
